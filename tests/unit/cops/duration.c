/* Durations: read as gops reads them, printed as Go and ps print them. */
#include "runtime/agent/cops/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define MS UINT64_C(1000000)
#define S (1000 * MS)

static void assert_reads(const char *text, uint64_t want)
{
    uint64_t ns = 1;
    if (!cops_duration_parse(text, &ns))
        fail_msg("%s is not read", text);
    assert_int_equal(ns, want);
}

static void units_are_those_of_go(void **state)
{
    (void)state;
    assert_reads("1ns", 1);
    assert_reads("2us", 2000);
    assert_reads("2\u00b5s", 2000);
    assert_reads("2\u03bcs", 2000);
    assert_reads("200ms", 200 * MS);
    assert_reads("2s", 2 * S);
    assert_reads("3m", 180 * S);
    assert_reads("1h", 3600 * S);
    assert_reads("0s", 0);
}

static void parts_add_up(void **state)
{
    (void)state;
    assert_reads("1h2m3s4ms", (3600 + 120 + 3) * S + 4 * MS);
    assert_reads("1m30s", 90 * S);
    assert_reads("+1s", S);
}

static void fractions_count(void **state)
{
    (void)state;
    assert_reads("1.5s", 1500 * MS);
    assert_reads(".5s", 500 * MS);
    assert_reads("2.s", 2 * S);
    assert_reads("0.25h", 900 * S);
    assert_reads("1.000000001s", S + 1);
    assert_reads("1.0000000019999s", S + 1);
}

static void a_bare_number_is_seconds(void **state)
{
    (void)state;
    assert_reads("5", 5 * S);
    assert_reads("0", 0);
}

static void anything_else_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "s",
                                      ".s",
                                      "-1s",
                                      "1x",
                                      "1s2",
                                      "1 s",
                                      "1e3s",
                                      "9999999h",
                                      "1.2.3s",
                                      "0x1s",
                                      "99999999999999999999s",
                                      "9223372036854775807s",
                                      "2562047h2562047h"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t ns = 7;
        if (cops_duration_parse(bad[i], &ns))
            fail_msg("\"%s\" is read as %ju", bad[i], (uintmax_t)ns);
        assert_int_equal(ns, 7);
    }
}

static void they_are_printed_as_go_prints_them(void **state)
{
    char buf[COPS_DURATION_TEXT];
    (void)state;
    assert_string_equal(cops_duration_text(buf, 0), "0s");
    assert_string_equal(cops_duration_text(buf, 1), "1ns");
    assert_string_equal(cops_duration_text(buf, 1500), "1.5\u00b5s");
    assert_string_equal(cops_duration_text(buf, 2325873), "2.325873ms");
    assert_string_equal(cops_duration_text(buf, 2 * S), "2s");
    assert_string_equal(cops_duration_text(buf, 1100 * MS), "1.1s");
    assert_string_equal(cops_duration_text(buf, 90 * S), "1m30s");
    assert_string_equal(cops_duration_text(buf, 60 * S), "1m0s");
    assert_string_equal(cops_duration_text(buf, 7200 * S + 500 * MS), "2h0m0.5s");
    assert_string_equal(cops_duration_text(buf, UINT64_MAX), "5124095h34m33.709551615s");
}

static void ages_are_printed_as_ps_prints_them(void **state)
{
    char buf[COPS_DURATION_TEXT];
    (void)state;
    assert_string_equal(cops_elapsed_text(buf, 0), "00:00");
    assert_string_equal(cops_elapsed_text(buf, 61), "01:01");
    assert_string_equal(cops_elapsed_text(buf, 3599), "59:59");
    assert_string_equal(cops_elapsed_text(buf, 3600), "01:00:00");
    assert_string_equal(cops_elapsed_text(buf, 86400 + 3661), "01-01:01:01");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_are_those_of_go),
        cmocka_unit_test(parts_add_up),
        cmocka_unit_test(fractions_count),
        cmocka_unit_test(a_bare_number_is_seconds),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(they_are_printed_as_go_prints_them),
        cmocka_unit_test(ages_are_printed_as_ps_prints_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
