/* What POST /debug/settings understands, and above all what it refuses. */
#include "runtime/debug/settings_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct rt__settings_change change;
static struct rt__settings_error err;

/* Reads a copy in a block of exactly its size, so that a sanitizer sees a read past the end. */
static int read_body(const char *body, size_t len)
{
    char *copy = malloc(len + (len == 0));
    memcpy(copy, body, len);
    memset(&change, 0, sizeof change);
    memset(&err, 0, sizeof err);
    int result = rt__settings_read_body(copy, len, &change, &err);
    free(copy);
    return result;
}

static void assert_asks_for(const char *body, const struct rt__settings_change *want)
{
    if (read_body(body, strlen(body)) != 0)
        fail_msg("%s refused: %s", body, err.message);
    for (unsigned i = 0; i < RT__SETTINGS_FIELDS; i++) {
        assert_int_equal(change.has[i], want->has[i]);
        if (want->has[i])
            assert_true(change.values[i] == want->values[i]);
    }
}

static void assert_asks(const char *body, bool has_percent, int32_t percent, bool has_limit, int64_t limit)
{
    struct rt__settings_change want = {.has = {[RT__SET_GC_PERCENT] = has_percent, [RT__SET_MEMORY_LIMIT] = has_limit},
                                       .values = {[RT__SET_GC_PERCENT] = percent, [RT__SET_MEMORY_LIMIT] = limit}};
    assert_asks_for(body, &want);
}

static void assert_asks_one(const char *body, enum rt__settings_field field, int64_t value)
{
    struct rt__settings_change want = {.has = {false}};
    want.has[field] = true;
    want.values[field] = value;
    assert_asks_for(body, &want);
}

static void assert_refused_bytes(const char *body, size_t len, const char *begins)
{
    static const struct rt__settings_change untouched;
    if (read_body(body, len) != -1)
        fail_msg("%.60s is taken", body);
    if (strncmp(err.message, begins, strlen(begins)) != 0 || !strstr(err.message, "want "))
        fail_msg("%.60s gives: %s", body, err.message);
    for (const char *p = err.message; *p; p++)
        assert_true(*p >= ' ' && *p <= '~');
    assert_memory_equal(&change, &untouched, sizeof change);
}

static void assert_refused(const char *body, const char *begins)
{
    assert_refused_bytes(body, strlen(body), begins);
}

static void json_sets_either_field_or_both(void **state)
{
    (void)state;
    assert_asks("{\"gc_percent\":50}", true, 50, false, 0);
    assert_asks("{\"gc_percent\":0}", true, 0, false, 0);
    assert_asks("{\"gc_percent\":-1}", true, -1, false, 0);
    assert_asks("{\"gc_percent\":\"off\"}", true, -1, false, 0);
    assert_asks("{\"memory_limit\":5000000}", false, 0, true, 5000000);
    assert_asks("{\"memory_limit\":\"64MiB\"}", false, 0, true, 64 << 20);
    assert_asks("{\"memory_limit\":\"off\"}", false, 0, true, INT64_MAX);
    assert_asks("{\"gc_percent\":50,\"memory_limit\":\"64MiB\"}", true, 50, true, 64 << 20);
    assert_asks("{\"memory_limit\":1000000000000,\"gc_percent\":\"off\"}", true, -1, true, 1000000000000);
}

static void jsons_white_space_and_escapes_are_understood(void **state)
{
    (void)state;
    assert_asks(" \t\r\n{ \n\"gc_percent\" :\t50 ,\r\"memory_limit\"\n: \"1GiB\" } \r\n", true, 50, true, 1 << 30);
    assert_asks("{\"gc\\u005fpercent\":\"\\u006Fff\"}", true, -1, false, 0);
}

static void a_form_sets_the_same(void **state)
{
    (void)state;
    assert_asks("gc_percent=50", true, 50, false, 0);
    assert_asks("gc_percent=off", true, -1, false, 0);
    assert_asks("memory_limit=64MiB&gc_percent=25", true, 25, true, 64 << 20);
    assert_asks("memory%5Flimit=5%300", false, 0, true, 500);
    assert_asks("memory_limit=off", false, 0, true, INT64_MAX);
}

