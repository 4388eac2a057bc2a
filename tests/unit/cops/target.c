/* Whom a word names, where its port stands, and what setgc's number becomes on the wire. */
#include "runtime/agent/cops/target.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "runtime/agent/cops/gops.h"

static struct cops_target target;
static struct cops_error error;

static void assert_address(const char *text, const char *host, const char *port)
{
    if (!cops_target_parse_address(text, &target, &error))
        fail_msg("%s: %s", text, error.text);
    assert_string_equal(target.host, host);
    assert_string_equal(target.port, port);
}

static void an_address_is_a_host_and_a_port(void **state)
{
    (void)state;
    assert_address("127.0.0.1:80", "127.0.0.1", "80");
    assert_address("localhost:65535", "localhost", "65535");
    assert_address("[::1]:80", "::1", "80");
}

static void no_host_is_this_machine(void **state)
{
    (void)state;
    assert_address(":8080", "127.0.0.1", "8080");
}

static void other_addresses_are_refused(void **state)
{
    static const char *const bad[] = {"localhost", "host:",     "host:0", "host:65536",
                                      "host:-1",   "host:http", "::1:80", "1"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (cops_target_parse_address(bad[i], &target, &error))
            fail_msg("%s is taken", bad[i]);
        assert_non_null(strstr(error.text, bad[i]));
    }
}

static void a_port_may_have_white_space_around_it(void **state)
{
    (void)state;
    assert_int_equal(cops_target_parse_port("8080", 4), 8080);
    assert_int_equal(cops_target_parse_port(" 8080\r\n", 7), 8080);
    assert_int_equal(cops_target_parse_port("", 0), 0);
    assert_int_equal(cops_target_parse_port("\n", 1), 0);
    assert_int_equal(cops_target_parse_port("80 80", 5), 0);
    assert_int_equal(cops_target_parse_port("80\0", 3), 0);
    assert_int_equal(cops_target_parse_port("70000", 5), 0);
}

static void the_folder_is_where_gops_looks(void **state)
{
    char dir[PATH_MAX];
    (void)state;
    setenv("GOPS_CONFIG_DIR", "/g", 1);
    setenv("XDG_CONFIG_HOME", "/x", 1);
    setenv("HOME", "/h", 1);
    assert_true(cops_config_dir(dir, sizeof dir));
    assert_string_equal(dir, "/g");
    setenv("GOPS_CONFIG_DIR", "", 1);
    assert_true(cops_config_dir(dir, sizeof dir));
    assert_string_equal(dir, "/x/gops");
    unsetenv("XDG_CONFIG_HOME");
    assert_true(cops_config_dir(dir, sizeof dir));
    assert_string_equal(dir, "/h/.config/gops");
    assert_false(cops_config_dir(dir, 4));
}

static void a_process_without_a_port_is_told_so(void **state)
{
    char pid[16];
    (void)state;
    setenv("GOPS_CONFIG_DIR", "/nonexistent", 1);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    assert_false(cops_target_find(pid, &target, &error));
    assert_non_null(strstr(error.text, "has no agent"));
    assert_false(cops_target_find("0", &target, &error));
    assert_false(cops_target_find("2147483647", &target, &error));
    assert_string_equal(error.text, "no process has the PID 2147483647");
}

static void a_number_goes_as_go_puts_it(void **state)
{
    static const struct {
        int64_t value;
        unsigned char bytes[COPS_VARINT_MAX];
    } rows[] = {
        {0, {0}},
        {-1, {1}},
        {1, {2}},
        {100, {0xc8, 0x01}},
        {-100, {0xc7, 0x01}},
        {INT64_MAX, {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}},
        {INT64_MIN, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned char got[COPS_VARINT_MAX];
        cops_varint(got, rows[i].value);
        assert_memory_equal(got, rows[i].bytes, sizeof got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_a_host_and_a_port), cmocka_unit_test(no_host_is_this_machine),
        cmocka_unit_test(other_addresses_are_refused),     cmocka_unit_test(a_port_may_have_white_space_around_it),
        cmocka_unit_test(the_folder_is_where_gops_looks),  cmocka_unit_test(a_process_without_a_port_is_told_so),
        cmocka_unit_test(a_number_goes_as_go_puts_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
