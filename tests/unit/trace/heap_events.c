/* heap_events.c - the curves of the heap in a trace say what MemStats says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "runtime/cruntime.h"
#include "runtime/os/os.h"
#include "runtime/trace/heap_events.h"
#include "tests/unit/trace/own_events.h"

#define DEADLINE_NS UINT64_C(20000000000)

/* HeapAlloc of the last event, and how many there are; the goals likewise. */
struct curve {
    unsigned allocs, goals;
    uint64_t alloc_bytes, goal_bytes;
};

static struct curve own_curve(void)
{
    struct curve c = {0, 0, 0, 0};
    struct rt__event e;
    for (struct rt__event_reader r = own_events(); rt__event_next(&r, &e);) {
        if (e.type == RT__EV_HEAP_ALLOC) {
            c.allocs++;
            c.alloc_bytes = e.words[0];
        } else if (e.type == RT__EV_HEAP_GOAL) {
            c.goals++;
            c.goal_bytes = e.words[0];
        }
    }
    return c;
}

static void assert_is_memstats(const struct curve *c)
{
    struct rt_memstats ms;
    rt_read_memstats(&ms);
    assert_int_equal(c->alloc_bytes, ms.HeapAlloc);
    assert_int_equal(c->goal_bytes, ms.NextGC);
}

static void an_event_says_what_memstats_says_at_the_moment(void **state)
{
    (void)state;
    for (int i = 1; i < 10; i++) {
        void *volatile p = rt_alloc((size_t)i * 10000);
        rt__record_flush();
        rt__heap_event(true);
        struct curve c = own_curve();
        assert_int_equal(c.allocs, 1);
        assert_int_equal(c.goals, 1);
        assert_is_memstats(&c);
        rt_free(p);
    }
}

static void where_there_is_no_goal_none_is_told(void **state)
{
    (void)state;
    int percent = rt_set_gc_percent(-1);
    rt__record_flush();
    rt__heap_event(true);
    rt_set_gc_percent(percent);
    struct curve c = own_curve();
    assert_int_equal(c.allocs, 1);
    assert_int_equal(c.goals, 0);
}

static void while_recording_is_off_there_are_none(void **state)
{
    (void)state;
    rt__record_flush();
    record(false);
    rt__heap_event(true);
    record(true);
    assert_int_equal(own_curve().allocs, 0);
}

static void unless_forced_they_keep_their_distance(void **state)
{
    (void)state;
    rt__record_flush();
    uint64_t from_ns = rt__os_now_ns();
    rt__heap_event(true);
    while (own_curve().allocs < 5 && rt__os_now_ns() - from_ns < DEADLINE_NS) {
        rt__heap_event(false);
    }
    uint64_t took_ns = rt__os_now_ns() - from_ns;
    assert_int_equal(own_curve().allocs, 5);
    assert_true(took_ns >= UINT64_C(4) * RT__HEAP_EVENT_NS / 5 * 4); /* the recorder knows its clock only roughly */
}

static void a_cycle_has_one_at_its_begin_and_one_at_its_end_with_what_it_left(void **state)
{
    (void)state;
    rt__heap_events_start();
    for (int i = 0; i < 1000; i++) {
        rt_free(rt_alloc(1000)); /* where there is a collector, garbage */
    }
    rt__record_flush();
    rt_gc();
    struct curve c = own_curve();
    assert_in_range(c.allocs, 2, 3); /* a look may come in between */
    assert_is_memstats(&c);
}

/* Also of malloc, which looks seldom: once a megabyte. */
static void threads_that_allocate_tell_of_it(void **state)
{
    (void)state;
    rt__heap_events_start();
    rt__record_flush();
    uint64_t from_ns = rt__os_now_ns();
    while (own_curve().allocs < 3 && rt__os_now_ns() - from_ns < DEADLINE_NS) {
#ifdef RT_SANITIZE /* malloc is the sanitizer's */
        rt_free(rt_alloc(1000));
#else
        void *volatile p = malloc(1000);
        free(p);
#endif
    }
    assert_true(own_curve().allocs >= 3);
}

/* Under a limit the goal moves with all that is held. */
static int start_without_a_limit(void **state)
{
    rt_set_memory_limit(INT64_MAX);
    return start_recording(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_says_what_memstats_says_at_the_moment),
        cmocka_unit_test(where_there_is_no_goal_none_is_told),
        cmocka_unit_test(while_recording_is_off_there_are_none),
        cmocka_unit_test(unless_forced_they_keep_their_distance),
        cmocka_unit_test(a_cycle_has_one_at_its_begin_and_one_at_its_end_with_what_it_left),
        cmocka_unit_test(threads_that_allocate_tell_of_it),
    };
    return cmocka_run_group_tests(tests, start_without_a_limit, stop_recording);
}