static void profile_rates_are_whole_numbers_or_off(void **state)
{
    (void)state;
    assert_asks_one("{\"mem_profile_rate\":1}", RT__SET_MEM_PROFILE_RATE, 1);
    assert_asks_one("mem_profile_rate=9223372036854775807", RT__SET_MEM_PROFILE_RATE, INT64_MAX);
    assert_asks_one("{\"mem_profile_rate\":\"off\"}", RT__SET_MEM_PROFILE_RATE, 0);
    assert_asks_one("mutex_profile_fraction=2147483647", RT__SET_MUTEX_PROFILE_FRACTION, INT32_MAX);
    assert_asks_one("mutex_profile_fraction=off", RT__SET_MUTEX_PROFILE_FRACTION, 0);
    assert_asks_one("{\"block_profile_rate\":0}", RT__SET_BLOCK_PROFILE_RATE, 0);
    assert_asks_one("block_profile_rate=10000", RT__SET_BLOCK_PROFILE_RATE, 10000);
    static const char *const fields[] = {"mem_profile_rate", "mutex_profile_fraction", "block_profile_rate"};
    static const char *const values[] = {
        "-1", "1.5", "1e3", "\"1\"", "\"64KiB\"", "true", "null", "\"Off\"", "9223372036854775808"};
    for (size_t f = 0; f < 3; f++) {
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            char body[80], begins[48];
            snprintf(begins, sizeof begins, "%s: want ", fields[f]);
            snprintf(body, sizeof body, "{\"%s\":%s}", fields[f], values[i]);
            assert_refused(body, begins);
            snprintf(body, sizeof body, "%s=%s", fields[f], values[i]);
            assert_refused(body, begins);
        }
    }
    assert_refused("mutex_profile_fraction=2147483648", "mutex_profile_fraction: want ");
    assert_refused("mem_profile_rate=1&mem_profile_rate=1", "mem_profile_rate: given twice: want ");
}

static void the_sentence_about_an_unknown_field_has_all_names(void **state)
{
    (void)state;
    assert_int_equal(read_body("x=1", 3), -1);
    for (unsigned i = 0; i < RT__SETTINGS_FIELDS; i++)
        assert_non_null(strstr(err.message, rt__settings_name((enum rt__settings_field)i)));
}

static void nothing_asks_for_nothing(void **state)
{
    (void)state;
    assert_asks("", false, 0, false, 0);
    assert_asks("{}", false, 0, false, 0);
    assert_asks(" { } ", false, 0, false, 0);
    assert_int_equal(rt__settings_read_body(NULL, 0, &change, &err), 0);
    assert_int_equal(rt__settings_read_form(NULL, 0, &change, &err), 0);
}

static void a_wrong_type_names_the_field_and_what_is_wanted(void **state)
{
    (void)state;
    static const char *const values[] = {"true", "false", "null", "[]", "{}", "[50]", "{\"a\":1}", "\"\"", "\"x\""};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"gc_percent\":%s}", values[i]);
        assert_refused(body, "gc_percent: want ");
        snprintf(body, sizeof body, "{\"memory_limit\":%s}", values[i]);
        assert_refused(body, "memory_limit: want ");
    }
    assert_refused("{\"gc_percent\":\"50\"}", "gc_percent: want ");
}

static void numbers_that_are_not_integers_in_range_are_refused(void **state)
{
    (void)state;
    assert_refused("{\"gc_percent\":50.0}", "gc_percent: want ");
    assert_refused("{\"gc_percent\":5e1}", "gc_percent: want ");
    assert_refused("{\"gc_percent\":5E+1}", "gc_percent: want ");
    assert_refused("{\"gc_percent\":99999999999}", "gc_percent: want ");
    assert_refused("{\"gc_percent\":-99999999999999999999}", "gc_percent: want ");
    assert_refused("{\"memory_limit\":-1}", "memory_limit: want ");
    assert_refused("{\"memory_limit\":1.5}", "memory_limit: want ");
    assert_refused("{\"memory_limit\":9223372036854775808}", "memory_limit: want ");
    assert_refused("{\"memory_limit\":\"-1\"}", "memory_limit: want ");
    assert_refused("{\"memory_limit\":\"1G\"}", "memory_limit: want ");
    assert_refused("{\"memory_limit\":\"99999999999TiB\"}", "memory_limit: want ");
    assert_refused("gc_percent=1e3", "gc_percent: want ");
    assert_refused("gc_percent=", "gc_percent: want ");
    assert_refused("gc_percent", "gc_percent: want ");
    assert_refused("gc_percent=5%", "gc_percent: want ");
    assert_refused("memory_limit=64+MiB", "memory_limit: want ");
}

