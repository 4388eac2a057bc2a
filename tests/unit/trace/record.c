/* record.c - what a thread records is what is read, in its order, or is told as lost. */
#include "tests/unit/trace/record_fixture.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- what was recorded by one thread -------------------------------------------------------------- */

static void an_event_is_there_as_soon_as_it_is_recorded(void **state)
{
    (void)state;
    struct rt__trace_thread *t = rt__trace_self();
    uint64_t ticks = rt__ticks();
    rt__record_short(t, ticks, RT__EV_REGION_BEGIN, 11);
    read_own_events();
    assert_int_equal(found.n, 1);
    rt__record(t, ticks + 5, RT__EV_TASK_BEGIN, 12, (const uint64_t[]){ticks + 8, 3}, 2);
    rt__record_short(t, ticks + 9, RT__EV_REGION_END, RT__EVENT_ARG_MOST);
    read_own_events();
    assert_int_equal(found.n, 3);
    assert_int_equal(found.events[0].type, RT__EV_REGION_BEGIN);
    assert_int_equal(found.events[0].arg, 11);
    assert_int_equal(found.events[0].ticks, ticks);
    assert_int_equal(found.events[1].type, RT__EV_TASK_BEGIN);
    assert_int_equal(found.events[1].ticks, ticks + 5);
    assert_int_equal(found.events[1].words[0], ticks + 8);
    assert_int_equal(found.events[1].words[1], 3);
    assert_int_equal(found.events[2].arg, RT__EVENT_ARG_MOST);
}

static void a_chunk_tells_whose_it_is_and_what_the_thread_worked_for(void **state)
{
    (void)state;
    struct rt__trace_thread *t = rt__trace_self();
    uint64_t ticks = rt__ticks();
    t->task = 42;
    rt__record_short(t, ticks, RT__EV_REGION_BEGIN, 1);
    t->task = 43;
    rt__record_flush();
    uint64_t index = t->index;
    rt__record_short(t, ticks, RT__EV_REGION_BEGIN, 1);
    t->task = 0;
    read_own_events();
    assert_int_equal(found.chunks, 2);
    assert_int_equal(found.copies[0].task, 42);
    assert_int_equal(found.copies[1].task, 43);
    assert_int_equal(found.copies[1].index, index);
    assert_int_equal(found.copies[0].index, index - 1);
    assert_int_equal(found.copies[1].tid, gettid());
    assert_int_equal(found.copies[1].slot, t->slot);
    assert_int_equal(found.copies[0].base, ticks);
    assert_false(found.copies[0].is_owned);
    assert_true(found.copies[1].is_owned);
}

static void times_far_apart_and_times_that_go_back_are_kept_in_order(void **state)
{
    (void)state;
    struct rt__trace_thread *t = rt__trace_self();
    uint64_t ticks = rt__ticks();
    rt__record_short(t, ticks, RT__EV_REGION_BEGIN, 0);
    rt__record_short(t, ticks + UINT32_MAX, RT__EV_REGION_BEGIN, 1);
    rt__record_short(t, ticks + UINT32_MAX + 1, RT__EV_REGION_BEGIN, 2);
    rt__record_short(t, ticks + (UINT64_C(1) << 50), RT__EV_REGION_BEGIN, 3);
    rt__record(t, ticks + (UINT64_C(1) << 51), RT__EV_TASK_SET, 4, (const uint64_t[]){99}, 1);
    rt__record_short(t, ticks, RT__EV_REGION_BEGIN, 5);
    rt__record_flush();
    read_own_events();
    assert_int_equal(found.n, 6);
    static const uint64_t since[] = {
        0, UINT32_MAX, UINT64_C(1) + UINT32_MAX, UINT64_C(1) << 50, UINT64_C(1) << 51, UINT64_C(1) << 51};
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(found.events[i].arg, i);
        assert_int_equal(found.events[i].ticks, ticks + since[i]);
    }
}

static char log_seen[RT__LOG_MOST + 1];
static size_t log_len;

static void find_log(const struct rt__chunk_copy *copy, void *unused)
{
    (void)unused;
    struct rt__event_reader r = {.words = copy->words, .count = copy->count, .base = copy->base};
    struct rt__event e;
    while (copy->serial > from_serial && rt__event_next(&r, &e)) {
        if (e.type == RT__EV_LOG) {
            assert_int_equal(e.arg, 6);
            assert_in_range(e.words[0], 0, RT__LOG_MOST);
            log_len = e.words[0];
            memcpy(log_seen, e.text, log_len);
        }
    }
}

