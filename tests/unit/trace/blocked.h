/* blocked.h - threads that block while their test looks on, and the events that they leave. */
#ifndef BLOCKED_H
#define BLOCKED_H

#include "tests/unit/profile/charged.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <unistd.h>
#include "runtime/cruntime.h"
#include "runtime/trace/blocks.h"
#include "runtime/trace/record.h"
#include "runtime/trace/sites.h"
#include "runtime/unwind/caller.h"

#define MS UINT64_C(1000000)
#define EVENTS_MOST 64

/* A test that records. */
#define RECORDED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static inline void record(bool on)
{
    rt__recording_set(RT__RECORD_FLIGHT, on);
}

static inline int set_up(void **state)
{
    (void)state;
    rt__clock_start();
    rt__chunks_set(8u << 20, 0);
    record(true);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    record(false);
    return 0;
}

/* ---- what a thread has left ---- */

struct left {
    uint64_t thread; /* whose */
    size_t n;
    struct rt__event events[EVENTS_MOST];
};

static inline void look_at_chunk(const struct rt__chunk_copy *c, void *arg)
{
    struct left *left = arg;
    struct rt__event_reader reader = {.words = c->words, .count = c->count, .base = c->base};
    struct rt__event e;
    while (c->thread == left->thread && rt__event_next(&reader, &e)) {
        if (e.type == RT__EV_BLOCK && left->n < EVENTS_MOST) {
            left->events[left->n++] = e;
        }
    }
}

/* The blocks of one thread, oldest first; of few enough for one chunk. */
static inline struct left blocks_of(uint64_t thread)
{
    struct left left = {.thread = thread};
    rt__chunks_each(false, UINT64_MAX, look_at_chunk, &left);
    return left;
}

static inline uint64_t ns_of(uint64_t ticks)
{
    return (uint64_t)((double)ticks * 1e9 / (double)rt__clock_ticks_per_s());
}

static inline uint64_t length_ns(const struct rt__event *e)
{
    return ns_of(e->words[0] - e->ticks);
}

static inline enum rt__block reason_of(const struct rt__event *e)
{
    return (enum rt__block)(e->words[1] & 0xff);
}

static inline uint64_t since_wake_ns(const struct rt__event *e)
{
    return ns_of(e->words[1] >> 8);
}

static inline const struct rt__event *last(const struct left *left)
{
    assert_true(left->n > 0);
    return &left->events[left->n - 1];
}

/* A thread of its own for each case, whose events are all of that case: it does one thing and says who it was. */
struct worker {
    void (*fn)(struct worker *w);
    void *arg;
    pthread_t thread;
    uint64_t number;  /* atomic; 0 while it has no record */
    bool about_to_be; /* atomic: it is one step from blocking */
    struct rt__trace_thread *record;
    int wrong_line; /* of its first claim that does not hold; cmocka's own asserts work in the test's thread only */
};

#define NOTE_UNLESS(w, claim)                                                                                          \
    do {                                                                                                               \
        if (!(claim) && (w)->wrong_line == 0) {                                                                        \
            (w)->wrong_line = __LINE__;                                                                                \
        }                                                                                                              \
    } while (0)

static inline void *work(void *arg)
{
    struct worker *w = arg;
    w->record = rt__trace_self();
    __atomic_store_n(&w->number, w->record ? w->record->number : 0, __ATOMIC_RELEASE);
    __atomic_store_n(&w->about_to_be, true, __ATOMIC_RELEASE);
    w->fn(w);
    return NULL;
}

static inline void start(struct worker *w, void (*fn)(struct worker *), void *arg)
{
    *w = (struct worker){.fn = fn, .arg = arg};
    assert_int_equal(pthread_create(&w->thread, NULL, work, w), 0);
}

static inline bool is_blocked(struct worker *w)
{
    return __atomic_load_n(&w->about_to_be, __ATOMIC_ACQUIRE) &&
           __atomic_load_n(&w->record->blocked_since, __ATOMIC_ACQUIRE) != 0;
}

static inline struct left finish(struct worker *w)
{
    assert_int_equal(pthread_join(w->thread, NULL), 0);
    assert_int_equal(w->wrong_line, 0);
    assert_true(w->number > 0);
    return blocks_of(w->number);
}

static inline struct left run(void (*fn)(struct worker *), void *arg)
{
    struct worker w;
    start(&w, fn, arg);
    return finish(&w);
}

static inline void need_the_wrappers(void)
{
    if (!RT__INTERPOSES) {
        print_message("skipped: the sanitizer's own functions stand where ours would\n");
        skip();
    }
}

static inline void assert_stack_begins_in(const struct rt__event *e, const char *low, const char *high)
{
    uintptr_t pcs[64];
    assert_true(e->arg > 0);
    assert_true(rt__stack_frames(e->arg, pcs, 64) > 0);
    assert_in_range(pcs[0], (uintptr_t)low, (uintptr_t)high - 1);
}
#define assert_stack_of(e, name) assert_stack_begins_in(e, __start_##name, __stop_##name)

#endif
