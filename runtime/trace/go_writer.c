/* go_writer.c - moments as `go tool trace` reads them.
 *
 * A thread is a goroutine, by the thread's number. It runs on a P of its own, one for each slot: Go's reader wants
 * whoever runs to have a P, and no two of them the same. Its M is its tid, or where another thread that is not known to
 * have ended has that tid, a number of its own. So no event of a thread depends on another thread's, and the
 * reader, which refuses a trace as a whole when one event does not fit, can only be told what fits:
 *
 *   exists at the begin   P and G run from the trace's begin. One that waits then blocks at once, which tells its
 *                         reason, stack and name; a status that says "waiting" would tell nothing
 *   created               P starts, G is created by nobody, P stops. The creator's stack is there, its M is not
 *   runs                  P starts, G starts
 *   blocks                G blocks, P stops. In a file: a system call begins, and the P is given up in it
 *   unblocked             G is unblocked by itself, or its system call ends: it could run
 *   ends                  G is destroyed, P stops
 *
 * P, G and cycles count their events from 1, as the reader puts events in order by that. One generation is the whole
 * trace. Memory: a small buffer for each living thread, and the tables of go_wire.h. Must never: write an event
 * that the state of its thread does not allow, also when moments come as they should not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/trace/go_wire.h"

/* Numbers that threads do not have: tids are below 2^22 in Linux, numbers of threads count from 1. */
#define COLLECTOR_G (UINT64_C(1) << 30)
#define LOSSES_G (COLLECTOR_G + 1)
#define COLLECTOR_M (UINT64_C(1) << 23)
#define LOSSES_M (COLLECTOR_M + 1)
#define OWN_M (COLLECTOR_M + 2)     /* and up: of threads whose tid another one has */
#define NO_THREAD_FN ((uintptr_t)1) /* in place of a function: the stack's goroutine is no thread */

enum state { CREATED, RUNNING, WAITING, IN_CALL, RUNNABLE };

struct line {
    struct rt__go_batch batch;
    struct rt__track *track;
    enum state state;
    bool is_named; /* some event had a stack, by whose outermost frame Go's tools name a goroutine */
    uint32_t p;
    uint64_t g, g_seq;
    uint64_t stack;                                  /* that it last blocked with */
    char label[sizeof((struct rt__track *)0)->name]; /* as last told */
    struct line *next, *prev;
};

struct writer {
    struct rt__writer base;
    struct rt__out *out;
    uint64_t from_ns, now_ns; /* since the origin, as all times in the trace; now: of the moment being written */
    struct rt__go_strings strings;
    struct rt__go_stacks stacks;
    struct rt__go_batch samples;
    struct rt__go_map ps; /* by slot: number of its P, from 1 */
    uint64_t *p_seqs;     /* by P; UINT64_MAX: not mentioned yet */
    uint32_t p_room;
    struct line *lines; /* of living threads */
    uint64_t cycle_seq;
    uint64_t own_m;
    bool procs_told;
};

