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
    assert_false(rt__scavenge_due(&p, SECOND, 114 * MiB, 100 * MiB));
    assert_true(rt__scavenge_due(&p, SECOND, 115 * MiB, 100 * MiB));
}

static void asking_is_paid_off_at_one_percent_before_it_asks_again(void **state)
{
    struct rt__scavenge_pace p = {0};
    (void)state;
    assert_true(rt__scavenge_due(&p, SECOND, 200 * MiB, 100 * MiB));
    p.spent_ns += 10 * 1000 * 1000; /* 10 ms of CPU: a second at 1 % */
    assert_false(rt__scavenge_due(&p, SECOND + 999 * SECOND / 1000, 400 * MiB, 100 * MiB));
    assert_true(rt__scavenge_due(&p, 2 * SECOND, 400 * MiB, 100 * MiB));
}

static void what_the_last_ask_could_not_free_is_not_asked_for_again(void **state)
{
    struct rt__scavenge_pace p = {0};
    (void)state;
    assert_true(rt__scavenge_due(&p, SECOND, 200 * MiB, 100 * MiB));
    for (uint64_t t = 2; t < 100; t++) {
        assert_false(rt__scavenge_due(&p, t * SECOND, 200 * MiB, 100 * MiB));
    }
    assert_true(rt__scavenge_due(&p, 100 * SECOND, 221 * MiB, 100 * MiB));
}

static void a_heap_that_shrank_to_fit_may_be_asked_afresh(void **state)
{
    struct rt__scavenge_pace p = {0};
    (void)state;
    assert_true(rt__scavenge_due(&p, SECOND, 200 * MiB, 100 * MiB));
    assert_false(rt__scavenge_due(&p, 2 * SECOND, 110 * MiB, 100 * MiB));
    assert_true(rt__scavenge_due(&p, 3 * SECOND, 150 * MiB, 100 * MiB));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_in_live_and_a_tenth_and_the_slack_is_left_alone),
        cmocka_unit_test(asking_is_paid_off_at_one_percent_before_it_asks_again),
        cmocka_unit_test(what_the_last_ask_could_not_free_is_not_asked_for_again),
        cmocka_unit_test(a_heap_that_shrank_to_fit_may_be_asked_afresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
