/* record_fixture.h - for tests of recording: what threads recorded, read back.
 *
 * The runtime itself records meanwhile: what threads are blocked in, the heap. So the tests make other events, and look
 * at those alone. */
#ifndef TESTS_TRACE_RECORD_FIXTURE_H
#define TESTS_TRACE_RECORD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "runtime/os/os.h"
#include "runtime/trace/record.h"

#define MOST 16

static uint64_t from_serial; /* chunks up to it are of the tests before */

static void pass_over_what_was(void)
{
    rt__record_flush();
    from_serial = rt__chunks_serial();
}

static int begin(void **state)
{
    (void)state;
    pass_over_what_was();
    rt__trace_self()->base = rt__trace_self()->retry_ticks = 0; /* some tests are ahead of time */
    rt__chunks_unkeep();
    rt__chunks_set(MOST * RT__CHUNK_BYTES, 0);
    rt__recording_set(RT__RECORD_FLIGHT, true);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rt__recording_set(RT__RECORD_FLIGHT | RT__RECORD_TRACE, false);
    return 0;
}

#define EVENTS_MOST 20000
#define CHUNKS_MOST (2 * MOST)

static struct events {
    uint64_t number; /* of the thread that is looked at */
    size_t n;
    struct rt__event events[EVENTS_MOST]; /* without texts */
    struct rt__chunk_copy copies[CHUNKS_MOST];
    size_t chunks;
} found;

static bool is_of_the_runtime(const struct rt__event *e)
{
    return e->type == RT__EV_BLOCK || e->type == RT__EV_HEAP_ALLOC || e->type == RT__EV_HEAP_GOAL;
}

/* A thread begins twice when pthread_create is the runtime's: the test's own is the second. */
static void add_event(const struct rt__event *e)
{
    bool is_second = found.n > 0 && e->type == RT__EV_BEGIN && found.events[found.n - 1].type == RT__EV_BEGIN;
    assert_true(found.n < EVENTS_MOST);
    found.events[is_second ? found.n - 1 : found.n++] = *e;
}

static void find_events(const struct rt__chunk_copy *copy, void *unused)
{
    (void)unused;
    struct rt__event_reader r = {.words = copy->words, .count = copy->count, .base = copy->base};
    struct rt__event e;
    if (copy->thread != found.number || copy->serial <= from_serial) {
        return;
    }
    assert_true(found.chunks < CHUNKS_MOST);
    found.copies[found.chunks++] = *copy;
    while (rt__event_next(&r, &e)) {
        if (!is_of_the_runtime(&e)) {
            add_event(&e);
        }
    }
    assert_int_equal(r.at, copy->count);
}

static void read_events_of(uint64_t number)
{
    found.number = number;
    found.n = found.chunks = 0;
    rt__chunks_each(false, 0, find_events, NULL); /* it may miss an old chunk, which its own malloc has taken again */
}

static void read_own_events(void)
{
    read_events_of(rt__trace_self()->number);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
