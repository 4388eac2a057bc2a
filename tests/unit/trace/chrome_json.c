/* chrome_json.c - strings and numbers of Chrome's trace events, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/trace/chrome_json.h"

static void assert_quoted(const char *text, size_t len, const char *want)
{
    struct rt__chrome_json j = {0};
    rt__chrome_quoted(&j, text, len);
    rt__chrome_raw(&j, "|");
    assert_int_equal(j.len, strlen(want) + 1);
    assert_memory_equal(j.text, want, strlen(want));
    rt__chrome_json_release(&j);
}

static void strings_are_valid_whatever_is_in_them(void **state)
{
    (void)state;
    assert_quoted("", 0, "\"\"");
    assert_quoted("a\"b\\c/<&>", 9, "\"a\\\"b\\\\c/<&>\"");
    assert_quoted("\n\r\t\b\x01\x1f\x7f", 7, "\"\\n\\r\\t\\u0008\\u0001\\u001f\\u007f\"");
    assert_quoted("\0z", 2, "\"\\u0000z\"");
    assert_quoted("\xC3\xA9 \xF0\x9F\x99\x82", 7, "\"\xC3\xA9 \xF0\x9F\x99\x82\"");
    assert_quoted("\xC3", 1, "\"\\ufffd\"");
    assert_quoted("a\xFF\xFEz", 4, "\"a\\ufffd\\ufffdz\"");
    assert_quoted("\xED\xA0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\""); /* half of a pair */
}

static void long_strings_of_bytes_that_grow_have_room(void **state)
{
    (void)state;
    char text[5000];
    struct rt__chrome_json j = {0};
    memset(text, 1, sizeof text);
    rt__chrome_quoted(&j, text, sizeof text);
    assert_int_equal(j.len, 6 * sizeof text + 2);
    assert_memory_equal(j.text + j.len - 7, "\\u0001\"", 7);
    rt__chrome_json_release(&j);
}

static void assert_us(uint64_t ns, const char *want)
{
    struct rt__chrome_json j = {0};
    rt__chrome_us(&j, ns);
    assert_int_equal(j.len, strlen(want));
    assert_memory_equal(j.text, want, j.len);
    rt__chrome_json_release(&j);
}

static void times_are_microseconds_with_three_decimals(void **state)
{
    (void)state;
    assert_us(0, "0.000");
    assert_us(7, "0.007");
    assert_us(1000, "1.000");
    assert_us(1234567, "1234.567");
    assert_us(UINT64_MAX, "18446744073709551.615");
}

static void ids_are_strings_of_all_64_bits(void **state)
{
    (void)state;
    struct rt__chrome_json j = {0};
    rt__chrome_id(&j, UINT64_MAX);
    rt__chrome_id(&j, 0);
    assert_int_equal(j.len, strlen("\"0xffffffffffffffff\"\"0x0\""));
    assert_memory_equal(j.text, "\"0xffffffffffffffff\"\"0x0\"", j.len);
    rt__chrome_json_release(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_valid_whatever_is_in_them),
        cmocka_unit_test(long_strings_of_bytes_that_grow_have_room),
        cmocka_unit_test(times_are_microseconds_with_three_decimals),
        cmocka_unit_test(ids_are_strings_of_all_64_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
