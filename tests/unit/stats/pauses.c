/* The histogram of pauses counts every pause once, in the right bucket, whoever adds it. The
 * histogram is the process's own and cycles may add to it too, so tests look at differences. */
#include "runtime/stats/pauses.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "runtime/cruntime.h"

static void bounds_rise_from_a_microsecond_to_ten_seconds(void **state)
{
    (void)state;
    assert_int_equal(rt__pauses_bound_ns(0), 1000);
    assert_int_equal(rt__pauses_bound_ns(RT__PAUSE_BOUNDS - 1), 10000000000);
    for (unsigned i = 1; i < RT__PAUSE_BOUNDS; i++) {
        assert_true(rt__pauses_bound_ns(i) > rt__pauses_bound_ns(i - 1));
        assert_true(rt__pauses_bound_ns(i) * 2 <= rt__pauses_bound_ns(i - 1) * 5);
    }
}

static void a_pause_counts_at_its_bound_and_above_and_nowhere_below(void **state)
{
    (void)state;
    static const uint64_t pauses_ns[] = {0, 999, 1000, 1001, 2500000, 10000000000, 10000000001, UINT64_MAX};
    for (size_t p = 0; p < sizeof pauses_ns / sizeof pauses_ns[0]; p++) {
        struct rt__pauses before, after;
        rt__pauses_read(&before);
        rt__pauses_add(pauses_ns[p]);
        rt__pauses_read(&after);
        for (unsigned i = 0; i < RT__PAUSE_BOUNDS; i++)
            assert_int_equal(after.at_most[i] - before.at_most[i], pauses_ns[p] <= rt__pauses_bound_ns(i));
        assert_int_equal(after.all - before.all, 1);
    }
}

#define ADDS 500000

static void *add_many(void *arg)
{
    pthread_barrier_wait(arg);
    for (uint64_t i = 0; i < ADDS; i++)
        rt__pauses_add(i % 4 * 1000); /* few buckets: threads meet in them */
    return NULL;
}

static void nothing_is_lost_between_threads_and_every_reading_is_ordered(void **state)
{
    (void)state;
    struct rt__pauses before, now, last;
    pthread_t threads[3];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, 3);
    rt__pauses_read(&before);
    last = before;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &start), 0);
    for (int reading = 0; reading < 2000; reading++, last = now) {
        rt__pauses_read(&now);
        for (unsigned i = 0; i < RT__PAUSE_BOUNDS; i++) {
            assert_true(now.at_most[i] >= last.at_most[i]);
            assert_true(i == 0 || now.at_most[i] >= now.at_most[i - 1]);
            assert_true(now.at_most[i] <= now.all);
        }
    }
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    rt__pauses_read(&now);
    assert_int_equal(now.all - before.all, 3 * ADDS);
}

static void every_cycle_counts_once(void **state)
{
    (void)state;
    struct rt__pauses before, after;
    struct rt_gc_stats stats_before, stats_after;
    rt_read_gc_stats(&stats_before);
    rt__pauses_read(&before);
    rt_gc();
    rt_gc();
    rt__pauses_read(&after);
    rt_read_gc_stats(&stats_after);
    assert_true(after.all - before.all >= 2);
    assert_int_equal(after.all - before.all, stats_after.num_gc - stats_before.num_gc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_rise_from_a_microsecond_to_ten_seconds),
        cmocka_unit_test(a_pause_counts_at_its_bound_and_above_and_nowhere_below),
        cmocka_unit_test(nothing_is_lost_between_threads_and_every_reading_is_ordered),
        cmocka_unit_test(every_cycle_counts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