#define EVENT(w, line, type, ...)                                                                                      \
    event(w, line, type, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void event(struct writer *w, struct line *l, enum rt__go_type type, const uint64_t *args, size_t n)
{
    rt__go_event(&l->batch, w->out, w->now_ns, type, args, (unsigned)n);
}

static void set_now(struct writer *w, uint64_t ns)
{
    uint64_t since = ns > w->base.writing.origin_ns ? ns - w->base.writing.origin_ns : 0;
    w->now_ns = since > w->from_ns ? since : w->from_ns;
}

static uint64_t string_of(struct writer *w, const char *text)
{
    return rt__go_string(&w->strings, w->out, text);
}

static uint64_t stack_of(struct writer *w, const struct line *l, uint32_t ref)
{
    return rt__go_stack(&w->stacks, w->out, ref,
                        l->track->number == RT__TRACK_COLLECTOR ? NO_THREAD_FN : l->track->start_fn);
}

/* ---- Ps ---- */

/* The P of a track, from 1; 0 when there is no memory. What is no thread shares none, whatever its slot. */
static uint32_t p_of(struct writer *w, const struct rt__track *track)
{
    uint32_t *p = rt__go_map_at(&w->ps, track->slot, track->number < COLLECTOR_G ? 0 : track->number);
    if (p == NULL) {
        return 0;
    }
    if (*p == 0) {
        *p = w->ps.count;
    }
    if (*p > w->p_room) {
        uint32_t room = *p * 2;
        uint64_t *grown = reallocarray(w->p_seqs, room, sizeof *grown);
        if (grown == NULL) {
            return 0;
        }
        memset(grown + w->p_room, 0xFF, (room - w->p_room) * sizeof *grown);
        w->p_seqs = grown;
        w->p_room = room;
    }
    return *p;
}

/* Ps count from 0 in the trace. */
static void p_start(struct writer *w, struct line *l)
{
    uint64_t *seq = &w->p_seqs[l->p - 1];
    if (*seq == UINT64_MAX) {
        *seq = 0;
        EVENT(w, l, RT__GO_PROC_STATUS, l->p - 1, RT__GO_PROC_IS_IDLE);
    }
    EVENT(w, l, RT__GO_PROC_START, l->p - 1, ++*seq);
}

static void p_stop(struct writer *w, struct line *l)
{
    event(w, l, RT__GO_PROC_STOP, NULL, 0);
}

/* One that runs from the begin of the trace, unless its slot had another thread before. */
static void p_exists(struct writer *w, struct line *l)
{
    uint64_t *seq = &w->p_seqs[l->p - 1];
    if (*seq != UINT64_MAX) {
        p_start(w, l);
        return;
    }
    *seq = 0;
    EVENT(w, l, RT__GO_PROC_STATUS, l->p - 1, RT__GO_PROC_IS_RUNNING);
}

/* ---- threads begin, run, wait and end ---- */

static uint64_t m_of(struct writer *w, const struct rt__track *track)
{
    if (track->number == RT__TRACK_COLLECTOR) {
        return COLLECTOR_M;
    }
    for (const struct line *l = w->lines; l != NULL; l = l->next) {
        if (l->batch.m == (uint64_t)track->tid) {
            return OWN_M + w->own_m++;
        }
    }
    return (uint64_t)track->tid;
}

static struct line *line_begin(struct writer *w, struct rt__track *track)
{
    struct line *l = calloc(1, sizeof *l);
    if (l == NULL || (l->p = p_of(w, track)) == 0) {
        free(l);
        w->out->error = -ENOMEM; /* there was none yet */
        return NULL;
    }
    l->track = track;
    l->g = track->number == RT__TRACK_COLLECTOR ? COLLECTOR_G : track->number;
    l->batch.m = m_of(w, track);
    l->batch.now_ns = w->from_ns;
    l->next = w->lines;
    if (w->lines != NULL) {
        w->lines->prev = l;
    }
    w->lines = l;
    track->of_sink = l;
    return l;
}

static void line_end(struct writer *w, struct line *l)
{
    rt__go_batch_flush(&l->batch, w->out);
    rt__go_batch_release(&l->batch);
    *(l->prev != NULL ? &l->prev->next : &w->lines) = l->next;
    if (l->next != NULL) {
        l->next->prev = l->prev;
    }
    free(l);
}

/* What is told by one that runs: how many run at once, and the thread's name, also when it has a new one. */
static void tell(struct writer *w, struct line *l)
{
    l->state = RUNNING;
    if (!w->procs_told) {
        w->procs_told = true;
        EVENT(w, l, RT__GO_PROCS_CHANGE, w->base.writing.procs, 0);
    }
    if (memcmp(l->label, l->track->name, sizeof l->label) != 0) {
        memcpy(l->label, l->track->name, sizeof l->label);
        EVENT(w, l, RT__GO_LABEL, rt__go_text(&w->strings, w->out, l->label, strnlen(l->label, sizeof l->label)));
    }
}

static void exists(struct writer *w, struct line *l)
{
    p_exists(w, l);
    EVENT(w, l, RT__GO_STATUS, l->g, l->batch.m, RT__GO_G_IS_RUNNING);
    tell(w, l);
}

static void created(struct writer *w, struct line *l, const struct rt__moment *moment)
{
    uint64_t own = stack_of(w, l, 0);
    l->is_named = own != 0;
    p_start(w, l);
    /* The creator's stack ends in the creator's function, whatever that is, and not in the new thread's. */
    EVENT(w, l, RT__GO_CREATE, l->g, own, rt__go_stack(&w->stacks, w->out, moment->stack, 0));
    p_stop(w, l);
    l->state = CREATED;
}

static void runs(struct writer *w, struct line *l)
{
    if (l->state != CREATED && l->state != RUNNABLE) {
        return;
    }
    p_start(w, l);
    EVENT(w, l, RT__GO_START, l->g, ++l->g_seq);
    tell(w, l);
}

/* In words by which `go tool trace -pprof=net` and `-pprof=sync` choose. */
static const char *reason_of(const struct line *l, enum rt__block reason)
{
    if (l->track->number == RT__TRACK_COLLECTOR) {
        return "GC worker (idle)";
    }
    switch (reason) {
    case RT__BLOCK_NETWORK:
        return "network";
    case RT__BLOCK_MUTEX:
    case RT__BLOCK_RWLOCK:
    case RT__BLOCK_SEMAPHORE:
        return "sync";
    case RT__BLOCK_COND:
        return "sync.(*Cond).Wait";
    case RT__BLOCK_SLEEP:
        return "sleep";
    default:
        return "waiting";
    }
}

static void waits(struct writer *w, struct line *l, const struct rt__moment *moment)
{
    uint64_t stack = l->stack = stack_of(w, l, moment->stack);
    l->is_named = l->is_named || stack != 0;
    if (moment->reason == RT__BLOCK_FILE && l->track->number != RT__TRACK_COLLECTOR) {
        EVENT(w, l, RT__GO_SYSCALL_BEGIN, ++w->p_seqs[l->p - 1], stack);
        l->state = IN_CALL;
    } else {
        EVENT(w, l, RT__GO_BLOCK, string_of(w, reason_of(l, moment->reason)), stack);
        l->state = WAITING;
    }
    p_stop(w, l);
}

static void unblocked(struct writer *w, struct line *l)
{
    if (l->state == IN_CALL) {
        event(w, l, RT__GO_SYSCALL_END_BLOCKED, NULL, 0);
    } else if (l->state == WAITING) {
        /* Go has the stack of whoever let it go here, for `-pprof=sched`. That is not known; where it waited is. */
        EVENT(w, l, RT__GO_UNBLOCK, l->g, ++l->g_seq, l->stack);
    } else {
        return;
    }
    l->state = RUNNABLE;
}

/* A goroutine that existed and only ever ran has shown no stack. So that it has a name, it yields once at the end. */
static void show_function(struct writer *w, struct line *l)
{
    uint64_t stack = l->is_named ? 0 : stack_of(w, l, 0);
    if (stack != 0) {
        l->is_named = true;
        EVENT(w, l, RT__GO_STOP, string_of(w, "preempted"), stack);
        EVENT(w, l, RT__GO_START, l->g, ++l->g_seq);
    }
}

static void ends(struct writer *w, struct line *l)
{
    show_function(w, l);
    event(w, l, RT__GO_DESTROY, NULL, 0);
    p_stop(w, l);
    line_end(w, l);
}

/* ---- what one does that runs ---- */

static void annotates(struct writer *w, struct line *l, const struct rt__moment *moment)
{
    uint64_t stack = stack_of(w, l, moment->stack);
    switch (moment->kind) {
    case RT__MOMENT_TASK_BEGIN:
        EVENT(w, l, RT__GO_TASK_BEGIN, moment->task, moment->parent, string_of(w, moment->name), stack);
        break;
    case RT__MOMENT_TASK_END:
        EVENT(w, l, RT__GO_TASK_END, moment->task, stack);
        break;
    case RT__MOMENT_REGION_BEGIN:
        EVENT(w, l, RT__GO_REGION_BEGIN, moment->task, string_of(w, moment->name), stack);
        break;
    case RT__MOMENT_REGION_END:
        EVENT(w, l, RT__GO_REGION_END, moment->task, string_of(w, moment->name), stack);
        break;
    default:
        EVENT(w, l, RT__GO_LOG, moment->task, string_of(w, moment->name),
              rt__go_text(&w->strings, w->out, moment->text, moment->len), stack);
        break;
    }
}

/* Samples are not among the thread's events: the reader puts them there by their time. */
static void sampled(struct writer *w, struct line *l, const struct rt__moment *moment)
{
    rt__go_entry(&w->samples, w->out, RT__GO_CPU_SAMPLE,
                 (const uint64_t[]){w->now_ns, l->batch.m, l->p - 1, l->g, stack_of(w, l, moment->stack)}, 5, NULL, 0);
}

static void acts(struct writer *w, struct line *l, const struct rt__moment *moment)
{
    switch (moment->kind) {
    case RT__MOMENT_WAITING:
        waits(w, l, moment);
        break;
    case RT__MOMENT_END:
        l->track->of_sink = NULL;
        ends(w, l);
        break;
    case RT__MOMENT_HEAP_ALLOC:
        EVENT(w, l, RT__GO_HEAP_ALLOC, moment->value);
        break;
    case RT__MOMENT_HEAP_GOAL:
        EVENT(w, l, RT__GO_HEAP_GOAL, moment->value);
        break;
    case RT__MOMENT_GC_BEGIN:
        EVENT(w, l, RT__GO_GC_BEGIN, ++w->cycle_seq, 0);
        break;
    case RT__MOMENT_GC_END:
        EVENT(w, l, RT__GO_GC_END, ++w->cycle_seq);
        break;
    case RT__MOMENT_STW_BEGIN:
        EVENT(w, l, RT__GO_STW_BEGIN, string_of(w, "GC mark"), 0);
        break;
    case RT__MOMENT_STW_END:
        event(w, l, RT__GO_STW_END, NULL, 0);
        break;
    default:
        annotates(w, l, moment);
        break;
    }
}

static void begins(struct writer *w, struct rt__track *track, const struct rt__moment *moment)
{
    struct line *l = line_begin(w, track);
    if (l == NULL) {
        return;
    }
    if (moment->kind == RT__MOMENT_CREATED) {
        created(w, l, moment);
        return;
    }
    exists(w, l);
    if (moment->kind == RT__MOMENT_EXISTS_WAITING) {
        waits(w, l, moment);
    }
}

static void take_moment(void *sink, struct rt__track *track, const struct rt__moment *moment)
{
    struct writer *w = sink;
    struct line *l = track->of_sink;
    if (w->out->error != 0) {
        return;
    }
    set_now(w, moment->ns);
    if (moment->kind <= RT__MOMENT_CREATED) {
        if (l == NULL) {
            begins(w, track, moment);
        }
    } else if (l == NULL) {
        return;
    } else if (moment->kind == RT__MOMENT_RUN) {
        runs(w, l);
    } else if (moment->kind == RT__MOMENT_UNBLOCK) {
        unblocked(w, l);
    } else if (moment->kind == RT__MOMENT_SAMPLE) {
        sampled(w, l, moment);
    } else if (l->state == RUNNING) {
        acts(w, l, moment);
    }
}

/* ---- the end ---- */

/* A goroutine that is made for it says what is missing, since none need be running. */
static void write_losses(struct writer *w, uint64_t to_ns, const struct rt__timeline_losses *losses)
{
    if (losses->events == 0 && losses->gaps == 0 && !losses->no_memory) {
        return;
    }
    struct rt__track track = {.number = LOSSES_G, .tid = LOSSES_M, .name = "cruntime"};
    struct rt__moment moment = {.kind = RT__MOMENT_CREATED, .ns = to_ns};
    take_moment(w, &track, &moment);
    moment.kind = RT__MOMENT_RUN;
    take_moment(w, &track, &moment);
    char text[160];
    moment.kind = RT__MOMENT_LOG;
    moment.name = "cruntime";
    moment.text = text;
    moment.len = (size_t)snprintf(text, sizeof text, "this trace is not whole: %llu events and %llu chunks were lost%s",
                                  (unsigned long long)losses->events, (unsigned long long)losses->gaps,
                                  losses->no_memory ? ", and there was not enough memory" : "");
    take_moment(w, &track, &moment);
    moment.kind = RT__MOMENT_END;
    take_moment(w, &track, &moment);
}

static void write_stacks(struct writer *w)
{
    static const struct rt__place no_thread = {.pc = 1, .function = "(garbage collector)", .file = ""};
    struct rt__place places[RT__GO_FRAMES_MOST];
    const struct rt__writing *writing = &w->base.writing;
    rt__places_fn *find = writing->find != NULL ? writing->find : rt__places_find;
    for (uint32_t i = 0; i < w->stacks.ids.room && w->out->error == 0; i++) {
        const struct rt__go_slot *s = &w->stacks.ids.slots[i];
        if (s->value == 0) {
            continue;
        }
        uintptr_t fn = (uintptr_t)s->b == NO_THREAD_FN ? 0 : (uintptr_t)s->b;
        size_t n = 0;
        if (s->a != 0 || fn != 0) {
            n = find(writing->places, w->base.timeline, (uint32_t)s->a, fn, places, RT__GO_FRAMES_MOST);
        } else {
            places[n++] = no_thread;
        }
        rt__go_stack_write(&w->stacks, &w->strings, w->out, s->value, places, n);
    }
}

static void finish(struct rt__writer *self, uint64_t to_ns, const struct rt__timeline_losses *losses)
{
    struct writer *w = (struct writer *)self;
    set_now(w, to_ns);
    write_losses(w, to_ns, losses);
    for (struct line *l = w->lines; l != NULL; l = l->next) {
        if (l->state == RUNNING) {
            show_function(w, l);
        }
        rt__go_batch_flush(&l->batch, w->out);
    }
    write_stacks(w);
    rt__go_batch_flush(&w->samples, w->out);
    rt__go_batch_flush(&w->stacks.batch, w->out);
    rt__go_batch_flush(&w->strings.batch, w->out);
}

static void release(struct rt__writer *self)
{
    struct writer *w = (struct writer *)self;
    while (w->lines != NULL) {
        struct line *l = w->lines;
        w->lines = l->next;
        rt__go_batch_release(&l->batch);
        free(l);
    }
    rt__go_batch_release(&w->samples);
    rt__go_strings_release(&w->strings);
    rt__go_stacks_release(&w->stacks);
    rt__go_map_release(&w->ps);
    free(w->p_seqs);
    free(w);
}

struct rt__writer *rt__go_writer_new(const struct rt__writing *writing)
{
    struct writer *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return NULL;
    }
    w->base = (struct rt__writer){.moment = take_moment, .finish = finish, .free = release, .writing = *writing};
    w->out = writing->out;
    w->from_ns = 1; /* a reader takes a time of 0 for none */
    set_now(w, writing->from_ns);
    w->from_ns = w->now_ns;
    w->samples = (struct rt__go_batch){.m = RT__GO_NO_THREAD, .kind = RT__GO_CPU_SAMPLES, .first_ns = w->from_ns};
    rt__go_strings_begin(&w->strings, w->from_ns);
    rt__go_stacks_begin(&w->stacks, w->from_ns);
    rt__go_header(w->out, w->from_ns);
    return &w->base;
}
