/* timeline_events.c - chunks of events become moments, and what when some of them are missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/trace/timeline_fixture.h"

/* ---- tasks, regions, logs, values ---- */

static void tasks_regions_and_logs_carry_the_task_that_the_thread_works_for(void **state)
{
    (void)state;
    tell_thread(1, 5);
    event2(1, 200, RT__EV_TASK_BEGIN, site("request"), 11, 3);
    event(1, 210, RT__EV_REGION_BEGIN, site("outer"));
    event1(1, 220, RT__EV_TASK_SET, 0, 12);
    event(1, 230, RT__EV_REGION_BEGIN, site("inner"));
    tape_log(&tape, 1, 240, 0, site("note"), "nine bytes");
    event(1, 250, RT__EV_REGION_END, site("inner"));
    event(1, 260, RT__EV_REGION_END, site("outer"));
    event1(1, 270, RT__EV_TASK_END, site("request"), 12);
    tape_log(&tape, 1, 280, 0, site("note"), "");
    event1(1, 290, RT__EV_HEAP_ALLOC, 0, UINT64_MAX);
    event1(1, 290, RT__EV_HEAP_GOAL, 0, 4 << 20);
    feed_all();
    assert_string_equal(heard(&check, 1),
                        "@100 exists @200 task(11,3,request) @210 region(11,outer) @230 region(12,inner) "
                        "@240 log(12,note,nine bytes) @250 region-end(12,inner) @260 region-end(11,outer) "
                        "@270 task-end(12) @280 log(0,note,) @290 alloc(18446744073709551615) @290 goal(4194304)");
}

static void what_the_thread_worked_for_before_the_start_is_known(void **state)
{
    (void)state;
    task = 5;
    tell_thread(1, 5);
    tell_thread(2, 5);
    tell_thread(3, 5);
    event(1, 150, RT__EV_REGION_BEGIN, site("a")); /* by the head of its chunk */
    event1(2, 50, RT__EV_TASK_SET, 0, 6);
    event(2, 150, RT__EV_REGION_BEGIN, site("a"));
    event2(3, 50, RT__EV_TASK_BEGIN, site("t"), 7, 0);
    event1(3, 60, RT__EV_TASK_END, site("t"), 7);
    event(3, 150, RT__EV_REGION_BEGIN, site("a"));
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists @150 region(5,a)");
    assert_string_equal(heard(&check, 2), "@100 exists @150 region(6,a)");
    assert_string_equal(heard(&check, 3), "@100 exists @150 region(0,a)");
}

static void the_end_of_a_region_begun_before_the_start_is_told_with_its_task(void **state)
{
    (void)state;
    tell_thread(1, 5);
    event(1, 40, RT__EV_REGION_BEGIN, site("old"));
    event(1, 45, RT__EV_REGION_BEGIN, site("over"));
    event(1, 46, RT__EV_REGION_END, site("over"));
    event1(1, 50, RT__EV_TASK_SET, 0, 6);
    event(1, 150, RT__EV_REGION_BEGIN, site("new"));
    event(1, 160, RT__EV_REGION_END, site("unknown")); /* not the innermost: left out */
    event(1, 170, RT__EV_REGION_END, site("new"));
    event(1, 180, RT__EV_REGION_END, site("old"));
    event(1, 190, RT__EV_REGION_END, site("never seen"));
    feed_all();
    assert_string_equal(heard(&check, 1),
                        "@100 exists @150 region(6,new) @170 region-end(6,new) @180 region-end(0,old) "
                        "@190 region-end(6,never seen)");
}

static void an_end_without_a_begin_is_left_out_in_a_thread_that_began_meanwhile(void **state)
{
    (void)state;
    tell_thread(1, 200);
    event2(1, 200, RT__EV_BEGIN, 9, 200, 0x1234);
    event(1, 210, RT__EV_REGION_END, site("never seen"));
    feed_all();
    assert_string_equal(heard(&check, 1), "@200 created(9) @200 run");
}

