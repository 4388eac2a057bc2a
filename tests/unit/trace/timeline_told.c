/* timeline_tracks.c - what a thread was told to wait for, until its first event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/trace/timeline.h"

#define FROM 1000u
#define EVENT 2000u
#define TO 3000u

static const struct rt__clock_map clock_map = {.n = 1, .pairs = {{0, 0}}}; /* ticks are nanoseconds */

static struct {
    size_t n;
    struct rt__moment moments[16];
} seen;

static void see(void *sink, struct rt__track *track, const struct rt__moment *moment)
{
    (void)sink;
    (void)track;
    assert_true(seen.n < 16);
    seen.moments[seen.n++] = *moment;
}

static void assert_moment(size_t i, enum rt__moment_kind kind, uint64_t ns)
{
    assert_true(i < seen.n);
    assert_int_equal(seen.moments[i].kind, kind);
    assert_int_equal(seen.moments[i].ns, ns);
}

/* A thread with a region that begins at EVENT, or with no event at all. */
static void show(uint64_t blocked_since, uintptr_t pc, bool has_event)
{
    struct rt__timeline *tl = rt__timeline_new(FROM, see, NULL);
    struct rt__timeline_thread thread = {.number = 7,
                                         .slot = 3,
                                         .tid = 100,
                                         .blocked_since = blocked_since,
                                         .blocked_reason = RT__BLOCK_SLEEP,
                                         .blocked_pc = pc};
    const uint64_t words[] = {rt__event_word(RT__EV_REGION_BEGIN, 0, 0)};
    struct rt__chunk_copy chunk = {.serial = 1, .thread = 7, .base = EVENT, .slot = 3, .tid = 100, .words = words};
    assert_non_null(tl);
    seen.n = 0;
    rt__timeline_thread(tl, &thread);
    chunk.count = has_event;
    rt__timeline_chunk(tl, &clock_map, &chunk);
    rt__timeline_finish(tl, &clock_map, TO);
    if (pc && seen.n > 0) {
        assert_int_equal(rt__timeline_pc(tl, seen.moments[0].stack), pc);
    }
    rt__timeline_free(tl);
}

static void a_thread_told_to_wait_before_the_begin_waits_until_its_first_event(void **state)
{
    (void)state;
    show(FROM - 1, 0, true);
    assert_moment(0, RT__MOMENT_EXISTS_WAITING, FROM);
    assert_int_equal(seen.moments[0].reason, RT__BLOCK_SLEEP);
    assert_int_equal(seen.moments[0].stack, 0);
    assert_moment(1, RT__MOMENT_UNBLOCK, EVENT);
    assert_moment(2, RT__MOMENT_RUN, EVENT);
    assert_moment(3, RT__MOMENT_REGION_BEGIN, EVENT);
    show(FROM, 0x1234, true);
    assert_moment(0, RT__MOMENT_EXISTS_WAITING, FROM);
}

/* A trace tells of each thread at its begin and at its end; the event may come last. */
static void what_it_is_told_to_wait_for_later_does_not_change_what_it_waited_for_at_the_begin(void **state)
{
    (void)state;
    struct rt__timeline *tl = rt__timeline_new(FROM, see, NULL);
    struct rt__timeline_thread thread = {
        .number = 7, .slot = 3, .tid = 100, .blocked_since = FROM - 1, .blocked_reason = RT__BLOCK_SLEEP};
    assert_non_null(tl);
    seen.n = 0;
    rt__timeline_thread(tl, &thread);
    thread.blocked_since = EVENT;
    thread.blocked_reason = RT__BLOCK_MUTEX;
    rt__timeline_thread(tl, &thread);
    rt__timeline_finish(tl, &clock_map, TO);
    rt__timeline_free(tl);
    assert_int_equal(seen.n, 4);
    assert_moment(0, RT__MOMENT_EXISTS_WAITING, FROM);
    assert_int_equal(seen.moments[0].reason, RT__BLOCK_SLEEP);
    assert_moment(1, RT__MOMENT_UNBLOCK, EVENT);
    assert_moment(2, RT__MOMENT_RUN, EVENT);
    assert_moment(3, RT__MOMENT_WAITING, EVENT);
    assert_int_equal(seen.moments[3].reason, RT__BLOCK_MUTEX);
}

static void one_without_an_event_waits_to_the_end(void **state)
{
    (void)state;
    show(FROM - 1, 0x1234, false);
    assert_moment(0, RT__MOMENT_EXISTS_WAITING, FROM);
    assert_int_equal(seen.n, 1);
}

static void one_that_was_not_waiting_at_the_begin_runs(void **state)
{
    (void)state;
    show(0, 0, true);
    assert_moment(0, RT__MOMENT_EXISTS_RUNNING, FROM);
    assert_moment(1, RT__MOMENT_REGION_BEGIN, EVENT);
    show(EVENT - 1, 0, true);
    assert_moment(0, RT__MOMENT_EXISTS_RUNNING, FROM);
    assert_moment(1, RT__MOMENT_REGION_BEGIN, EVENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_told_to_wait_before_the_begin_waits_until_its_first_event),
        cmocka_unit_test(what_it_is_told_to_wait_for_later_does_not_change_what_it_waited_for_at_the_begin),
        cmocka_unit_test(one_without_an_event_waits_to_the_end),
        cmocka_unit_test(one_that_was_not_waiting_at_the_begin_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
