/* config_numbers.c - the keys of the flight recorder, and numbers in the configuration file. */
#include "app/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int parse(struct config *c, const char *text, struct failure *err)
{
    memset(c, 0, sizeof(*c));
    err->text[0] = '\0';
    return config_parse(c, "FILE", text, strlen(text), err);
}

static uint64_t bytes_of(const char *number)
{
    char text[200];
    struct failure err;
    struct config c;
    uint64_t bytes;

    snprintf(text, sizeof(text), "{\"flight_recorder_bytes\":%s}", number);
    if (parse(&c, text, &err) != 0)
        fail_msg("%s", err.text);
    bytes = c.flight_recorder_bytes;
    config_release(&c);
    return bytes;
}

/* The whole message, since it is all that the user gets. */
static void refuses(const char *key, const char *value, const char *said)
{
    char text[200], expected[300];
    struct failure err;
    struct config c;

    snprintf(text, sizeof(text), "{\"%s\":%s}", key, value);
    snprintf(expected, sizeof(expected), "FILE: \"%s\" must be %s", key, said);
    assert_int_equal(parse(&c, text, &err), -1);
    config_release(&c);
    assert_string_equal(err.text, expected);
}

static void the_keys_of_the_recorder_are_read(void **state)
{
    struct failure err;
    struct config c;

    (void)state;
    assert_int_equal(parse(&c,
                           "{\"flight_recorder\":true,\"flight_recorder_bytes\":1000000,\"flight_recorder_seconds\":60,"
                           "\"flight_recorder_file\":\"/tmp/x\",\"slow_request_ms\":500}",
                           &err),
                     0);
    assert_true(c.flight_recorder);
    assert_int_equal(c.flight_recorder_bytes, 1000000);
    assert_int_equal(c.flight_recorder_seconds, 60);
    assert_string_equal(c.flight_recorder_file, "/tmp/x");
    assert_int_equal(c.slow_request_ms, 500);
    config_release(&c);
}

static void numbers_are_taken_from_their_least_to_their_most(void **state)
{
    static const char bytes[] = "an integer from 65536 to 1073741824, got ";
    char said[100];

    (void)state;
    assert_int_equal(bytes_of("65536"), 65536);
    assert_int_equal(bytes_of("1073741824"), 1073741824);
    snprintf(said, sizeof(said), "%s65535", bytes);
    refuses("flight_recorder_bytes", "65535", said);
    snprintf(said, sizeof(said), "%s1073741825", bytes);
    refuses("flight_recorder_bytes", "1073741825", said);
    refuses("flight_recorder_seconds", "0", "an integer from 1 to 3600, got 0");
    refuses("flight_recorder_seconds", "3601", "an integer from 1 to 3600, got 3601");
    refuses("slow_request_ms", "3600001", "an integer from 0 to 3600000, got 3600001");
    refuses("slow_request_ms", "-1", "an integer from 0 to 3600000, got -1");
}

static void what_is_no_integer_is_refused(void **state)
{
    (void)state;
    refuses("slow_request_ms", "1.5", "an integer from 0 to 3600000, got 1.5");
    refuses("slow_request_ms", "1e3", "an integer from 0 to 3600000, got 1e3");
    refuses("slow_request_ms", "5.0", "an integer from 0 to 3600000, got 5.0");
    refuses("slow_request_ms", "-0", "an integer from 0 to 3600000, got -0");
    refuses("slow_request_ms", "\"5\"", "an integer from 0 to 3600000, got a string");
    refuses("slow_request_ms", "true", "an integer from 0 to 3600000, got a boolean");
    refuses("slow_request_ms", "null", "an integer from 0 to 3600000, got null");
    refuses("slow_request_ms", "[5]", "an integer from 0 to 3600000, got an array");
    refuses("flight_recorder", "1", "true or false, got a number");
    refuses("flight_recorder_file", "5", "a string, got a number");
}

/* 2^64 + 70000 would be within the range if it wrapped around. */
static void a_number_that_64_bits_do_not_hold_is_refused(void **state)
{
    (void)state;
    refuses("flight_recorder_bytes", "18446744073709621616",
            "an integer from 65536 to 1073741824, got 18446744073709621616");
    refuses("flight_recorder_bytes", "99999999999999999999999999999999999999999999999999",
            "an integer from 65536 to 1073741824, got 9999999999999999999999999999999"); /* cut */
}

static void the_recorder_is_on_by_default_and_no_request_is_slow(void **state)
{
    struct flags flags = {0};
    struct failure err;
    struct config c;

    (void)state;
    assert_int_equal(config_load(&c, &flags, &err), 0);
    assert_true(c.flight_recorder);
    assert_string_equal(c.flight_recorder_file, "flight_recorder.out");
    assert_int_equal(c.flight_recorder_bytes, 0);
    assert_int_equal(c.slow_request_ms, 0);
    config_release(&c);
}

static void a_file_may_switch_the_recorder_off(void **state)
{
    char path[] = "/tmp/config-test.XXXXXX";
    struct flags flags = {.config = path};
    int fd = mkstemp(path);
    struct failure err;
    struct config c;

    (void)state;
    assert_true(dprintf(fd, "{\"flight_recorder\":false}") > 0);
    close(fd);
    assert_int_equal(config_load(&c, &flags, &err), 0);
    assert_false(c.flight_recorder);
    assert_string_equal(c.flight_recorder_file, "flight_recorder.out");
    config_release(&c);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_keys_of_the_recorder_are_read),
        cmocka_unit_test(numbers_are_taken_from_their_least_to_their_most),
        cmocka_unit_test(what_is_no_integer_is_refused),
        cmocka_unit_test(a_number_that_64_bits_do_not_hold_is_refused),
        cmocka_unit_test(the_recorder_is_on_by_default_and_no_request_is_slow),
        cmocka_unit_test(a_file_may_switch_the_recorder_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