static void a_log_of_any_length_is_kept_up_to_the_most(void **state)
{
    (void)state;
    char text[RT__LOG_MOST + 50];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)('A' + i % 57);
    }
    for (size_t len = 0; len <= sizeof(text); len++) {
        log_len = SIZE_MAX;
        pass_over_what_was();
        rt__record_log(rt__trace_self(), rt__ticks(), 6, text, len);
        rt__chunks_each(false, 0, find_log, NULL);
        assert_int_equal(log_len, len < RT__LOG_MOST ? len : RT__LOG_MOST);
        assert_memory_equal(log_seen, text, log_len);
    }
}

static void events_of_all_lengths_go_on_in_the_next_chunk_when_one_is_full(void **state)
{
    (void)state;
    struct rt__trace_thread *t = rt__trace_self();
    struct rt__trace_counts before, after;
    uint64_t ticks = rt__ticks(), words[2] = {1, 2};
    static const enum rt__event_type types[] = {RT__EV_REGION_BEGIN, RT__EV_TASK_SET, RT__EV_TASK_BEGIN};
    enum { EVENTS = 3000 }; /* of two words on average: six chunks */
    rt__record_counts(&before);
    for (uint32_t i = 0; i < EVENTS; i++) {
        rt__record(t, ticks + i, types[i % 3], i, words, i % 3);
    }
    rt__record_flush();
    rt__record_counts(&after);
    read_own_events();
    assert_int_equal(found.n, EVENTS);
    assert_true(found.chunks >= 6);
    for (uint32_t i = 0; i < EVENTS; i++) {
        assert_int_equal(found.events[i].arg, i);
        assert_int_equal(found.events[i].ticks, ticks + i);
    }
    for (size_t i = 1; i < found.chunks; i++) {
        assert_int_equal(found.copies[i].index, found.copies[i - 1].index + 1);
    }
    assert_int_equal(after.events - before.events, EVENTS);
    assert_int_equal(after.lost, before.lost);
}

/* ---- readers on and off --------------------------------------------------------------------------- */

static void nothing_is_recorded_while_no_reader_is_on(void **state)
{
    (void)state;
    rt__recording_set(RT__RECORD_TRACE, true);
    rt__recording_set(RT__RECORD_FLIGHT, false);
    assert_true(rt__is_recording());
    rt__recording_set(RT__RECORD_TRACE, false);
    assert_false(rt__is_recording());
    rt__record(rt__trace_self(), rt__ticks(), RT__EV_REGION_BEGIN, 1, NULL, 0);
    rt__record_log(rt__trace_self(), rt__ticks(), 1, "x", 1);
    rt__record_flush();
    read_own_events();
    assert_int_equal(found.n, 0);
}

static void chunks_are_kept_while_a_trace_is_on_and_only_then(void **state)
{
    (void)state;
    struct rt__trace_thread *t = rt__trace_self();
    rt__record_short(t, rt__ticks(), RT__EV_REGION_BEGIN, 1);
    rt__record_flush();
    rt__recording_set(RT__RECORD_TRACE, true);
    rt__record_short(t, rt__ticks(), RT__EV_REGION_BEGIN, 2);
    rt__record_flush();
    rt__recording_set(RT__RECORD_TRACE, false);
    rt__record_short(t, rt__ticks(), RT__EV_REGION_BEGIN, 3);
    rt__record_flush();
    found.number = t->number;
    found.n = found.chunks = 0;
    assert_int_equal(rt__chunks_each(true, rt__chunks_serial(), find_events, NULL), 0);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.events[0].arg, 2);
}

static unsigned told;
static bool told_of;

static void be_told(void)
{
    told++;
    told_of = rt__is_recording();
}