static void the_end_of_an_outer_region_ends_those_within(void **state)
{
    (void)state;
    tell_thread(1, 5);
    event(1, 40, RT__EV_REGION_BEGIN, site("old"));
    event(1, 150, RT__EV_REGION_BEGIN, site("a"));
    event(1, 160, RT__EV_REGION_BEGIN, site("b"));
    event(1, 170, RT__EV_REGION_BEGIN, site("c"));
    event(1, 180, RT__EV_REGION_END, site("b"));
    event(1, 190, RT__EV_REGION_END, site("old"));
    feed_all();
    assert_string_equal(heard(&check, 1),
                        "@100 exists @150 region(0,a) @160 region(0,b) @170 region(0,c) @180 region-end(0,c) "
                        "@180 region-end(0,b) @190 region-end(0,a) @190 region-end(0,old)");
}

static void regions_deeper_than_are_kept_are_left_out_with_their_ends(void **state)
{
    (void)state;
    char name[RT__REGIONS_MOST + 3][16];
    tell_thread(1, 5);
    for (unsigned i = 0; i < RT__REGIONS_MOST + 3; i++) {
        snprintf(name[i], sizeof(name[i]), "depth %u", i);
        event(1, 200 + i, RT__EV_REGION_BEGIN, site(name[i]));
    }
    for (unsigned i = RT__REGIONS_MOST + 3; i > 0; i--) {
        event(1, 300, RT__EV_REGION_END, site(name[i - 1]));
    }
    feed_all();
    assert_null(strstr(heard(&check, 1), "depth 32"));
    assert_non_null(strstr(heard(&check, 1), "@231 region(0,depth 31) @300 region-end(0,depth 31)"));
    assert_int_equal(check.tracks->depth, 0);
}

static void a_task_begins_once_before_it_ends(void **state)
{
    (void)state;
    tell_thread(1, 5);
    event2(1, 200, RT__EV_TASK_BEGIN, site("t"), 7, 0);
    event2(1, 210, RT__EV_TASK_BEGIN, site("t"), 7, 0);
    event2(1, 220, RT__EV_TASK_BEGIN, site("t"), 0, 0);
    event2(1, 220, RT__EV_TASK_BEGIN, site("t"), UINT64_MAX, 0);
    event1(1, 230, RT__EV_TASK_END, site("t"), 7);
    event1(1, 240, RT__EV_TASK_END, site("t"), 7);
    event2(1, 250, RT__EV_TASK_BEGIN, site("t"), 7, 0);
    feed_all();
    assert_string_equal(heard(&check, 1),
                        "@100 exists @200 task(7,0,t) @230 task-end(7) @240 task-end(7) @250 task(7,0,t)");
}

/* ---- chunks ---- */

static void a_chunk_that_comes_again_goes_on_where_it_was_left(void **state)
{
    (void)state;
    tell_thread(1, 5);
    event1(1, 200, RT__EV_HEAP_ALLOC, 0, 1);
    event1(1, UINT64_C(200) + UINT32_MAX, RT__EV_HEAP_ALLOC, 0, 2);
    event1(1, UINT64_C(201) + UINT32_MAX, RT__EV_HEAP_ALLOC, 0, 3); /* with a TIME event before */
    rt__timeline_free(tl);
    tl = check_begin(&check, 100, UINT64_MAX);
    tell_thread(1, 5);
    struct rt__chunk_copy c = tape.chunks[0]->copy;
    uint32_t cuts[] = {0, 2, 2, 4, 6, 8, 8};
    assert_int_equal(c.count, 8);
    for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
        c.count = cuts[i];
        c.is_owned = cuts[i] < 8;
        rt__timeline_chunk(tl, &plain, &c);
    }
    c.count = 2; /* an older copy */
    rt__timeline_chunk(tl, &plain, &c);
    assert_string_equal(heard(&check, 1), "@100 exists @200 alloc(1) @4294967495 alloc(2) @4294967496 alloc(3)");
    assert_int_equal(losses().gaps, 0);
}

