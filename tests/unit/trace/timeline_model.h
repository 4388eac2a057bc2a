/* timeline_model.h - a made-up program: threads that come and go, block, and work for tasks, by a seed. It knows what
 * every thread did, records it on a tape, and tells what is to be heard between two moments if nothing is lost.
 */
#ifndef TESTS_UNIT_TRACE_TIMELINE_MODEL_H
#define TESTS_UNIT_TRACE_TIMELINE_MODEL_H

#include "tests/unit/trace/timeline_check.h"
#include "tests/unit/trace/timeline_tape.h"

#define MODEL_THREADS 40
#define MODEL_SLOTS 5 /* so that they change hands often */
#define MODEL_TIDS 7
#define MODEL_SITES 6
#define MODEL_NEVER UINT64_MAX

struct model_step {
    enum rt__event_type type;
    uint64_t ns, end_ns; /* end: of a block */
    uint64_t free_ns;
    enum rt__block reason;
    uint32_t stack; /* or site */
    uint64_t id, parent, value;
    uint64_t task;    /* a region's, a log's */
    uint64_t open_ns; /* when the region began that ends */
};

struct model_thread {
    struct rt__timeline_thread told; /* blocked_since in ticks: it never wakes */
    bool is_alive, has_slot;
    uint64_t made_ns, begin_ns, next_ns, end_ns; /* begin 0: not recorded. end MODEL_NEVER: it lives */
    uint64_t task;
    unsigned unknown; /* regions open when recording began */
    struct model_step open[8];
    unsigned depth;
    struct model_step *steps;
    size_t step_count;
};

struct model {
    uint64_t random;
    struct rt__clock_map clock; /* one tick is two nanoseconds, later one: both ways exact */
    struct tape tape;
    struct model_thread threads[MODEL_THREADS];
    size_t thread_count;
    uint64_t start_ns, stop_ns;
    uint32_t sites[MODEL_SITES];
    uint64_t tasks[16], last_task; /* tasks that live, 0 none */
};

