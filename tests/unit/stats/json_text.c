/* Strings and numbers come out as Go's encoding/json writes them. Expected texts were printed by
 * Go's json.Marshal; numbers are also read back, thousands of them, under a locale with a comma. */
#include "runtime/stats/json_text.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void assert_string_is(const char *text, size_t len, const char *want)
{
    char *got = NULL;
    size_t got_len;
    FILE *out = open_memstream(&got, &got_len);
    rt__json_string(out, text, len);
    fclose(out);
    assert_string_equal(got, want);
    free(got);
}

static void escapes_are_gos(void **state)
{
    (void)state;
    assert_string_is("plain", 5, "\"plain\"");
    assert_string_is("", 0, "\"\"");
    assert_string_is("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"");
    assert_string_is("\b\f\n\r\t\x01\x1f\x7f", 8, "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
    assert_string_is("<a&b>", 5, "\"\\u003ca\\u0026b\\u003e\"");
    assert_string_is("a\0b", 3, "\"a\\u0000b\"");
    assert_string_is("\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA", 9, "\"\\u2028\\u2029\xE2\x80\xAA\"");
    assert_string_is("\xC3\xA9\xF0\x9F\x98\x80", 6, "\"\xC3\xA9\xF0\x9F\x98\x80\"");
}

static void bytes_that_are_not_utf8_become_the_replacement_escape_one_by_one(void **state)
{
    (void)state;
    assert_string_is("\xFF\xFE", 2, "\"\\ufffd\\ufffd\"");
    assert_string_is("a\xC3", 2, "\"a\\ufffd\"");
    assert_string_is("\xE2\x80", 2, "\"\\ufffd\\ufffd\"");
    assert_string_is("\xC0\x80", 2, "\"\\ufffd\\ufffd\"");            /* overlong */
    assert_string_is("\xED\xA0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\""); /* a surrogate */
    assert_string_is("\xF4\x90\x80\x80", 4, "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
    assert_string_is("\xEF\xBF\xBD", 3, "\"\xEF\xBF\xBD\""); /* U+FFFD itself is fine */
}

static void a_missing_string_is_written_empty(void **state)
{
    (void)state;
    char *got = NULL;
    size_t len;
    FILE *out = open_memstream(&got, &len);
    rt__json_cstring(out, NULL);
    fclose(out);
    assert_string_equal(got, "\"\"");
    free(got);
}

static void a_sequence_of_utf8_is_measured_without_reading_past_its_end(void **state)
{
    (void)state;
    assert_int_equal(rt__utf8_sequence("", 0), 0);
    assert_int_equal(rt__utf8_sequence("a", 1), 1);
    assert_int_equal(rt__utf8_sequence("\xC3\xA9", 2), 2);
    assert_int_equal(rt__utf8_sequence("\xC3\xA9", 1), 0);
    assert_int_equal(rt__utf8_sequence("\xE2\x82\xAC", 3), 3);
    assert_int_equal(rt__utf8_sequence("\xF0\x9F\x98\x80", 4), 4);
    assert_int_equal(rt__utf8_sequence("\xF0\x9F\x98\x80", 3), 0);
    assert_int_equal(rt__utf8_sequence("\x80", 1), 0);
    assert_int_equal(rt__utf8_sequence("\xE0\x9F\xBF", 3), 0);
    assert_int_equal(rt__utf8_sequence("\xF0\x8F\xBF\xBF", 4), 0);
}

static void numbers_are_gos(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *want;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {100, "100"},
        {0.1, "0.1"},
        {0.000001, "0.000001"},
        {0.00000099, "9.9e-7"},
        {1e-9, "1e-9"},
        {1.25e-10, "1.25e-10"},
        {1e-100, "1e-100"},
        {0.00001234567890123456, "0.00001234567890123456"},
        {123456789.125, "123456789.125"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {0.1 + 0.2, "0.30000000000000004"},
        {0x1p-44, "5.684341886080802e-14"}, /* nearest 16 digits do not read back, the next do */
        {9007199254740993.0, "9007199254740992"},
    };
    char buf[RT__DOUBLE_TEXT];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(rt__json_double(buf, rows[i].value), rows[i].want);
}

static void what_json_has_no_number_for_is_zero(void **state)
{
    (void)state;
    char buf[RT__DOUBLE_TEXT];
    assert_string_equal(rt__json_double(buf, NAN), "0");
    assert_string_equal(rt__json_double(buf, INFINITY), "0");
    assert_string_equal(rt__json_double(buf, -INFINITY), "0");
}

static void every_number_reads_back_and_fits(void **state)
{
    (void)state;
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        char buf[RT__DOUBLE_TEXT];
        double value;
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        assert_true(strlen(rt__json_double(buf, value)) < RT__DOUBLE_TEXT - 8);
        assert_true(strtod(buf, NULL) == value);
    }
}

static void the_locales_decimal_point_plays_no_part(void **state)
{
    (void)state;
    static const char *const with_comma[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "it_IT.UTF-8", "de_DE", "fr_FR", "it_IT"};
    const char *set = NULL;
    for (size_t i = 0; i < sizeof with_comma / sizeof with_comma[0] && !set; i++)
        set = setlocale(LC_NUMERIC, with_comma[i]);
    if (!set) {
        print_message("no locale with a decimal comma on this machine\n");
        skip();
    }
    char buf[RT__DOUBLE_TEXT];
    rt__json_double(buf, 1234.5678);
    setlocale(LC_NUMERIC, "C");
    assert_string_equal(buf, "1234.5678");
}

static void fmt_goes_over_to_exponents_earlier_and_gives_them_two_digits(void **state)
{
    static const struct {
        double value;
        const char *want;
    } rows[] = {{0, "0"},
                {1, "1"},
                {-2.5, "-2.5"},
                {0.0001, "0.0001"},
                {0.00012345, "0.00012345"},
                {0.00009, "9e-05"},
                {1.25e-7, "1.25e-07"},
                {1e20, "100000000000000000000"},
                {1e21, "1e+21"},
                {1e-300, "1e-300"},
                {0.0026431018813425, "0.0026431018813425"}};
    char buf[RT__DOUBLE_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(rt__fmt_double(buf, rows[i].value), rows[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fmt_goes_over_to_exponents_earlier_and_gives_them_two_digits),
        cmocka_unit_test(escapes_are_gos),
        cmocka_unit_test(bytes_that_are_not_utf8_become_the_replacement_escape_one_by_one),
        cmocka_unit_test(a_missing_string_is_written_empty),
        cmocka_unit_test(a_sequence_of_utf8_is_measured_without_reading_past_its_end),
        cmocka_unit_test(numbers_are_gos),
        cmocka_unit_test(what_json_has_no_number_for_is_zero),
        cmocka_unit_test(every_number_reads_back_and_fits),
        cmocka_unit_test(the_locales_decimal_point_plays_no_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
