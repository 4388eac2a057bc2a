/* address.c - whose an address is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "env/address.h"
#include "runtime/agent/address.h"

static struct sockaddr_storage parsed(const char *text)
{
    struct sockaddr_storage address;
    assert_true(env_parse_address(text, &address) > 0);
    return address;
}

static bool is_loopback(const char *text)
{
    struct sockaddr_storage address = parsed(text);
    return env_address_is_loopback((const struct sockaddr *)&address);
}

static bool is_own(const char *host, const char *own)
{
    struct sockaddr_storage address = parsed(own);
    return rt__address_is_own_host(host, strlen(host), (const struct sockaddr *)&address);
}

static void loopback_is_127_and_1_of_ipv6_in_either_form(void **state)
{
    static const char *const ours[] = {"127.0.0.1:0", "127.255.255.254:1",   "localhost:2",
                                       "[::1]:0",     "[0:0:0:0:0:0:0:1]:0", "[::ffff:127.1.2.3]:0"};
    static const char *const others[] = {"0.0.0.0:0", "128.0.0.1:0",         "126.255.255.255:0", "[::]:0",
                                         "[::2]:0",   "[::ffff:10.0.0.1]:0", "[fe80::1]:0"};
    struct sockaddr_storage unix_address = {.ss_family = AF_UNIX};
    (void)state;
    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
        assert_true(is_loopback(ours[i]));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        assert_false(is_loopback(others[i]));
    }
    assert_false(env_address_is_loopback((const struct sockaddr *)&unix_address));
}

static void the_port_is_read_from_either_kind_of_address(void **state)
{
    struct sockaddr_storage v4 = parsed("127.0.0.1:6060"), v6 = parsed("[::1]:65535");
    (void)state;
    assert_int_equal(rt__address_port((const struct sockaddr *)&v4), 6060);
    assert_int_equal(rt__address_port((const struct sockaddr *)&v6), 65535);
}

static void a_host_is_our_own_when_it_is_localhost_or_an_address_of_loopback(void **state)
{
    static const char *const hosts[] = {"localhost",    "LocalHost", "localhost:6060", "LOCALHOST:1", "127.0.0.1",
                                        "127.0.0.1:80", "127.3.2.1", "[::1]",          "[::1]:8080"};
    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
        assert_true(is_own(hosts[i], "127.0.0.1:6060"));
        assert_true(is_own(hosts[i], "[::1]:6060"));
    }
}

static void a_host_that_is_anything_else_is_not_our_own(void **state)
{
    static const char *const hosts[] = {"",
                                        "evil.example",
                                        "localhost.evil.example",
                                        "localhost.:80",
                                        "127.0.0.1.evil.example",
                                        "10.0.0.1",
                                        "10.0.0.1:6060",
                                        "[::2]",
                                        "::1",
                                        "localhost:port",
                                        "localhost:",
                                        "127.0.0.1:99999",
                                        "127.1",
                                        "2130706433",
                                        "0x7f.0.0.1",
                                        " localhost",
                                        "user@localhost",
                                        "1111111111222222222233333333334444444444555555555566666666667777"};
    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
        if (is_own(hosts[i], "127.0.0.1:6060")) {
            fail_msg("\"%s\" passes for this machine", hosts[i]);
        }
    }
    assert_false(rt__address_is_own_host("localhost\0.evil", 14, NULL));
}

static void the_address_that_the_connection_came_to_is_our_own_as_well(void **state)
{
    (void)state;
    assert_true(is_own("10.0.0.1:6060", "10.0.0.1:6060"));
    assert_true(is_own("10.0.0.1", "[::ffff:10.0.0.1]:6060"));
    assert_true(is_own("[2001:db8::1]:1", "[2001:db8::1]:6060"));
    assert_false(is_own("10.0.0.2", "10.0.0.1:6060"));
    assert_false(is_own("[2001:db8::2]", "[2001:db8::1]:6060"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loopback_is_127_and_1_of_ipv6_in_either_form),
        cmocka_unit_test(the_port_is_read_from_either_kind_of_address),
        cmocka_unit_test(a_host_is_our_own_when_it_is_localhost_or_an_address_of_loopback),
        cmocka_unit_test(a_host_that_is_anything_else_is_not_our_own),
        cmocka_unit_test(the_address_that_the_connection_came_to_is_our_own_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
