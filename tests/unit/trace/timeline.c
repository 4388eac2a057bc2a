/* timeline.c - what is told of a thread: how it begins, waits and ends, and its samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/trace/timeline_fixture.h"

/* ---- threads ---- */

static void a_thread_of_which_nothing_is_heard_runs_from_the_start(void **state)
{
    (void)state;
    tell_thread(1, 5);
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists");
}

static void a_thread_that_began_meanwhile_is_created_and_runs(void **state)
{
    (void)state;
    tell_thread(2, 205);
    event2(2, 210, RT__EV_BEGIN, 9, 200, 0x1234);
    event(2, 300, RT__EV_END, 0);
    feed_all();
    assert_string_equal(heard(&check, 2), "@200 created(9) @210 run @300 end");
}

static void a_thread_made_before_the_start_that_began_after_it_is_created_at_the_start(void **state)
{
    (void)state;
    tell_thread(2, 110);
    event2(2, 110, RT__EV_BEGIN, 9, 90, 0x1234);
    feed_all();
    assert_string_equal(heard(&check, 2), "@100 created(9) @110 run");
}

static void a_thread_whose_birth_was_not_recorded_is_created_when_it_was_first_seen(void **state)
{
    (void)state;
    tell_thread(1, 150);
    tell_thread(2, 160);
    event1(1, 170, RT__EV_HEAP_ALLOC, 0, 4096);
    feed_all();
    assert_string_equal(heard(&check, 1), "@150 created(0) @150 run @170 alloc(4096)");
    assert_string_equal(heard(&check, 2), "@160 created(0) @160 run");
}

static void a_thread_that_ended_before_the_start_is_not_mentioned(void **state)
{
    (void)state;
    tell_thread(1, 5);
    event(1, 99, RT__EV_END, 0);
    feed_all();
    assert_string_equal(heard(&check, 1), "");
}

static void a_thread_that_began_after_the_end_is_not_mentioned(void **state)
{
    (void)state;
    tell_thread(1, 1200);
    tell_thread(2, 1001);
    event2(1, 1200, RT__EV_BEGIN, 9, 900, 0x1234);
    feed_all();
    assert_string_equal(heard(&check, 1), "");
    assert_string_equal(heard(&check, 2), "");
}

static void a_thread_heard_of_only_after_the_end_was_there_all_the_time(void **state)
{
    (void)state;
    tell_thread(1, 5);
    tell_thread(2, 1200);
    event(1, 1100, RT__EV_END, 0);
    event(2, 1210, RT__EV_END, 0);
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists");
    assert_string_equal(heard(&check, 2), "");
}

static void a_thread_heard_of_only_after_the_end_in_a_slot_that_another_had_to_the_last_is_not_mentioned(void **state)
{
    (void)state;
    tell_thread(1, 5);
    event1(1, 900, RT__EV_HEAP_ALLOC, 0, 1);
    tape_add_chunk(&tape, 2, 3, 1100, 0); /* in slot 0, too; its first chunks are gone */
    event(2, 1200, RT__EV_END, 0);
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists @900 alloc(1)");
    assert_string_equal(heard(&check, 2), "");
}

static void a_track_carries_what_was_told_of_its_thread(void **state)
{
    (void)state;
    struct rt__timeline_thread t = thread(1, 5);
    rt__timeline_thread(tl, &t);
    strcpy(t.name, "renamed");
    t.slot = 77;
    rt__timeline_thread(tl, &t);
    feed_all();
    const struct rt__track *track = check.tracks->track;
    assert_int_equal(track->number, 1);
    assert_int_equal(track->slot, 0);
    assert_int_equal(track->tid, 101);
    assert_int_equal(track->start_fn, 0x1001);
    assert_string_equal(track->name, "renamed");
}

