/* scavenge_pace.c - when the background may ask for memory back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "runtime/gc/scavenge_pace.h"

#define MiB (UINT64_C(1) << 20)
#define SECOND UINT64_C(1000000000)

static void what_fits_in_live_and_a_tenth_and_the_slack_is_left_alone(void **state)
{
    struct rt__scavenge_pace p = {0};
    (void)state;
    assert_false(rt__scavenge_due(&p, SECOND, 114 * MiB, 100 * MiB, RT__SCAVENGE_SLACK_BYTES));
    assert_true(rt__scavenge_due(&p, SECOND, 115 * MiB, 100 * MiB, RT__SCAVENGE_SLACK_BYTES));
}

static void asking_is_paid_off_at_one_percent_before_it_asks_again(void **state)
{
    struct rt__scavenge_pace p = {0};
    (void)state;
    assert_true(rt__scavenge_due(&p, SECOND, 200 * MiB, 100 * MiB, RT__SCAVENGE_SLACK_BYTES));
    p.spent_ns += 10 * 1000 * 1000; /* 10 ms of CPU: a second at 1 % */
    assert_false(rt__scavenge_due(&p, SECOND + 999 * SECOND / 1000, 400 * MiB, 100 * MiB, RT__SCAVENGE_SLACK_BYTES));
    assert_true(rt__scavenge_due(&p, 2 * SECOND, 400 * MiB, 100 * MiB, RT__SCAVENGE_SLACK_BYTES));
}

static void what_the_last_ask_could_not_free_is_not_asked_for_again(void **state)
{
    struct rt__scavenge_pace p = {0};
    (void)state;
    assert_true(rt__scavenge_due(&p, SECOND, 200 * MiB, 100 * MiB, RT__SCAVENGE_SLACK_BYTES));
    for (uint64_t t = 2; t < 100; t++) {
        assert_false(rt__scavenge_due(&p, t * SECOND, 200 * MiB, 100 * MiB, RT__SCAVENGE_SLACK_BYTES));
    }
    assert_true(rt__scavenge_due(&p, 100 * SECOND, 221 * MiB, 100 * MiB, RT__SCAVENGE_SLACK_BYTES));
}

static void what_the_ask_did_free_may_be_asked_for_when_it_is_taken_again(void **state)
{
    struct rt__scavenge_pace p = {0};
    (void)state;
    assert_true(rt__scavenge_due(&p, SECOND, 200 * MiB, 100 * MiB, RT__SCAVENGE_SLACK_BYTES));
    assert_false(rt__scavenge_due(&p, 2 * SECOND, 130 * MiB, 100 * MiB, RT__SCAVENGE_SLACK_BYTES));
    assert_false(rt__scavenge_due(&p, 3 * SECOND, 143 * MiB, 100 * MiB, RT__SCAVENGE_SLACK_BYTES));
    assert_true(rt__scavenge_due(&p, 4 * SECOND, 144 * MiB, 100 * MiB, RT__SCAVENGE_SLACK_BYTES));
}

static void under_a_small_limit_a_tenth_of_it_is_worth_an_ask(void **state)
{
    (void)state;
    assert_int_equal(rt__scavenge_slack(INT64_MAX), RT__SCAVENGE_SLACK_BYTES);
    assert_int_equal(rt__scavenge_slack(5000000), 500000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_in_live_and_a_tenth_and_the_slack_is_left_alone),
        cmocka_unit_test(asking_is_paid_off_at_one_percent_before_it_asks_again),
        cmocka_unit_test(what_the_last_ask_could_not_free_is_not_asked_for_again),
        cmocka_unit_test(what_the_ask_did_free_may_be_asked_for_when_it_is_taken_again),
        cmocka_unit_test(under_a_small_limit_a_tenth_of_it_is_worth_an_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
