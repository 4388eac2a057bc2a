/* timeline_cycles.c - cycles are shown on a track of the collector's own, whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "runtime/cruntime.h"
#include "tests/unit/trace/timeline_fixture.h"

#define START 50 /* of the program */

static struct rt_cycle cycle(uint64_t number, uint64_t start_ns)
{
    return (struct rt_cycle){.number = number,
                             .start_ns = start_ns - START,
                             .stop_ns = 1,
                             .concurrent_ns = 2,
                             .pause_mark_ns = 7,
                             .sweep_ns = 20};
}

static const char *heard_of_collector(void)
{
    return heard(&check, RT__TRACK_COLLECTOR);
}

static void without_a_cycle_there_is_no_collector(void **state)
{
    (void)state;
    rt__timeline_cycles(tl, NULL, 0, START);
    feed_all();
    assert_string_equal(heard_of_collector(), "");
}

static void a_cycle_stops_the_world_and_goes_on_for_a_while_after_it_runs_again(void **state)
{
    (void)state;
    struct rt_cycle cycles[] = {cycle(4, 200), cycle(5, 230)};
    rt__timeline_cycles(tl, cycles, 2, START);
    assert_string_equal(heard_of_collector(),
                        "@100 exists-waiting(idle,0) "
                        "@200 unblock @200 run @200 gc(4) @200 stop @210 go-on @230 gc-end(4) @230 waits(idle,0) "
                        "@230 unblock @230 run @230 gc(5) @230 stop @240 go-on @260 gc-end(5) @260 waits(idle,0)");
}

static void a_trim_stops_nobody(void **state)
{
    (void)state;
    struct rt_cycle c = cycle(4, 200);
    c.trim = true;
    rt__timeline_cycles(tl, &c, 1, START);
    assert_string_equal(heard_of_collector(), "@100 exists-waiting(idle,0) @200 unblock @200 run @200 gc(4) "
                                              "@230 gc-end(4) @230 waits(idle,0)");
}

static void only_whole_cycles_are_shown(void **state)
{
    (void)state;
    struct rt_cycle cycles[] = {cycle(1, 60), cycle(2, 99), cycle(3, 100), cycle(4, 970), cycle(5, 971)};
    rt__timeline_until(tl, 1000);
    rt__timeline_cycles(tl, cycles, 5, START);
    assert_string_equal(heard_of_collector(),
                        "@100 exists-waiting(idle,0) "
                        "@100 unblock @100 run @100 gc(3) @100 stop @110 go-on @130 gc-end(3) @130 waits(idle,0) "
                        "@970 unblock @970 run @970 gc(4) @970 stop @980 go-on @1000 gc-end(4) @1000 waits(idle,0)");
}

static void cycles_told_again_are_passed_over(void **state)
{
    (void)state;
    struct rt_cycle cycles[] = {cycle(1, 200), cycle(2, 300), cycle(3, 400)};
    char first[400];
    rt__timeline_cycles(tl, cycles, 1, START);
    rt__timeline_cycles(tl, cycles, 2, START);
    snprintf(first, sizeof(first), "%s", heard_of_collector());
    rt__timeline_cycles(tl, cycles, 2, START);
    assert_string_equal(heard_of_collector(), first);
    rt__timeline_cycles(tl, cycles, 3, START);
    assert_non_null(strstr(heard_of_collector(), "@400 gc(3)"));
}

static void cycles_that_overlap_or_never_end_are_left_out(void **state)
{
    (void)state;
    struct rt_cycle cycles[] = {cycle(1, 200), cycle(2, 229), cycle(3, 300), cycle(4, 400)};
    cycles[2].stop_ns = UINT64_MAX;
    rt__timeline_cycles(tl, cycles, 4, START);
    assert_string_equal(heard_of_collector(),
                        "@100 exists-waiting(idle,0) "
                        "@200 unblock @200 run @200 gc(1) @200 stop @210 go-on @230 gc-end(1) @230 waits(idle,0) "
                        "@400 unblock @400 run @400 gc(4) @400 stop @410 go-on @430 gc-end(4) @430 waits(idle,0)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_cycle_there_is_no_collector),
        TEST(a_cycle_stops_the_world_and_goes_on_for_a_while_after_it_runs_again),
        TEST(a_trim_stops_nobody),
        TEST(only_whole_cycles_are_shown),
        TEST(cycles_told_again_are_passed_over),
        TEST(cycles_that_overlap_or_never_end_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