static void text_with_a_nul_is_not_the_text_before_it(void **state)
{
    (void)state;
    assert_refused("{\"gc_percent\":\"off\\u0000\"}", "gc_percent: want ");
    assert_refused("{\"memory_limit\":\"off\\u0000\"}", "memory_limit: want ");
    assert_refused("{\"gc_percent\\u0000\":50}", "gc_percent: unknown field: want ");
    assert_refused_bytes("{\"gc_percent\":50}\0", 18, "body: not valid JSON at byte 17");
    assert_refused_bytes("gc_percent=50\0", 14, "gc_percent: want ");
}

static void unknown_fields_are_named(void **state)
{
    (void)state;
    assert_refused("{\"gcpercent\":50}", "gcpercent: unknown field: want ");
    assert_refused("{\"GC_PERCENT\":50}", "GC_PERCENT: unknown field: want ");
    assert_refused("{\"\":50}", ": unknown field: want ");
    assert_refused("{\"gc_percent\":50,\"x\":1}", "x: unknown field: want ");
    assert_refused("gc_percent=50&x=1", "x: unknown field: want ");
    assert_refused("{\"a\\nb\xC3\xA9\":1}", "a?b??: unknown field: want ");
    assert_refused("[1]", "[1]: unknown field: want ");
    assert_refused(" ", " : unknown field: want ");
}

