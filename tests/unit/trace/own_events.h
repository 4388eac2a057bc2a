/* own_events.h - for tests: the events that the calling thread recorded itself. */
#ifndef TESTS_TRACE_OWN_EVENTS_H
#define TESTS_TRACE_OWN_EVENTS_H

#include <stdbool.h>
#include "runtime/trace/chunk.h"
#include "runtime/trace/clock.h"
#include "runtime/trace/record.h"

static inline void record(bool on)
{
    __atomic_store_n(&rt__recording, on ? RT__RECORD_TRACE : 0, __ATOMIC_RELAXED);
}

/* As a group's setup and teardown. */
static inline int start_recording(void **state)
{
    (void)state;
    rt__clock_start();
    rt__chunks_set(1 << 20, 0);
    record(true);
    return 0;
}

static inline int stop_recording(void **state)
{
    (void)state;
    record(false);
    return 0;
}

/* Those since the last rt__record_flush, as far as they lie in one chunk: some hundreds do. */
static inline struct rt__event_reader own_events(void)
{
    const struct rt__trace_thread *t = rt__trace_self();
    const struct rt__chunk *c = t ? t->chunk : NULL;
    return (struct rt__event_reader){c ? c->words : NULL, c ? c->used : 0, 0, c ? c->base : 0};
}

/* Without what every thread leaves by itself: that it began, and that it waited. */
static inline bool next_own(struct rt__event_reader *r, struct rt__event *e)
{
    bool is_one;
    do {
        is_one = rt__event_next(r, e);
    } while (is_one && (e->type == RT__EV_BEGIN || e->type == RT__EV_BLOCK));
    return is_one;
}

static inline void assert_next(struct rt__event_reader *r, enum rt__event_type type, struct rt__event *e)
{
    assert_true(next_own(r, e));
    if (e->type != type) {
        fail_msg("event of type %d, want %d", e->type, type);
    }
}

static inline void assert_no_more(struct rt__event_reader *r)
{
    struct rt__event e;
    assert_false(next_own(r, &e));
    assert_int_equal(r->at, r->count);
}

#endif
