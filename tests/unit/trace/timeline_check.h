/* timeline_check.h - a sink that holds a timeline to all that timeline.h promises, and keeps what it heard as text.
 *
 * A broken promise fails the test that runs. What was said of a thread reads like
 *     "@100 exists @120 waits(mutex,7) @130 unblock @140 run @150 end"
 */
#ifndef TESTS_UNIT_TRACE_TIMELINE_CHECK_H
#define TESTS_UNIT_TRACE_TIMELINE_CHECK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/trace/record.h"
#include "runtime/trace/sites.h"
#include "runtime/trace/timeline.h"

/* Text that grows. */
struct story {
    char *text;
    size_t len, room;
};

static inline void tell(struct story *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void tell(struct story *s, const char *format, ...)
{
    va_list args;
    if (s->len + 1300 > s->room) {
        s->room = s->room * 2 + 4096;
        s->text = realloc(s->text, s->room);
        assert_non_null(s->text);
    }
    va_start(args, format);
    s->len += (size_t)vsnprintf(s->text + s->len, s->room - s->len, format, args);
    va_end(args);
    assert_true(s->len < s->room);
}

static inline const char *reason_text(enum rt__block reason)
{
    static const char *const names[RT__BLOCK_REASONS] = {"network",   "mutex", "cond", "rwlock",
                                                         "semaphore", "sleep", "file", "idle"};
    assert_true(reason < RT__BLOCK_REASONS);
    return names[reason];
}

struct checked_region {
    uint64_t task;
    const char *name;
};

struct checked_track {
    struct checked_track *next;
    const struct rt__track *track;
    enum { IS_CREATED, IS_RUNNING, IS_WAITING, IS_UNBLOCKED, HAS_ENDED } state;
    bool has_run, is_in_cycle, is_stopping;
    uint64_t last_ns, ran_ns;
    struct checked_region regions[RT__REGIONS_MOST];
    unsigned depth;
    struct story story, samples;
};

#define CHECKED_TASKS 4096
struct check {
    const struct rt__timeline *timeline;
    uint64_t from_ns, to_ns;
    struct checked_track *tracks;
    uint64_t tasks[CHECKED_TASKS]; /* begun and not ended */
    size_t task_count;
    uint64_t last_cycle;
};

#define HOLDS(what)                                                                                                    \
    do {                                                                                                               \
        if (!(what)) {                                                                                                 \
            fail_msg("%s, of thread %llu at %llu: %s", #what, (unsigned long long)c->track->number,                    \
                     (unsigned long long)m->ns, c->story.text ? c->story.text : "");                                   \
        }                                                                                                              \
    } while (0)

/* What stands in the seats of a track that begins. */
static inline void check_seats(const struct check *k, const struct checked_track *c, const struct rt__moment *m)
{
    for (const struct checked_track *o = k->tracks; o; o = o->next) {
        if (o == c || (o->track->slot != c->track->slot && o->track->tid != c->track->tid)) {
            continue;
        }
        HOLDS(o->state == HAS_ENDED);
        HOLDS(m->kind == RT__MOMENT_CREATED || (m->kind == RT__MOMENT_RUN && o->last_ns <= m->ns));
    }
    HOLDS((c->track->number == RT__TRACK_COLLECTOR) == (c->track->slot == RT__SLOT_COLLECTOR));
    HOLDS((c->track->number == RT__TRACK_COLLECTOR) == (c->track->tid == RT__TID_COLLECTOR));
}

static inline struct checked_track *checked(struct check *k, struct rt__track *track, const struct rt__moment *m)
{
    struct checked_track *c = track->of_sink;
    if (c) {
        HOLDS(c->track == track);
        return c;
    }
    c = calloc(1, sizeof(*c));
    assert_non_null(c);
    track->of_sink = c;
    c->track = track;
    for (struct checked_track *o = k->tracks; o; o = o->next) {
        HOLDS(o->track->number != track->number);
    }
    c->next = k->tracks;
    k->tracks = c;
    check_seats(k, c, m);
    HOLDS(m->kind <= RT__MOMENT_CREATED);
    HOLDS(m->kind == RT__MOMENT_CREATED || m->ns == k->from_ns);
    return c;
}

static inline void check_task(struct check *k, struct checked_track *c, const struct rt__moment *m)
{
    size_t i = 0;
    while (i < k->task_count && k->tasks[i] != m->task) {
        i++;
    }
    HOLDS(m->task != 0 && m->task != UINT64_MAX);
    if (m->kind == RT__MOMENT_TASK_BEGIN) {
        HOLDS(i == k->task_count && i < CHECKED_TASKS);
        k->tasks[k->task_count++] = m->task;
    } else if (i < k->task_count) {
        k->tasks[i] = k->tasks[--k->task_count];
    }
}

static inline void check_region(struct checked_track *c, const struct rt__moment *m)
{
    if (m->kind == RT__MOMENT_REGION_BEGIN) {
        HOLDS(c->depth < RT__REGIONS_MOST);
        c->regions[c->depth++] = (struct checked_region){m->task, m->name};
    } else if (c->depth > 0) {
        const struct checked_region *r = &c->regions[--c->depth];
        HOLDS(r->task == m->task && strcmp(r->name, m->name) == 0);
    }
}

static inline void check_cycle(struct check *k, struct checked_track *c, const struct rt__moment *m)
{
    HOLDS(c->track->number == RT__TRACK_COLLECTOR);
    switch (m->kind) {
    case RT__MOMENT_GC_BEGIN:
        HOLDS(!c->is_in_cycle && m->value > k->last_cycle);
        k->last_cycle = m->value;
        c->is_in_cycle = true;
        break;
    case RT__MOMENT_STW_BEGIN:
        HOLDS(c->is_in_cycle && !c->is_stopping);
        c->is_stopping = true;
        break;
    case RT__MOMENT_STW_END:
        HOLDS(c->is_stopping);
        c->is_stopping = false;
        break;
    default:
        HOLDS(c->is_in_cycle && !c->is_stopping && m->value == k->last_cycle);
        c->is_in_cycle = false;
    }
}

/* The site that a moment refers to has its name. */
static inline void check_site(struct checked_track *c, const struct rt__moment *m)
{
    if (m->stack != 0) {
        HOLDS(m->stack & RT__REF_SITE);
        HOLDS(!m->name || strcmp(m->name, rt__site_name(m->stack & ~RT__REF_SITE)) == 0);
    }
}

static inline void check_state(struct check *k, struct checked_track *c, const struct rt__moment *m)
{
    switch (m->kind) {
    case RT__MOMENT_EXISTS_RUNNING:
    case RT__MOMENT_EXISTS_WAITING:
    case RT__MOMENT_CREATED:
        HOLDS(!c->story.text);
        c->state = m->kind == RT__MOMENT_CREATED          ? IS_CREATED
                   : m->kind == RT__MOMENT_EXISTS_WAITING ? IS_WAITING
                                                          : IS_RUNNING;
        break;
    case RT__MOMENT_RUN:
        HOLDS(c->state == IS_CREATED || c->state == IS_UNBLOCKED);
        if (c->state == IS_CREATED) {
            check_seats(k, c, m);
        }
        c->state = IS_RUNNING;
        break;
    case RT__MOMENT_UNBLOCK:
        HOLDS(c->state == IS_WAITING);
        c->state = IS_UNBLOCKED;
        break;
    default:
        HOLDS(c->state == IS_RUNNING);
        c->state = m->kind == RT__MOMENT_WAITING ? IS_WAITING : m->kind == RT__MOMENT_END ? HAS_ENDED : IS_RUNNING;
    }
    if (!c->has_run && c->state != IS_CREATED) {
        c->has_run = true;
        c->ran_ns = m->ns;
    }
}

static inline void tell_stack(struct story *s, const struct check *k, uint32_t stack)
{
    if (stack & RT__REF_PC) {
        tell(s, "pc%llx)", (unsigned long long)rt__timeline_pc(k->timeline, stack));
    } else {
        tell(s, "%u)", stack);
    }
}

static inline void tell_moment(struct story *s, const struct check *k, const struct rt__moment *m)
{
    unsigned long long task = m->task, parent = m->parent, value = m->value;
    tell(s, "%s@%llu ", s->len ? " " : "", (unsigned long long)m->ns);
    switch (m->kind) {
    case RT__MOMENT_EXISTS_RUNNING:
        tell(s, "exists");
        break;
    case RT__MOMENT_EXISTS_WAITING:
    case RT__MOMENT_WAITING:
        tell(s, "%s(%s,", m->kind == RT__MOMENT_WAITING ? "waits" : "exists-waiting", reason_text(m->reason));
        tell_stack(s, k, m->stack);
        break;
    case RT__MOMENT_CREATED:
    case RT__MOMENT_SAMPLE:
        tell(s, "%s(%u)", m->kind == RT__MOMENT_CREATED ? "created" : "sample", m->stack);
        break;
    case RT__MOMENT_RUN:
        tell(s, "run");
        break;
    case RT__MOMENT_UNBLOCK:
        tell(s, "unblock");
        break;
    case RT__MOMENT_END:
        tell(s, "end");
        break;
    case RT__MOMENT_TASK_BEGIN:
        tell(s, "task(%llu,%llu,%s)", task, parent, m->name);
        break;
    case RT__MOMENT_TASK_END:
        tell(s, "task-end(%llu)", task);
        break;
    case RT__MOMENT_REGION_BEGIN:
        tell(s, "region(%llu,%s)", task, m->name);
        break;
    case RT__MOMENT_REGION_END:
        tell(s, "region-end(%llu,%s)", task, m->name);
        break;
    case RT__MOMENT_LOG:
        tell(s, "log(%llu,%s,%.*s)", task, m->name, (int)m->len, m->text);
        break;
    case RT__MOMENT_HEAP_ALLOC:
        tell(s, "alloc(%llu)", value);
        break;
    case RT__MOMENT_HEAP_GOAL:
        tell(s, "goal(%llu)", value);
        break;
    case RT__MOMENT_GC_BEGIN:
        tell(s, "gc(%llu)", value);
        break;
    case RT__MOMENT_STW_BEGIN:
        tell(s, "stop");
        break;
    case RT__MOMENT_STW_END:
        tell(s, "go-on");
        break;
    case RT__MOMENT_GC_END:
        tell(s, "gc-end(%llu)", value);
        break;
    }
}

static inline void check_moment(void *sink, struct rt__track *track, const struct rt__moment *m)
{
    struct check *k = sink;
    struct checked_track *c = checked(k, track, m);
    HOLDS(m->ns >= k->from_ns && m->ns <= k->to_ns);
    if (m->kind == RT__MOMENT_SAMPLE) {
        HOLDS(c->state != HAS_ENDED && c->has_run && m->ns >= c->ran_ns);
        tell_moment(&c->samples, k, m);
        return;
    }
    HOLDS(m->ns >= c->last_ns);
    check_state(k, c, m);
    c->last_ns = m->ns;
    if (m->kind == RT__MOMENT_TASK_BEGIN || m->kind == RT__MOMENT_TASK_END) {
        check_task(k, c, m);
    } else if (m->kind == RT__MOMENT_REGION_BEGIN || m->kind == RT__MOMENT_REGION_END) {
        check_region(c, m);
    } else if (m->kind >= RT__MOMENT_GC_BEGIN) {
        check_cycle(k, c, m);
    }
    if (m->kind >= RT__MOMENT_TASK_BEGIN && m->kind <= RT__MOMENT_LOG) {
        check_site(c, m);
    }
    tell_moment(&c->story, k, m);
}

#undef HOLDS

/* The timeline that checks itself as it goes. */
static inline struct rt__timeline *check_begin(struct check *k, uint64_t from_ns, uint64_t to_ns)
{
    *k = (struct check){.from_ns = from_ns, .to_ns = to_ns};
    struct rt__timeline *tl = rt__timeline_new(from_ns, check_moment, k);
    assert_non_null(tl);
    k->timeline = tl;
    return tl;
}

/* What was said of a thread; "" nothing. */
static inline const char *heard(const struct check *k, uint64_t number)
{
    for (const struct checked_track *c = k->tracks; c; c = c->next) {
        if (c->track->number == number) {
            return c->story.text;
        }
    }
    return "";
}

static inline const char *heard_samples(const struct check *k, uint64_t number)
{
    for (const struct checked_track *c = k->tracks; c; c = c->next) {
        if (c->track->number == number) {
            return c->samples.text ? c->samples.text : "";
        }
    }
    return "";
}

/* Frees the timeline, too. */
static inline void check_end(struct check *k, struct rt__timeline *tl)
{
    for (struct checked_track *c = k->tracks; c;) {
        struct checked_track *next = c->next;
        free(c->story.text);
        free(c->samples.text);
        free(c);
        c = next;
    }
    k->tracks = NULL;
    rt__timeline_free(tl);
}

#endif
