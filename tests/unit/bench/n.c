/* How N grows. The rows are worked out by hand from the rule: goal x prev / prev_ns, a fifth more, between last + 1 and
 * 100 x last, at most 1e9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bench/harness/n.h"

#define SECOND 1000000000

static void n_is_what_the_time_is_for_and_a_fifth_more(void **state)
{
    (void)state;
    /* 100 turns took 10 ms: a second is 10000, and a fifth is 2000 */
    assert_int_equal(rt__bench_predict(SECOND, 100, 10000000, 1000), 12000);
    /* whole turns, and a fifth of whole turns: 1e9 x 3 / 7e8 = 4, and 0 more */
    assert_int_equal(rt__bench_predict(SECOND, 3, 700000000, 3), 4);
}

static void n_grows_at_most_a_hundredfold(void **state)
{
    (void)state;
    assert_int_equal(rt__bench_predict(SECOND, 1, 10, 1), 100);
    assert_int_equal(rt__bench_predict(SECOND, 100, 1000, 100), 10000);
}

static void n_grows_by_one_at_least(void **state)
{
    (void)state;
    assert_int_equal(rt__bench_predict(SECOND, 1, 999999999, 1), 2);
    assert_int_equal(rt__bench_predict(SECOND, 50, INT64_C(60) * SECOND, 50), 51);
}

static void n_is_never_above_a_milliard(void **state)
{
    (void)state;
    assert_int_equal(rt__bench_predict(SECOND, 100000000, 1000, 100000000), 1000000000);
    assert_int_equal(rt__bench_predict(SECOND, 1000000000, 1, 1000000000), 1000000000);
}

static void a_run_too_short_for_the_clock_counts_as_a_nanosecond(void **state)
{
    (void)state;
    assert_int_equal(rt__bench_predict(SECOND, 1, 0, 1), 100);
}

static void hours_of_benchtime_do_not_overflow(void **state)
{
    (void)state;
    int64_t hours = INT64_C(24) * 3600 * SECOND;
    assert_int_equal(rt__bench_predict(hours, 500000000, 500000000, 500000000), 1000000000);
}

static void a_grain_is_a_hundred_microseconds_of_work(void **state)
{
    (void)state;
    assert_int_equal(rt__bench_grain(1000, 1000000), 100); /* 1 us a turn */
    assert_int_equal(rt__bench_grain(100, 100000), 100);
}

static void a_grain_is_one_turn_at_least_and_ten_thousand_at_most(void **state)
{
    (void)state;
    assert_int_equal(rt__bench_grain(1, 1000000), 1);
    assert_int_equal(rt__bench_grain(1000000, 1000), 10000);
    assert_int_equal(rt__bench_grain(INT64_MAX, 1), 10000);
}

static void a_grain_is_one_turn_before_anything_is_known(void **state)
{
    (void)state;
    assert_int_equal(rt__bench_grain(0, 0), 1);
    assert_int_equal(rt__bench_grain(1, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(n_is_what_the_time_is_for_and_a_fifth_more),
        cmocka_unit_test(n_grows_at_most_a_hundredfold),
        cmocka_unit_test(n_grows_by_one_at_least),
        cmocka_unit_test(n_is_never_above_a_milliard),
        cmocka_unit_test(a_run_too_short_for_the_clock_counts_as_a_nanosecond),
        cmocka_unit_test(hours_of_benchtime_do_not_overflow),
        cmocka_unit_test(a_grain_is_a_hundred_microseconds_of_work),
        cmocka_unit_test(a_grain_is_one_turn_at_least_and_ten_thousand_at_most),
        cmocka_unit_test(a_grain_is_one_turn_before_anything_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