static void the_watcher_is_told_when_recording_begins_and_when_it_ceases(void **state)
{
    (void)state;
    void (*before)(void) = __atomic_exchange_n(&rt__recording_watcher, be_told, __ATOMIC_SEQ_CST);
    rt__recording_set(RT__RECORD_TRACE, true); /* the other reader is on */
    rt__recording_set(RT__RECORD_TRACE, true);
    rt__recording_set(RT__RECORD_FLIGHT, false);
    assert_int_equal(told, 0);
    rt__recording_set(RT__RECORD_TRACE, false);
    assert_int_equal(told, 1);
    assert_false(told_of);
    rt__recording_set(RT__RECORD_TRACE, false);
    assert_int_equal(told, 1);
    rt__recording_set(RT__RECORD_FLIGHT, true);
    assert_int_equal(told, 2);
    assert_true(told_of);
    __atomic_store_n(&rt__recording_watcher, before, __ATOMIC_SEQ_CST);
}

static void errno_is_left_alone(void **state)
{
    (void)state;
    rt__chunks_set(64 * RT__CHUNK_BYTES, 0);
    errno = 1234;
    for (int i = 0; i < 20000; i++) {
        rt__record_short(rt__trace_self(), rt__ticks(), RT__EV_REGION_BEGIN, 1);
    }
    assert_int_equal(errno, 1234);
}

/* ---- losses --------------------------------------------------------------------------------------- */

/* A kept chunk is not to be had, so a trace that nobody reads runs full. */
static void what_finds_no_room_is_counted_and_told_once_there_is_room_again(void **state)
{
    (void)state;
    struct rt__trace_thread *t = rt__trace_self();
    struct rt__trace_counts before, after;
    uint32_t made = 0;
    rt__recording_set(RT__RECORD_TRACE, true);
    rt__record_counts(&before);
    for (; t->lost < 777; made++) {
        rt__record_short(t, rt__ticks(), RT__EV_REGION_BEGIN, made);
        assert_true(made < MOST * RT__CHUNK_WORDS + 777);
    }
    rt__record_counts(&after);
    assert_true(after.lost - before.lost >= 777); /* and what other threads lost */
    assert_true(after.events - before.events >= made - 777);

    read_own_events();
    assert_int_equal(found.n, made - 777);
    for (uint32_t i = 0; i < found.n; i++) {
        assert_int_equal(found.events[i].arg, i);
    }
    rt__chunks_unkeep();
    from_serial = rt__chunks_serial();
    uint64_t later = rt__ticks() + rt__clock_ticks_per_s(); /* the thread may look again then */
    rt__record_short(t, later, RT__EV_REGION_END, 5);
    rt__record_short(t, later, RT__EV_REGION_END, 6);
    read_own_events();
    assert_int_equal(found.n, 3);
    assert_int_equal(found.events[0].type, RT__EV_LOST);
    assert_int_equal(found.events[0].ticks, later);
    assert_true(found.events[0].words[0] >= 777); /* and the heap's, which the reading is */
    assert_int_equal(found.events[1].arg, 5);
    assert_int_equal(found.events[2].arg, 6);
}

static void a_thread_without_a_chunk_looks_for_one_only_now_and_then(void **state)
{
    (void)state;
    struct rt__trace_thread *t = rt__trace_self();
    uint64_t ticks = rt__ticks();
    rt__record_flush();
    rt__chunks_set(0, 0);
    rt__record_short(t, ticks, RT__EV_REGION_BEGIN, 0);
    rt__chunks_set(MOST * RT__CHUNK_BYTES, 0);
    rt__record_short(t, ticks + 1, RT__EV_REGION_BEGIN, 1); /* it does not look yet */
    assert_null(t->chunk);
    rt__record_short(t, ticks + rt__clock_ticks_per_s() / 1000, RT__EV_REGION_BEGIN, 2);
    read_own_events();
    assert_int_equal(found.n, 2);
    assert_int_equal(found.events[0].type, RT__EV_LOST);
    assert_int_equal(found.events[0].words[0], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(an_event_is_there_as_soon_as_it_is_recorded),
        test(a_chunk_tells_whose_it_is_and_what_the_thread_worked_for),
        test(times_far_apart_and_times_that_go_back_are_kept_in_order),
        test(a_log_of_any_length_is_kept_up_to_the_most),
        test(events_of_all_lengths_go_on_in_the_next_chunk_when_one_is_full),
        test(nothing_is_recorded_while_no_reader_is_on),
        test(chunks_are_kept_while_a_trace_is_on_and_only_then),
        test(the_watcher_is_told_when_recording_begins_and_when_it_ceases),
        test(errno_is_left_alone),
        test(what_finds_no_room_is_counted_and_told_once_there_is_room_again),
        test(a_thread_without_a_chunk_looks_for_one_only_now_and_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