static void a_long_name_is_cut_in_the_message(void **state)
{
    (void)state;
    assert_refused("{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}",
                   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...: unknown field: want ");
}

static void a_field_given_twice_is_refused(void **state)
{
    (void)state;
    assert_refused("{\"gc_percent\":50,\"gc_percent\":50}", "gc_percent: given twice: want ");
    assert_refused("{\"memory_limit\":1,\"gc_percent\":50,\"memory_limit\":1}", "memory_limit: given twice: want ");
    assert_refused("gc_percent=50&gc_percent=60", "gc_percent: given twice: want ");
    struct rt__settings_change from_query = {.has = {[RT__SET_GC_PERCENT] = true},
                                             .values = {[RT__SET_GC_PERCENT] = 7}};
    assert_int_equal(rt__settings_read_body("{\"gc_percent\":50}", 17, &from_query, &err), -1);
    assert_int_equal(from_query.values[RT__SET_GC_PERCENT], 7);
    assert_int_equal(rt__settings_read_body("{\"memory_limit\":9}", 18, &from_query, &err), 0);
    assert_true(from_query.has[RT__SET_GC_PERCENT] && from_query.values[RT__SET_GC_PERCENT] == 7);
    assert_true(from_query.values[RT__SET_MEMORY_LIMIT] == 9);
}

static void broken_json_is_told_with_its_place(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{",
        "{,}",
        "{\"gc_percent\"}",
        "{\"gc_percent\":}",
        "{\"gc_percent\" 50}",
        "{\"gc_percent\":50,}",
        "{\"gc_percent\":50 \"memory_limit\":1}",
        "{\"gc_percent\":50}}",
        "{\"gc_percent\":50}x",
        "{}{}",
        "{gc_percent:50}",
        "{'gc_percent':50}",
        "{\"gc_percent\":050}",
        "{\"gc_percent\":+50}",
        "{\"gc_percent\":-}",
        "{\"gc_percent\":5.}",
        "{\"gc_percent\":.5}",
        "{\"gc_percent\":5e}",
        "{\"gc_percent\":5e+}",
        "{\"gc_percent\":0x32}",
        "{\"gc_percent\":50]",
        "{\"gc_percent\":\"o\\ff",
        "{\"gc_percent\":\"\\x\"}",
        "{\"gc_percent\":\"\\u12\"}",
        "{\"gc_percent\":\"\\u12G4\"}",
        "{\"gc_percent\":\"\\ud800\"}",
        "{\"gc_percent\":\"\\udc00\"}",
        "{\"gc_percent\":\"\\udc00\\udc00\"}",
        "{\"gc_percent\":\"\\ud800\\u0041\"}",
        "{\"gc_percent\":\"\\ud800x\"}",
        "{\"gc_percent\":\"\n\"}",
        "{\"gc_percent\":\"\t\"}",
        "{\"gc_percent\":\"\xFF\"}",
        "{\"gc_percent\":\"\xC0\x80\"}",
        "{\"gc_percent\":\"\xED\xA0\x80\"}",
        "{\"\xC3\":1}",
        "{\"gc_percent\":50 // no\n}",
        "{\"gc_percent\":NaN}",
        "{\"gc_percent\":Infinity}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        assert_refused(bodies[i], "body: not valid JSON at byte ");
    assert_refused("{\"gc_percent\":50}x", "body: not valid JSON at byte 17: want nothing after the object");
}

static void every_cut_of_a_good_body_is_refused(void **state)
{
    (void)state;
    static const char body[] = " {\"gc\\u005fpercent\" : -50 , \"memory_limit\":\"6\\u0034MiB\"}";
    assert_asks(body, true, -1, true, 64 << 20);
    for (size_t len = 2; len < sizeof body - 1; len++)
        assert_refused_bytes(body, len, "body: not valid JSON at byte ");
}

static char *huge(const char *before, char fill, const char *after, size_t *len)
{
    const size_t n = 1 << 20;
    char *body = malloc(strlen(before) + n + strlen(after) + 1);
    char *p = stpcpy(body, before);
    memset(p, fill, n);
    strcpy(p + n, after);
    *len = (size_t)(p - body) + n + strlen(after);
    return body;
}

static void huge_and_deep_bodies_are_refused_like_small_ones(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        char fill;
        const char *after, *begins;
    } rows[] = {
        {"{\"gc_percent\":", '[', "", "gc_percent: want "},
        {"{\"gc_percent\":", '9', "}", "gc_percent: want "},
        {"{\"gc_percent\":1.", '0', "}", "gc_percent: want "},
        {"{\"memory_limit\":\"", '6', "\"}", "memory_limit: want "},
        {"{\"", 'k', "\":1}", "kkkkkkkk"},
        {"{\"gc_percent\":\"", 'x', "", "body: not valid JSON at byte "},
        {"", '{', "", "body: not valid JSON at byte "},
        {"{", ' ', "", "body: not valid JSON at byte "},
        {"gc_percent=", '1', "", "gc_percent: want "},
        {"", '[', "", "[[[[["},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len;
        char *body = huge(rows[i].before, rows[i].fill, rows[i].after, &len);
        assert_refused_bytes(body, len, rows[i].begins);
        free(body);
    }
    size_t len;
    char *blanks = huge("{\"gc_percent\":50", ' ', "}", &len);
    assert_int_equal(read_body(blanks, len), 0);
    assert_int_equal(change.values[RT__SET_GC_PERCENT], 50);
    free(blanks);
}

/* Any change of any byte is either refused with a sentence or understood; never a crash, never
 * a value outside the grammar. */
static void damaged_bodies_never_give_a_value_out_of_range(void **state)
{
    (void)state;
    static const char body[] = "{\"gc_percent\":\"\\ud83d\\ude00\",\"memory_limit\":1234567}";
    for (size_t at = 0; at < sizeof body - 1; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char damaged[sizeof body];
            memcpy(damaged, body, sizeof body);
            damaged[at] = (char)byte;
            if (read_body(damaged, sizeof body - 1) != 0)
                assert_true(strstr(err.message, "want ") != NULL);
            else
                assert_true(change.values[RT__SET_MEMORY_LIMIT] >= 0 && change.values[RT__SET_GC_PERCENT] >= -1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_sets_either_field_or_both),
        cmocka_unit_test(jsons_white_space_and_escapes_are_understood),
        cmocka_unit_test(a_form_sets_the_same),
        cmocka_unit_test(profile_rates_are_whole_numbers_or_off),
        cmocka_unit_test(the_sentence_about_an_unknown_field_has_all_names),
        cmocka_unit_test(nothing_asks_for_nothing),
        cmocka_unit_test(a_wrong_type_names_the_field_and_what_is_wanted),
        cmocka_unit_test(numbers_that_are_not_integers_in_range_are_refused),
        cmocka_unit_test(text_with_a_nul_is_not_the_text_before_it),
        cmocka_unit_test(unknown_fields_are_named),
        cmocka_unit_test(a_long_name_is_cut_in_the_message),
        cmocka_unit_test(a_field_given_twice_is_refused),
        cmocka_unit_test(broken_json_is_told_with_its_place),
        cmocka_unit_test(every_cut_of_a_good_body_is_refused),
        cmocka_unit_test(huge_and_deep_bodies_are_refused_like_small_ones),
        cmocka_unit_test(damaged_bodies_never_give_a_value_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
