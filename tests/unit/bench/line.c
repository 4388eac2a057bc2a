/* A result's line, to the byte: the texts are what Go 1.26's testing.BenchmarkResult prints for the same figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/harness/line.h"

static struct rt__bench_result result;
static char *text;
static size_t text_length;

static int clear(void **state)
{
    (void)state;
    memset(&result, 0, sizeof(result));
    return 0;
}

static const char *line(void)
{
    free(text);
    FILE *out = open_memstream(&text, &text_length);
    rt__bench_line_write(out, &result, false);
    fclose(out);
    return text;
}

static const char *line_with_allocs(void)
{
    free(text);
    FILE *out = open_memstream(&text, &text_length);
    rt__bench_line_write(out, &result, true);
    fclose(out);
    return text;
}

static void decimal_points_stand_below_one_another_with_four_digits_that_count(void **state)
{
    static const struct {
        double value;
        const char *want;
    } rows[] = {
        {0, "         0 x"},
        {1234567.6, "   1234568 x"},
        {999.95, "      1000 x"},
        {999.94, "       999.9 x"},
        {99.995, "       100.0 x"},
        {99.994, "        99.99 x"},
        {12.5, "        12.50 x"},
        {9.9995, "        10.00 x"},
        {9.9994, "         9.999 x"},
        {1, "         1.000 x"},
        {0.99995, "         1.000 x"},
        {0.5, "         0.5000 x"},
        {0.099995, "         0.1000 x"},
        {0.0123456, "         0.01235 x"},
        {0.0012345, "         0.001234 x"},
        {0.00012345, "         0.0001234 x"},
        {0.00000001, "         0.0000000 x"},
        {-12.5, "       -12.50 x"},
        {INFINITY, "      +Inf x"},
        {NAN, "               NaN x"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        free(text);
        FILE *out = open_memstream(&text, &text_length);
        rt__bench_line_number(out, rows[i].value, "x");
        fclose(out);
        assert_string_equal(text, rows[i].want);
    }
}

static void a_line_is_n_then_time_then_bandwidth(void **state)
{
    (void)state;
    result.n = 12345;
    result.ns = INT64_C(3000000000);
    result.bytes = 1024;
    assert_string_equal(line(), "   12345\t    243013 ns/op\t   4.21 MB/s");
}

static void allocations_a_turn_are_rounded_down(void **state)
{
    (void)state;
    result.n = 12345;
    result.ns = 12345;
    result.allocs = 2 * 12345 + 12344;
    result.alloc_bytes = 100 * 12345 + 12344;
    assert_string_equal(line_with_allocs(), "   12345\t         1.000 ns/op\t     100 B/op\t       2 allocs/op");
}

static void other_metrics_follow_by_unit_and_own_units_are_replaced(void **state)
{
    (void)state;
    result.n = 123456789;
    result.ns = 1100000000;
    assert_true(rt__bench_metric_set(&result.extra, 1, "z/op"));
    assert_true(rt__bench_metric_set(&result.extra, 7, "MB/s"));
    assert_true(rt__bench_metric_set(&result.extra, 2, "a"));
    assert_true(rt__bench_metric_set(&result.extra, 12.9, "B/op"));
    assert_true(rt__bench_metric_set(&result.extra, 3, "allocs/op"));
    assert_string_equal(line_with_allocs(),
                        "123456789\t         8.910 ns/op\t   7.00 MB/s\t         2.000 a\t         1.000 z/op"
                        "\t      12 B/op\t       3 allocs/op");
}

static void ns_per_op_of_zero_leaves_that_column_out(void **state)
{
    (void)state;
    result.n = 1;
    result.ns = 5;
    assert_true(rt__bench_metric_set(&result.extra, 0, "ns/op"));
    assert_true(rt__bench_metric_set(&result.extra, 1, "x"));
    assert_string_equal(line(), "       1\t         1.000 x");
}

static void the_last_value_of_a_unit_counts(void **state)
{
    (void)state;
    assert_true(rt__bench_metric_set(&result.extra, 1, "x"));
    assert_true(rt__bench_metric_set(&result.extra, 2, "x"));
    assert_int_equal(result.extra.count, 1);
    assert_true(rt__bench_metric_find(&result.extra, "x")->value == 2);
    assert_null(rt__bench_metric_find(&result.extra, "y"));
}

static void a_metric_too_many_or_a_unit_too_long_is_refused(void **state)
{
    char unit[RT__BENCH_UNIT_MAX + 1];
    (void)state;
    memset(unit, 'u', sizeof(unit) - 1);
    unit[sizeof(unit) - 1] = '\0';
    assert_false(rt__bench_metric_set(&result.extra, 1, unit));
    for (int i = 0; i < RT__BENCH_METRICS_MAX; i++) {
        snprintf(unit, sizeof(unit), "m%d", i);
        assert_true(rt__bench_metric_set(&result.extra, i, unit));
    }
    assert_false(rt__bench_metric_set(&result.extra, 1, "more"));
    assert_true(rt__bench_metric_set(&result.extra, 1, "m0"));
}

static void a_unit_has_no_white_space_and_is_not_empty(void **state)
{
    (void)state;
    assert_true(rt__bench_unit_is_good("bytes/op"));
    assert_false(rt__bench_unit_is_good(""));
    assert_false(rt__bench_unit_is_good("two words"));
    assert_false(rt__bench_unit_is_good("tab\t"));
}

static void a_name_carries_its_processors_unless_there_is_one(void **state)
{
    char name[40];
    (void)state;
    rt__bench_line_name(name, sizeof(name), "BenchmarkX/y", 1);
    assert_string_equal(name, "BenchmarkX/y");
    rt__bench_line_name(name, sizeof(name), "BenchmarkX/y", 12);
    assert_string_equal(name, "BenchmarkX/y-12");
}

static const char *padded(const char *name, size_t width)
{
    free(text);
    FILE *out = open_memstream(&text, &text_length);
    rt__bench_line_pad(out, name, width);
    fclose(out);
    return text;
}

static void names_are_padded_by_characters_and_never_cut(void **state)
{
    (void)state;
    assert_string_equal(padded("ab", 4), "ab  \t");
    assert_string_equal(padded("abcde", 4), "abcde\t");
    assert_string_equal(padded("\u00e4\u20ac", 4), "\u00e4\u20ac  \t");
}

static void a_log_is_cut_after_ten_lines(void **state)
{
    (void)state;
    const char *ten = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n";
    assert_int_equal(rt__bench_log_trim(ten, strlen(ten)), strlen("1\n2\n3\n4\n5\n6\n7\n8\n9\n10"));
    assert_int_equal(rt__bench_log_trim("1\n2\n", 4), 4);
    assert_int_equal(rt__bench_log_trim("", 0), 0);
}

static void json_has_the_same_figures_unrounded(void **state)
{
    (void)state;
    result.n = 4;
    result.ns = 10;
    result.allocs = 5;
    result.alloc_bytes = 64;
    assert_true(rt__bench_metric_set(&result.extra, NAN, "bad\"unit"));
    free(text);
    FILE *out = open_memstream(&text, &text_length);
    rt__bench_json_write(out, &result, true);
    fclose(out);
    assert_string_equal(text, "\"n\":4,\"metrics\":{\"ns/op\":2.5,\"bad\\\"unit\":null,\"B/op\":16,\"allocs/op\":1}");
}

static void json_strings_escape_control_characters(void **state)
{
    (void)state;
    free(text);
    FILE *out = open_memstream(&text, &text_length);
    rt__bench_json_string(out, "a\n\"\\\t\u00e4");
    fclose(out);
    assert_string_equal(text, "\"a\\u000a\\\"\\\\\\u0009\u00e4\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(decimal_points_stand_below_one_another_with_four_digits_that_count, clear),
        cmocka_unit_test_setup(a_line_is_n_then_time_then_bandwidth, clear),
        cmocka_unit_test_setup(allocations_a_turn_are_rounded_down, clear),
        cmocka_unit_test_setup(other_metrics_follow_by_unit_and_own_units_are_replaced, clear),
        cmocka_unit_test_setup(ns_per_op_of_zero_leaves_that_column_out, clear),
        cmocka_unit_test_setup(the_last_value_of_a_unit_counts, clear),
        cmocka_unit_test_setup(a_metric_too_many_or_a_unit_too_long_is_refused, clear),
        cmocka_unit_test(a_unit_has_no_white_space_and_is_not_empty),
        cmocka_unit_test(a_name_carries_its_processors_unless_there_is_one),
        cmocka_unit_test(names_are_padded_by_characters_and_never_cut),
        cmocka_unit_test(a_log_is_cut_after_ten_lines),
        cmocka_unit_test_setup(json_has_the_same_figures_unrounded, clear),
        cmocka_unit_test(json_strings_escape_control_characters),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(text);
    return failed;
}