static inline uint64_t model_random(struct model *m, uint64_t below)
{
    uint64_t z = (m->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

/* Rounds ns down to a whole tick: all times of the model are. */
static inline uint64_t model_ticks(const struct model *m, uint64_t ns)
{
    const struct rt__clock_pair *p = m->clock.pairs;
    return ns < p[1].ns ? p[0].ticks + (ns - p[0].ns) / 2 : p[1].ticks + (ns - p[1].ns);
}

static inline uint64_t model_whole(const struct model *m, uint64_t ns)
{
    return rt__clock_ns(&m->clock, model_ticks(m, ns));
}

static inline struct model_thread *model_add(struct model *m, uint64_t made_ns, uint64_t begin_ns, uint32_t stack)
{
    if (m->thread_count == MODEL_THREADS) {
        return NULL;
    }
    struct model_thread *t = &m->threads[m->thread_count++];
    *t = (struct model_thread){.is_alive = true,
                               .made_ns = made_ns,
                               .begin_ns = begin_ns,
                               .next_ns = begin_ns,
                               .end_ns = MODEL_NEVER,
                               .told.start_fn = 0x1000 + stack};
    return t;
}

/* The number, slot and tid come when it begins, as recording hands them out; false: all are taken. */
static inline bool model_sits_down(struct model *m, struct model_thread *t, uint64_t ns)
{
    bool slots[MODEL_SLOTS] = {false}, tids[MODEL_TIDS] = {false};
    uint64_t number = 1;
    for (size_t i = 0; i < m->thread_count; i++) {
        const struct model_thread *o = &m->threads[i];
        if (o->has_slot && o->is_alive) {
            slots[o->told.slot] = true;
            tids[o->told.tid] = true;
        }
        number += o->has_slot;
    }
    uint32_t slot = 0, tid = (uint32_t)model_random(m, MODEL_TIDS);
    while (slot < MODEL_SLOTS && slots[slot]) {
        slot++;
    }
    while (tids[tid]) {
        tid = (tid + 1) % MODEL_TIDS;
    }
    if (slot == MODEL_SLOTS) {
        return false;
    }
    t->has_slot = true;
    t->told.number = number;
    t->told.slot = slot;
    t->told.tid = (pid_t)tid;
    t->told.born_ticks = model_ticks(m, ns);
    return true;
}

static inline void model_record(struct model *m, struct model_thread *t, const struct model_step *s)
{
    uint64_t ticks = model_ticks(m, s->ns), n = t->told.number;
    if (model_random(m, 10) == 0) {
        tape_cut(&m->tape, n);
    }
    uint64_t words[2] = {s->id, s->parent};
    switch (s->type) {
    case RT__EV_BEGIN:
        words[0] = model_ticks(m, t->made_ns);
        words[1] = t->told.start_fn;
        tape_event(&m->tape, n, ticks, t->task, s->type, s->stack, words, 2);
        break;
    case RT__EV_BLOCK:
        words[0] = model_ticks(m, s->end_ns);
        words[1] = (uint64_t)s->reason | (words[0] - model_ticks(m, s->free_ns)) << 8;
        tape_event(&m->tape, n, ticks, t->task, s->type, s->stack, words, 2);
        break;
    case RT__EV_TASK_BEGIN:
        tape_event(&m->tape, n, ticks, t->task, s->type, s->stack, words, 2);
        break;
    case RT__EV_TASK_END:
    case RT__EV_TASK_SET:
        tape_event(&m->tape, n, ticks, t->task, s->type, s->stack, words, 1);
        break;
    case RT__EV_LOG:
        tape_log(&m->tape, n, ticks, t->task, s->stack, s->value % 2 ? "a log of some words" : "short");
        break;
    case RT__EV_HEAP_ALLOC:
    case RT__EV_HEAP_GOAL:
        tape_event(&m->tape, n, ticks, t->task, s->type, 0, &s->value, 1);
        break;
    default:
        tape_event(&m->tape, n, ticks, t->task, s->type, s->stack, NULL, 0);
    }
}

static inline void model_keep(struct model *m, struct model_thread *t, const struct model_step *s)
{
    model_record(m, t, s);
    t->steps = realloc(t->steps, (t->step_count + 1) * sizeof(*t->steps));
    assert_non_null(t->steps);
    t->steps[t->step_count++] = *s;
}

static inline void model_task(struct model *m, struct model_thread *t, struct model_step *s)
{
    uint64_t *live = &m->tasks[model_random(m, 16)];
    s->stack = m->sites[model_random(m, MODEL_SITES)];
    if (*live == 0) {
        s->type = RT__EV_TASK_BEGIN;
        s->parent = t->task;
        s->id = *live = ++m->last_task;
    } else {
        s->type = model_random(m, 2) ? RT__EV_TASK_END : RT__EV_TASK_SET;
        s->id = *live;
    }
    model_keep(m, t, s);
    if (s->type != RT__EV_TASK_END) {
        t->task = s->id;
    } else {
        *live = 0;
        t->task = t->task == s->id ? 0 : t->task;
    }
}

static inline void model_region(struct model *m, struct model_thread *t, struct model_step *s)
{
    bool may_end = t->depth > 0 || t->unknown > 0;
    s->task = t->task;
    s->stack = m->sites[model_random(m, MODEL_SITES)];
    s->type = RT__EV_REGION_BEGIN;
    if (t->depth < 8 && (!may_end || model_random(m, 2))) {
        t->open[t->depth++] = *s;
    } else if (t->depth > 0) {
        s->type = RT__EV_REGION_END;
        t->depth--;
        s->task = t->open[t->depth].task;
        s->stack = t->open[t->depth].stack;
        s->open_ns = t->open[t->depth].ns;
    } else {
        s->type = RT__EV_REGION_END;
        t->unknown--;
    }
    model_keep(m, t, s);
}

static inline void model_block(struct model *m, struct model_thread *t, struct model_step *s)
{
    s->type = RT__EV_BLOCK;
    s->reason = (enum rt__block)model_random(m, RT__BLOCK_IDLE);
    s->stack = 1 + (uint32_t)model_random(m, 100);
    s->end_ns = model_whole(m, s->ns + 2 + model_random(m, 400));
    s->free_ns = model_whole(m, s->end_ns - model_random(m, s->end_ns - s->ns));
    if (t->told.number > 1 && model_random(m, 30) == 0) { /* for ever */
        t->told.blocked_since = model_ticks(m, s->ns);
        t->told.blocked_reason = s->reason;
        t->told.blocked_pc = 0x7000 + s->stack % 3;
        t->next_ns = MODEL_NEVER;
        return;
    }
    model_keep(m, t, s);
    t->next_ns = s->end_ns;
}

static inline void model_spawn(struct model *m, uint64_t ns)
{
    uint64_t begin_ns = model_whole(m, ns + 2 + model_random(m, 100));
    model_add(m, ns, begin_ns, 1 + (uint32_t)model_random(m, 100));
}

static inline void model_step(struct model *m, struct model_thread *t)
{
    struct model_step s = {.ns = t->next_ns, .value = model_random(m, 1000), .task = t->task};
    if (!t->has_slot) {
        if (!model_sits_down(m, t, s.ns)) {
            t->next_ns += 50;
            t->begin_ns = t->next_ns = model_whole(m, t->next_ns);
            return;
        }
        s.type = RT__EV_BEGIN;
        s.stack = (uint32_t)(t->told.start_fn - 0x1000);
        model_keep(m, t, &s);
    } else {
        switch (model_random(m, 16)) {
        case 0:
        case 1:
        case 2:
            model_block(m, t, &s);
            break;
        case 3:
        case 4:
        case 5:
        case 6:
            model_region(m, t, &s);
            break;
        case 7:
        case 8:
        case 9:
            model_task(m, t, &s);
            break;
        case 10:
        case 11:
            s.type = RT__EV_LOG;
            s.stack = m->sites[model_random(m, MODEL_SITES)];
            model_keep(m, t, &s);
            break;
        case 12:
        case 13:
            s.type = model_random(m, 2) ? RT__EV_HEAP_ALLOC : RT__EV_HEAP_GOAL;
            model_keep(m, t, &s);
            break;
        case 14:
            model_spawn(m, s.ns);
            break;
        default:
            if (model_random(m, 3) == 0) {
                s.type = RT__EV_END;
                model_keep(m, t, &s);
                t->is_alive = false;
                t->end_ns = s.ns;
                t->next_ns = MODEL_NEVER;
            }
        }
    }
    if (t->next_ns != MODEL_NEVER) {
        t->next_ns = model_whole(m, t->next_ns + 2 + model_random(m, 60));
    }
}

/* Runs the program that the seed makes up, for so many steps. */
static inline void model_run(struct model *m, uint64_t seed, unsigned steps)
{
    static const char *const names[MODEL_SITES] = {"parse", "query", "render", "commit", "query", "wait"};
    *m = (struct model){.random = seed, .start_ns = 10000, .tape.words_most = RT__CHUNK_WORDS};
    m->clock = (struct rt__clock_map){.n = 3, .pairs = {{5000, 1000}, {12000, 15000}, {112000, 115000}}};
    m->tape.words_most = 8 + model_random(m, 40);
    for (size_t i = 0; i < MODEL_SITES; i++) {
        m->sites[i] = rt__site(names[i], (void *)(0x4000 + i));
    }
    for (int i = 0; i < 3; i++) { /* were there before recording began */
        uint64_t ns = model_whole(m, m->start_ns + model_random(m, 100));
        struct model_thread *t = model_add(m, ns, 0, 0);
        assert_true(model_sits_down(m, t, ns));
        t->unknown = (unsigned)model_random(m, 3);
        t->next_ns = i == 0 || model_random(m, 4) ? ns : MODEL_NEVER; /* idle from first to last */
    }
    for (unsigned i = 0; i < steps; i++) {
        struct model_thread *next = &m->threads[0];
        for (size_t k = 1; k < m->thread_count; k++) {
            next = m->threads[k].next_ns < next->next_ns ? &m->threads[k] : next;
        }
        if (next->next_ns == MODEL_NEVER) {
            break;
        }
        m->stop_ns = next->next_ns;
        model_step(m, next);
    }
    for (size_t i = 0; i < m->tape.count; i++) {
        struct rt__chunk_copy *c = &m->tape.chunks[i]->copy;
        for (size_t k = 0; k < m->thread_count; k++) {
            if (m->threads[k].has_slot && m->threads[k].told.number == c->thread) {
                c->slot = m->threads[k].told.slot;
                c->tid = m->threads[k].told.tid;
                c->start_fn = m->threads[k].told.start_fn;
            }
        }
    }
    for (size_t k = 0; k < m->thread_count; k++) { /* blocks end later than the last step */
        const struct model_thread *t = &m->threads[k];
        if (t->next_ns != MODEL_NEVER && t->next_ns > m->stop_ns) {
            m->stop_ns = t->next_ns;
        }
    }
}

static inline void model_free(struct model *m)
{
    for (size_t i = 0; i < m->thread_count; i++) {
        free(m->threads[i].steps);
    }
    tape_erase(&m->tape);
}

/* ---- what is to be heard ---- */

static inline void tell_at(struct story *s, uint64_t ns)
{
    tell(s, "%s@%llu ", s->len ? " " : "", (unsigned long long)ns);
}

static inline void model_tell_step(struct story *out, const struct model_step *s, uint64_t from_ns, uint64_t to_ns)
{
    unsigned long long id = s->id, parent = s->parent, task = s->task, value = s->value;
    const char *name = rt__site_name(s->stack);
    if (s->type == RT__EV_BLOCK) {
        if (s->ns >= from_ns) {
            tell_at(out, s->ns);
            tell(out, "waits(%s,%u)", reason_text(s->reason), s->stack);
        }
        if (s->end_ns <= to_ns) {
            tell_at(out, s->free_ns > from_ns ? s->free_ns : from_ns);
            tell(out, "unblock @%llu run", (unsigned long long)s->end_ns);
        }
        return;
    }
    if (s->type == RT__EV_BEGIN || s->type == RT__EV_TASK_SET) {
        return;
    }
    tell_at(out, s->ns);
    switch (s->type) {
    case RT__EV_END:
        tell(out, "end");
        break;
    case RT__EV_TASK_BEGIN:
        tell(out, "task(%llu,%llu,%s)", id, parent, name);
        break;
    case RT__EV_TASK_END:
        tell(out, "task-end(%llu)", id);
        break;
    case RT__EV_REGION_BEGIN:
        tell(out, "region(%llu,%s)", task, name);
        break;
    case RT__EV_REGION_END:
        tell(out, "region-end(%llu,%s)", task, name);
        break;
    case RT__EV_LOG:
        tell(out, "log(%llu,%s,%s)", task, name, value % 2 ? "a log of some words" : "short");
        break;
    default:
        tell(out, "%s(%llu)", s->type == RT__EV_HEAP_ALLOC ? "alloc" : "goal", value);
    }
}

/* How the track begins; false: it does not. */
static inline bool model_tell_begin(struct story *out, const struct model *m, const struct model_thread *t,
                                    uint64_t from_ns, uint64_t to_ns)
{
    uint64_t born_ns = rt__clock_ns(&m->clock, t->told.born_ticks);
    uint64_t since_ns = t->told.blocked_since ? rt__clock_ns(&m->clock, t->told.blocked_since) : MODEL_NEVER;
    if (!t->has_slot || t->end_ns < from_ns || born_ns > to_ns) {
        return false;
    }
    if (t->begin_ns >= from_ns && t->begin_ns != 0) {
        uint64_t made_ns = t->made_ns < from_ns ? from_ns : t->made_ns;
        tell(out, "@%llu created(%u) @%llu run", (unsigned long long)made_ns, t->steps[0].stack,
             (unsigned long long)t->begin_ns);
        return true;
    }
    if (born_ns > from_ns) {
        tell(out, "@%llu created(0) @%llu run", (unsigned long long)born_ns, (unsigned long long)born_ns);
        return true;
    }
    tell_at(out, from_ns);
    for (size_t i = 0; i < t->step_count; i++) {
        const struct model_step *s = &t->steps[i];
        if (s->type == RT__EV_BLOCK && s->ns < from_ns && s->end_ns >= from_ns) {
            tell(out, "exists-waiting(%s,%u)", reason_text(s->reason), s->stack);
            return true;
        }
    }
    if (since_ns <= from_ns) {
        tell(out, "exists-waiting(%s,pc%llx)", reason_text(t->told.blocked_reason),
             (unsigned long long)t->told.blocked_pc);
    } else {
        tell(out, "exists");
    }
    return true;
}

/* To be freed. */
static inline char *model_expects(const struct model *m, const struct model_thread *t, uint64_t from_ns, uint64_t to_ns)
{
    struct story out = {0};
    uint64_t born_ns = rt__clock_ns(&m->clock, t->told.born_ticks);
    uint64_t since_ns = t->told.blocked_since ? rt__clock_ns(&m->clock, t->told.blocked_since) : 0;
    tell(&out, "%s", "");
    if (!model_tell_begin(&out, m, t, from_ns, to_ns)) {
        return out.text;
    }
    for (size_t i = 0; i < t->step_count; i++) {
        const struct model_step *s = &t->steps[i];
        uint64_t last_ns = s->type == RT__EV_BLOCK ? s->end_ns : s->ns;
        if (s->type == RT__EV_REGION_END && s->open_ns == 0 && born_ns > from_ns) {
            continue; /* of no region that anybody knows of */
        }
        if (last_ns >= from_ns && s->ns <= to_ns) {
            model_tell_step(&out, s, from_ns, to_ns);
        }
    }
    if (since_ns > from_ns && since_ns <= to_ns) {
        tell_at(&out, since_ns);
        tell(&out, "waits(%s,pc%llx)", reason_text(t->told.blocked_reason), (unsigned long long)t->told.blocked_pc);
    }
    return out.text;
}

#endif