static void a_missing_chunk_closes_regions_and_is_counted(void **state)
{
    (void)state;
    tell_thread(1, 5);
    event(1, 40, RT__EV_REGION_BEGIN, site("old"));
    event(1, 150, RT__EV_REGION_BEGIN, site("a"));
    tape_add_chunk(&tape, 1, 2, 300, 9);
    event(1, 310, RT__EV_REGION_END, site("a"));
    event(1, 320, RT__EV_REGION_END, site("old"));
    event(1, 330, RT__EV_REGION_BEGIN, site("b"));
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists @150 region(0,a) @300 region-end(0,a) @330 region(9,b)");
    assert_int_equal(losses().gaps, 1);
    assert_int_equal(losses().events, 0);
}

static void a_chunk_missing_before_the_start_is_none_of_the_traces_losses(void **state)
{
    (void)state;
    tell_thread(1, 5);
    event(1, 40, RT__EV_REGION_BEGIN, site("a"));
    tape_add_chunk(&tape, 1, 2, 60, 9);
    event1(1, 80, RT__EV_LOST, 0, 3);
    event(1, 310, RT__EV_REGION_END, site("a"));
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists @310 region-end(9,a)");
    assert_int_equal(losses().gaps, 0);
    assert_int_equal(losses().events, 0);
}

static void a_chunk_of_which_only_the_first_part_came_is_a_gap(void **state)
{
    (void)state;
    tell_thread(1, 5);
    event1(1, 200, RT__EV_HEAP_ALLOC, 0, 1);
    tape.chunks[0]->copy.is_owned = true;
    tape_cut(&tape, 1);
    event1(1, 300, RT__EV_HEAP_ALLOC, 0, 2);
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists @200 alloc(1) @300 alloc(2)");
    assert_int_equal(losses().gaps, 1);
}

static void words_that_are_no_events_end_their_chunk_and_are_a_gap(void **state)
{
    (void)state;
    uint64_t garbage[] = {0xff, rt__event_word(RT__EV_END, 0, 10)};
    tell_thread(1, 5);
    event(1, 200, RT__EV_REGION_BEGIN, site("a"));
    tape_words(&tape, tape.chunks[0], garbage, 2);
    tape_cut(&tape, 1);
    event1(1, 300, RT__EV_HEAP_ALLOC, 0, 2);
    feed();
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists @200 region(0,a) @300 region-end(0,a) @300 alloc(2)");
    assert_int_equal(losses().gaps, 1);
}

static void lost_events_are_counted_and_said_where_they_are_missing(void **state)
{
    (void)state;
    tell_thread(1, 5);
    event(1, 200, RT__EV_REGION_BEGIN, site("a"));
    event1(1, 300, RT__EV_LOST, 0, 17);
    event1(1, 310, RT__EV_LOST, 0, 1);
    event1(1, 1200, RT__EV_LOST, 0, 1000);
    feed_all();
    assert_string_equal(heard(&check, 1),
                        "@100 exists @200 region(0,a) @300 region-end(0,a) "
                        "@300 log(0,cruntime,17 events were lost here) @310 log(0,cruntime,1 event was lost here)");
    assert_int_equal(losses().events, 18);
    assert_int_equal(losses().gaps, 0);
}

static void times_that_go_back_are_put_right(void **state)
{
    (void)state;
    tell_thread(1, 5);
    event1(1, 300, RT__EV_HEAP_ALLOC, 0, 1);
    tape_cut(&tape, 1);
    event1(1, 200, RT__EV_HEAP_ALLOC, 0, 2);
    tape_cut(&tape, 1);
    event1(1, 50, RT__EV_HEAP_ALLOC, 0, 3);
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists @300 alloc(1) @300 alloc(2) @300 alloc(3)");
}

