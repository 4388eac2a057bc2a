/* contention_rates.c - what the rates of the mutex and block profiles mean, and how they are set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "env/settings.h"
#include "runtime/cruntime.h"
#include "runtime/profile/contention.h"
#include "runtime/profile/profile.h"

/* ---- knobs ---- */

static const char *setting(const char *name, const char **source)
{
    static struct rt_setting s;
    for (unsigned i = 0; rt_setting_get(i, &s); i++) {
        if (strcmp(s.name, name) == 0) {
            *source = s.source;
            return s.value;
        }
    }
    return NULL;
}

static void a_call_answers_the_old_value_and_is_shown_among_the_settings(void **state)
{
    const char *source;
    (void)state;
    assert_int_equal(rt_set_mutex_profile_fraction(-1), 0);
    assert_int_equal(rt_set_block_profile_rate(-1), 0);
    assert_int_equal(rt_set_mutex_profile_fraction(7), 0);
    assert_int_equal(rt_set_block_profile_rate(INT64_C(5000000000)), 0);
    assert_string_equal(setting("mutexprofilefraction", &source), "7");
    assert_string_equal(source, "call");
    assert_string_equal(setting("blockprofilerate", &source), "5000000000");
    assert_string_equal(source, "call");
    assert_int_equal(rt_set_mutex_profile_fraction(-5), 7);
    assert_true(rt_set_block_profile_rate(-5) == INT64_C(5000000000));
    assert_int_equal(rt_set_mutex_profile_fraction(0), 7);
    assert_true(rt_set_block_profile_rate(0) == INT64_C(5000000000));
    assert_string_equal(setting("mutexprofilefraction", &source), "0");
}

static void the_settings_switch_the_profiles_on_at_start(void **state)
{
    struct env_settings settings;
    (void)state;
    env_settings_default(&settings, 1);
    settings.mutexprofilefraction = 3;
    settings.blockprofilerate_ns = 1000;
    rt__contention_start(&settings);
    assert_int_equal(rt__locks_state & (RT__LOCKS_MUTEX | RT__LOCKS_BLOCK), RT__LOCKS_MUTEX | RT__LOCKS_BLOCK);
    assert_int_equal(rt_set_mutex_profile_fraction(-1), 3);
    assert_int_equal(rt_set_block_profile_rate(-1), 1000);
    env_settings_default(&settings, 1);
    rt__contention_start(&settings);
    assert_int_equal(rt__locks_state & (RT__LOCKS_MUTEX | RT__LOCKS_BLOCK), 0);
}

/* ---- which events count: sums over all random numbers there are ---- */

static void samples_of_unlocks_make_up_for_those_that_were_not_taken(void **state)
{
    (void)state;
    for (uint64_t fraction = 1; fraction <= 100; fraction++) {
        double by[RT__BUCKET_VALUES], contentions = 0, delay_ns = 0;
        for (uint64_t random = 0; random < fraction; random++) {
            if (rt__mutex_sample(1234, fraction, random, by)) {
                contentions += by[0];
                delay_ns += by[1];
            }
        }
        assert_true(contentions == (double)fraction && delay_ns == 1234.0 * (double)fraction);
        assert_false(rt__mutex_sample(0, fraction, 0, by));
    }
}

static void waits_shorter_than_the_rate_are_taken_as_often_as_they_are_a_share_of_it(void **state)
{
    (void)state;
    const uint64_t rate_ns = 1000;
    double by[RT__BUCKET_VALUES];
    for (uint64_t wait_ns = 1; wait_ns <= rate_ns; wait_ns += 37) {
        double contentions = 0, delay_ns = 0;
        for (uint64_t random = 0; random < rate_ns; random++) {
            if (rt__block_sample(wait_ns, rate_ns, random, by)) {
                contentions += by[0];
                delay_ns += by[1];
            }
        }
        assert_true(contentions > 999.999 && contentions < 1000.001);
        assert_true(delay_ns > 999.999 * (double)wait_ns && delay_ns < 1000.001 * (double)wait_ns);
    }
    assert_false(rt__block_sample(0, rate_ns, 0, by));
    assert_false(rt__block_sample(5, 0, 0, by));
}

static void a_wait_of_the_rate_or_longer_counts_for_itself(void **state)
{
    (void)state;
    double by[RT__BUCKET_VALUES];
    for (uint64_t random = 0; random < 2000; random++) {
        assert_true(rt__block_sample(1000, 1000, random, by));
        assert_true(by[0] == 1 && by[1] == 1000);
        assert_true(rt__block_sample(UINT64_C(1) << 40, 1000, random, by));
        assert_true(by[0] == 1 && by[1] == (double)(UINT64_C(1) << 40));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_answers_the_old_value_and_is_shown_among_the_settings),
        cmocka_unit_test(the_settings_switch_the_profiles_on_at_start),
        cmocka_unit_test(samples_of_unlocks_make_up_for_those_that_were_not_taken),
        cmocka_unit_test(waits_shorter_than_the_rate_are_taken_as_often_as_they_are_a_share_of_it),
        cmocka_unit_test(a_wait_of_the_rate_or_longer_counts_for_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
