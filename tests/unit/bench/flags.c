/* The command line of a benchmark program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "bench/harness/flags.h"

#define MS INT64_C(1000000)

static struct rt__bench_flags flags;
static char error[400];

/* Up to three words. */
static bool parse(const char *a, const char *b, const char *c)
{
    char *argv[] = {(char *)(uintptr_t)a, (char *)(uintptr_t)b, (char *)(uintptr_t)c};
    int argc = a ? b ? c ? 3 : 2 : 1 : 0;
    error[0] = '\0';
    return rt__bench_flags_parse(&flags, argc, argv, error, sizeof(error));
}

static void without_flags_each_benchmark_takes_a_second_once(void **state)
{
    (void)state;
    assert_true(parse(NULL, NULL, NULL));
    assert_string_equal(flags.bench, "");
    assert_string_equal(flags.cpuprofile, "");
    assert_int_equal(flags.time_ns, 1000 * MS);
    assert_int_equal(flags.times, 0);
    assert_int_equal(flags.count, 1);
    assert_int_equal(flags.cpu_count, 0);
    assert_int_equal(flags.timeout_ns, 0);
    assert_false(flags.benchmem);
}

static void a_value_follows_an_equals_sign_or_as_the_next_word(void **state)
{
    (void)state;
    assert_true(parse("-bench=a=b", "--count=3", "-test.benchmem"));
    assert_string_equal(flags.bench, "a=b");
    assert_int_equal(flags.count, 3);
    assert_true(flags.benchmem);
    assert_true(parse("--test.bench", "-x", NULL));
    assert_string_equal(flags.bench, "-x");
}

static void a_switch_takes_a_value_behind_an_equals_sign_only(void **state)
{
    (void)state;
    assert_true(parse("-v=false", "-failfast=1", "-json=T"));
    assert_false(flags.verbose);
    assert_true(flags.failfast);
    assert_true(flags.json);
    assert_false(parse("-v", "true", NULL));
}

static void benchtime_is_a_duration_or_a_number_of_times(void **state)
{
    (void)state;
    assert_true(parse("-benchtime=250ms", NULL, NULL));
    assert_int_equal(flags.time_ns, 250 * MS);
    assert_true(parse("-benchtime=100x", NULL, NULL));
    assert_int_equal(flags.times, 100);
    assert_int_equal(flags.time_ns, 0);
}

static void cpu_is_a_list_in_which_empty_places_are_left_out(void **state)
{
    (void)state;
    assert_true(parse("-cpu=1, 2,,16,", NULL, NULL));
    assert_int_equal(flags.cpu_count, 3);
    assert_int_equal(flags.cpus[0], 1);
    assert_int_equal(flags.cpus[1], 2);
    assert_int_equal(flags.cpus[2], 16);
}

static void durations_are_read_as_go_reads_them(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } rows[] = {{"0", 0},
                {"1s", 1000 * MS},
                {"1.5s", 1500 * MS},
                {".5ms", MS / 2},
                {"1m30s", 90000 * MS},
                {"2h", 7200000 * MS},
                {"3us", 3000},
                {"3\u00b5s", 3000},
                {"3\u03bcs", 3000},
                {"7ns", 7},
                {"0s", 0}};
    static const char *const wrong[] = {"",    "1",    "s",  "1x",     "-1s",  "1s2",
                                        "1 s", "1e3s", ".s", "1.2.3s", "0x1s", "3000000h"};
    int64_t ns;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ns = -1;
        assert_true(rt__bench_duration_parse(rows[i].text, &ns));
        assert_int_equal(ns, rows[i].ns);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (rt__bench_duration_parse(wrong[i], &ns)) {
            fail_msg("%s was read as %lld ns", wrong[i], (long long)ns);
        }
    }
}

static void what_is_wrong_is_named_with_what_was_expected(void **state)
{
    static const struct {
        const char *word, *names, *expects;
    } rows[] = {
        {"-nope", "-nope", "-help"},
        {"-nope=1", "-nope is", "-help"},
        {"word", "\"word\"", "-bench=REGEX"},
        {"-", "\"-\"", "-bench=REGEX"},
        {"--", "\"--\"", "-bench=REGEX"},
        {"-bench", "-bench has no value", "a value"},
        {"-count=0", "\"0\" for -count", "1 or more"},
        {"-count=-1", "\"-1\" for -count", "1 or more"},
        {"-count=1x", "\"1x\" for -count", "whole number"},
        {"-count=99999999999999999999", "-count", "whole number"},
        {"-count=", "\"\" for -count", "whole number"},
        {"-benchtime=0", "\"0\" for -benchtime", "100x"},
        {"-benchtime=0x", "\"0x\" for -benchtime", "100x"},
        {"-benchtime=x", "\"x\" for -benchtime", "1s"},
        {"-benchtime=1", "\"1\" for -benchtime", "1s"},
        {"-cpu=0", "\"0\" for -cpu", "1,2,4"},
        {"-cpu=1;2", "\"1;2\" for -cpu", "1,2,4"},
        {"-cpu=1025", "\"1025\" for -cpu", "1024"},
        {"-benchmem=perhaps", "\"perhaps\" for -benchmem", "true or false"},
        {"-timeout=soon", "\"soon\" for -timeout", "duration"},
        {"-memprofilerate=-1", "-memprofilerate", "0 or more"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (parse(rows[i].word, NULL, NULL) || !strstr(error, rows[i].names) || !strstr(error, rows[i].expects) ||
            strchr(error, '\n')) {
            fail_msg("%s: %s", rows[i].word, error);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_flags_each_benchmark_takes_a_second_once),
        cmocka_unit_test(a_value_follows_an_equals_sign_or_as_the_next_word),
        cmocka_unit_test(a_switch_takes_a_value_behind_an_equals_sign_only),
        cmocka_unit_test(benchtime_is_a_duration_or_a_number_of_times),
        cmocka_unit_test(cpu_is_a_list_in_which_empty_places_are_left_out),
        cmocka_unit_test(durations_are_read_as_go_reads_them),
        cmocka_unit_test(what_is_wrong_is_named_with_what_was_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