static void of_a_thread_that_nobody_told_of_its_chunks_say_enough(void **state)
{
    (void)state;
    event2(8, 200, RT__EV_BEGIN, 9, 190, 0x1234);
    event(8, 300, RT__EV_END, 0);
    event(9, 250, RT__EV_END, 0);
    tape_add_chunk(&tape, 10, 3, 300, 0);
    event(10, 350, RT__EV_END, 0);
    for (size_t i = 0; i < tape.count; i++) {
        tape.chunks[i]->copy.slot = 20 + (uint32_t)i;
        tape.chunks[i]->copy.tid = 70 + (pid_t)i;
        tape.chunks[i]->copy.start_fn = 0x1230 + i;
    }
    feed_all();
    assert_string_equal(heard(&check, 8), "@190 created(9) @200 run @300 end");
    assert_string_equal(heard(&check, 9), "@250 created(0) @250 run @250 end");
    assert_string_equal(heard(&check, 10), "@100 exists @350 end"); /* its first chunks are gone */
    const struct rt__track *last = check.tracks->track;
    assert_int_equal(last->number, 10);
    assert_int_equal(last->slot, 22);
    assert_int_equal(last->tid, 72);
    assert_int_equal(last->start_fn, 0x1232);
}

static void what_cannot_be_a_thread_is_left_out(void **state)
{
    (void)state;
    struct rt__timeline_thread told[] = {thread(0, 5), thread(RT__TRACK_COLLECTOR, 5), thread(1, 5), thread(2, 5),
                                         thread(3, 5)};
    told[2].slot = RT__SLOT_COLLECTOR;
    told[3].tid = RT__TID_COLLECTOR;
    told[4].tid = -1;
    for (size_t i = 0; i < 5; i++) {
        rt__timeline_thread(tl, &told[i]);
        event(told[i].number, 200, RT__EV_END, 0);
        tape.chunks[i]->copy.slot = told[i].slot;
        tape.chunks[i]->copy.tid = told[i].tid;
    }
    feed_all();
    assert_null(check.tracks);
}

static void a_thread_whose_end_was_lost_ends_when_another_takes_its_slot(void **state)
{
    (void)state;
    struct rt__timeline_thread next = thread(2, 400);
    next.slot = 0;
    tell_thread(1, 5);
    rt__timeline_thread(tl, &next);
    blocks(1, 300, 350, 0, RT__BLOCK_MUTEX);
    event2(2, 410, RT__EV_BEGIN, 9, 390, 0x1234);
    tape_cut(&tape, 1);
    event(1, 420, RT__EV_REGION_BEGIN, site("too late"));
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists @300 waits(mutex,7) @350 unblock @350 run @410 end");
    assert_string_equal(heard(&check, 2), "@390 created(9) @410 run");
}

static void a_thread_that_comes_after_its_slots_next_owner_is_left_out(void **state)
{
    (void)state;
    struct rt__timeline_thread next = thread(2, 400);
    next.slot = 0;
    tell_thread(1, 5);
    rt__timeline_thread(tl, &next);
    event2(2, 410, RT__EV_BEGIN, 9, 390, 0x1234);
    event1(1, 300, RT__EV_HEAP_ALLOC, 0, 1);
    feed_all();
    assert_string_equal(heard(&check, 1), "");
    assert_string_equal(heard(&check, 2), "@390 created(9) @410 run");
}

static void no_two_threads_have_one_tid_at_a_time(void **state)
{
    (void)state;
    struct rt__timeline_thread next = thread(2, 400);
    next.tid = 101;
    tell_thread(1, 5);
    rt__timeline_thread(tl, &next);
    event1(1, 500, RT__EV_HEAP_ALLOC, 0, 1);
    event2(2, 410, RT__EV_BEGIN, 9, 390, 0x1234);
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists @500 alloc(1) @500 end");
    assert_string_equal(heard(&check, 2), "@390 created(9) @500 run");
}

static void after_its_end_nothing_is_told_of_a_thread(void **state)
{
    (void)state;
    tell_thread(1, 5);
    event(1, 300, RT__EV_END, 0);
    event(1, 310, RT__EV_END, 0);
    blocks(1, 320, 330, 0, RT__BLOCK_MUTEX);
    feed_all();
    tell_thread(1, 5);
    assert_string_equal(heard(&check, 1), "@100 exists @300 end");
}