static void ticks_become_time_by_the_pairs_that_they_are_between(void **state)
{
    (void)state;
    const struct rt__clock_map map = {.n = 3, .pairs = {{1000, 200}, {2000, 300}, {2010, 500}}};
    const uint64_t ticks[] = {999, 1000, 1999, 2000, 2001, 2009, 2010, 2015, 1500, 2002};
    for (size_t i = 0; i < sizeof(ticks) / sizeof(*ticks); i++) {
        tell_thread(i + 1, ticks[i]);
        event1(i + 1, ticks[i], RT__EV_HEAP_ALLOC, 0, i);
    }
    tape_feed(&tape, tl, &map);
    for (size_t i = 0; i < sizeof(ticks) / sizeof(*ticks); i++) {
        char expected[100];
        unsigned long long ns = rt__clock_ns(&map, ticks[i]);
        snprintf(expected, sizeof(expected), "@%llu created(0) @%llu run @%llu alloc(%zu)", ns, ns, ns, i);
        assert_string_equal(heard(&check, i + 1), expected);
    }
    assert_non_null(strstr(heard(&check, 10), "@340"));
}

static void what_comes_after_the_end_is_told_once_the_end_is_known(void **state)
{
    (void)state;
    tell_thread(1, 5);
    event1(1, 300, RT__EV_HEAP_ALLOC, 0, 1);
    feed();
    event1(1, 900, RT__EV_HEAP_ALLOC, 0, 2);
    event1(1, 1000, RT__EV_HEAP_ALLOC, 0, 3);
    event1(1, 1001, RT__EV_HEAP_ALLOC, 0, 4);
    feed_all();
    feed();
    rt__timeline_finish(tl, &plain, 2000);
    assert_string_equal(heard(&check, 1), "@100 exists @300 alloc(1) @900 alloc(2) @1000 alloc(3)");
}

static void an_end_before_what_was_told_already_is_the_end_all_the_same(void **state)
{
    (void)state;
    tell_thread(1, 5);
    tell_thread(2, 5);
    event1(1, 900, RT__EV_HEAP_ALLOC, 0, 1);
    feed();
    rt__timeline_until(tl, 800);
    event1(1, 910, RT__EV_HEAP_ALLOC, 0, 2);
    tape_cut(&tape, 1);
    event1(1, 790, RT__EV_HEAP_ALLOC, 0, 3);
    tape_add_chunk(&tape, 3, 0, 700, 0); /* in slot 0, too, which was not free before the end */
    event2(3, 700, RT__EV_BEGIN, 9, 690, 0x1234);
    event1(2, 800, RT__EV_HEAP_ALLOC, 0, 4);
    feed();
    rt__timeline_finish(tl, &plain, 2000);
    assert_string_equal(heard(&check, 1), "@100 exists @900 alloc(1)");
    assert_string_equal(heard(&check, 2), "@100 exists @800 alloc(4)");
    assert_string_equal(heard(&check, 3), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tasks_regions_and_logs_carry_the_task_that_the_thread_works_for),
        TEST(what_the_thread_worked_for_before_the_start_is_known),
        TEST(the_end_of_a_region_begun_before_the_start_is_told_with_its_task),
        TEST(an_end_without_a_begin_is_left_out_in_a_thread_that_began_meanwhile),
        TEST(the_end_of_an_outer_region_ends_those_within),
        TEST(regions_deeper_than_are_kept_are_left_out_with_their_ends),
        TEST(a_task_begins_once_before_it_ends),
        TEST(a_chunk_that_comes_again_goes_on_where_it_was_left),
        TEST(a_missing_chunk_closes_regions_and_is_counted),
        TEST(a_chunk_missing_before_the_start_is_none_of_the_traces_losses),
        TEST(a_chunk_of_which_only_the_first_part_came_is_a_gap),
        TEST(words_that_are_no_events_end_their_chunk_and_are_a_gap),
        TEST(lost_events_are_counted_and_said_where_they_are_missing),
        TEST(times_that_go_back_are_put_right),
        TEST(ticks_become_time_by_the_pairs_that_they_are_between),
        TEST(what_comes_after_the_end_is_told_once_the_end_is_known),
        TEST(an_end_before_what_was_told_already_is_the_end_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