/* ---- blocks ---- */

static void a_block_is_a_wait_then_ready_then_running(void **state)
{
    (void)state;
    tell_thread(1, 5);
    blocks(1, 200, 260, 10, RT__BLOCK_COND);
    blocks(1, 300, 360, 100, RT__BLOCK_SLEEP); /* let go before it blocked, by its clock */
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists @200 waits(cond,7) @250 unblock @260 run "
                                          "@300 waits(sleep,7) @300 unblock @360 run");
}

static void a_block_across_the_start_is_a_thread_that_waits_from_the_start(void **state)
{
    (void)state;
    tell_thread(1, 5);
    tell_thread(2, 5);
    blocks(1, 50, 99, 0, RT__BLOCK_FILE);
    blocks(1, 99, 150, 100, RT__BLOCK_NETWORK);
    blocks(2, 99, 100, 0, RT__BLOCK_NETWORK);
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists-waiting(network,7) @100 unblock @150 run");
    assert_string_equal(heard(&check, 2), "@100 exists-waiting(network,7) @100 unblock @100 run");
}

static void a_block_across_the_end_is_a_thread_left_waiting(void **state)
{
    (void)state;
    tell_thread(1, 5);
    tell_thread(2, 5);
    tell_thread(3, 5);
    blocks(1, 200, 1001, 0, RT__BLOCK_MUTEX);
    event(1, 1002, RT__EV_END, 0);
    blocks(2, 50, 1001, 0, RT__BLOCK_MUTEX);
    blocks(3, 1001, 1003, 0, RT__BLOCK_MUTEX);
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists @200 waits(mutex,7)");
    assert_string_equal(heard(&check, 2), "@100 exists-waiting(mutex,7)");
    assert_string_equal(heard(&check, 3), "@100 exists");
}

static void a_block_of_unknown_reason_or_negative_length_does_no_harm(void **state)
{
    (void)state;
    tell_thread(1, 5);
    event2(1, 200, RT__EV_BLOCK, 7, 260, 200);
    event2(1, 300, RT__EV_BLOCK, 7, 260, RT__BLOCK_MUTEX | 1000 << 8);
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists @300 waits(mutex,7) @300 unblock @300 run");
}

static void tell_blocked(uint64_t number, uint64_t born, uint64_t since)
{
    struct rt__timeline_thread t = thread(number, born);
    t.blocked_since = since;
    t.blocked_reason = RT__BLOCK_NETWORK;
    t.blocked_pc = 0xabc;
    rt__timeline_thread(tl, &t);
}

static void a_thread_that_never_wakes_is_shown_waiting(void **state)
{
    (void)state;
    tell_blocked(1, 5, 50);
    tell_blocked(2, 5, 500);
    tell_blocked(3, 500, 600);
    tell_blocked(4, 5, 1001);
    tell_blocked(5, 5, 500);
    event1(5, 400, RT__EV_HEAP_ALLOC, 0, 1);
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists-waiting(network,pcabc)");
    assert_string_equal(heard(&check, 2), "@100 exists @500 waits(network,pcabc)");
    assert_string_equal(heard(&check, 3), "@500 created(0) @500 run @600 waits(network,pcabc)");
    assert_string_equal(heard(&check, 4), "@100 exists");
    assert_string_equal(heard(&check, 5), "@100 exists @400 alloc(1) @500 waits(network,pcabc)");
}

static void a_thread_that_has_woken_since_is_not_shown_waiting(void **state)
{
    (void)state;
    tell_blocked(1, 5, 50);
    blocks(1, 50, 80, 0, RT__BLOCK_NETWORK);
    tell_blocked(2, 5, 500);
    blocks(2, 500, 600, 0, RT__BLOCK_NETWORK);
    tell_blocked(3, 5, 500);
    tell_thread(3, 5);
    tell_blocked(4, 5, 500);
    blocks(4, 500, 1100, 0, RT__BLOCK_NETWORK);
    feed_all();
    assert_string_equal(heard(&check, 1), "@100 exists");
    assert_string_equal(heard(&check, 2), "@100 exists @500 waits(network,7) @600 unblock @600 run");
    assert_string_equal(heard(&check, 3), "@100 exists");
    assert_string_equal(heard(&check, 4), "@100 exists @500 waits(network,7)");
}

/* ---- samples ---- */

static void samples_are_kept_until_their_thread_is_heard_of(void **state)
{
    (void)state;
    tell_thread(1, 5);
    tell_thread(2, 400);
    rt__timeline_until(tl, 1000);
    rt__timeline_sample(tl, 99, 101, 1);
    rt__timeline_sample(tl, 100, 101, 2);
    rt__timeline_sample(tl, 390, 102, 3); /* of the thread that had this tid before */
    rt__timeline_sample(tl, 500, 102, 4);
    rt__timeline_sample(tl, 500, 103, 5); /* nobody's */
    assert_string_equal(heard_samples(&check, 1), "");
    event2(2, 400, RT__EV_BEGIN, 9, 380, 0x1234);
    event(2, 600, RT__EV_END, 0);
    event1(1, 700, RT__EV_HEAP_ALLOC, 0, 1);
    feed();
    rt__timeline_sample(tl, 550, 101, 6);
    rt__timeline_sample(tl, 1001, 101, 7);
    rt__timeline_sample(tl, 550, 102, 8);
    rt__timeline_finish(tl, &plain, 1000);
    assert_string_equal(heard_samples(&check, 1), "@100 sample(2) @550 sample(6)");
    assert_string_equal(heard_samples(&check, 2), "@500 sample(4)");
    assert_string_equal(heard(&check, 2), "@380 created(9) @400 run @600 end");
}

static void samples_of_a_thread_of_which_nothing_else_is_heard_come_at_the_end(void **state)
{
    (void)state;
    tell_thread(1, 5);
    for (uint32_t i = 0; i < 100; i++) {
        rt__timeline_sample(tl, 200 + i, 101, i);
    }
    feed_all();
    assert_non_null(strstr(heard_samples(&check, 1), "@200 sample(0) @201 sample(1)"));
    assert_non_null(strstr(heard_samples(&check, 1), "@299 sample(99)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_thread_of_which_nothing_is_heard_runs_from_the_start),
        TEST(a_thread_that_began_meanwhile_is_created_and_runs),
        TEST(a_thread_made_before_the_start_that_began_after_it_is_created_at_the_start),
        TEST(a_thread_whose_birth_was_not_recorded_is_created_when_it_was_first_seen),
        TEST(a_thread_that_ended_before_the_start_is_not_mentioned),
        TEST(a_thread_that_began_after_the_end_is_not_mentioned),
        TEST(a_thread_heard_of_only_after_the_end_was_there_all_the_time),
        TEST(a_thread_heard_of_only_after_the_end_in_a_slot_that_another_had_to_the_last_is_not_mentioned),
        TEST(a_track_carries_what_was_told_of_its_thread),
        TEST(of_a_thread_that_nobody_told_of_its_chunks_say_enough),
        TEST(what_cannot_be_a_thread_is_left_out),
        TEST(a_thread_whose_end_was_lost_ends_when_another_takes_its_slot),
        TEST(a_thread_that_comes_after_its_slots_next_owner_is_left_out),
        TEST(no_two_threads_have_one_tid_at_a_time),
        TEST(after_its_end_nothing_is_told_of_a_thread),
        TEST(a_block_is_a_wait_then_ready_then_running),
        TEST(a_block_across_the_start_is_a_thread_that_waits_from_the_start),
        TEST(a_block_across_the_end_is_a_thread_left_waiting),
        TEST(a_block_of_unknown_reason_or_negative_length_does_no_harm),
        TEST(a_thread_that_never_wakes_is_shown_waiting),
        TEST(a_thread_that_has_woken_since_is_not_shown_waiting),
        TEST(samples_are_kept_until_their_thread_is_heard_of),
        TEST(samples_of_a_thread_of_which_nothing_else_is_heard_come_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
