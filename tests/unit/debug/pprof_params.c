/* What the pages below /debug/pprof/ take as parameters, and as addresses. */
#include "runtime/debug/pprof.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const char *read_query(const char *query, struct rt__pprof_params *params)
{
    return rt__pprof_read_params(query, strlen(query), params);
}

static void parameters_are_read_and_those_of_others_are_passed_over(void **state)
{
    static const struct {
        const char *query;
        int debug;
        uint32_t seconds;
        bool collects;
    } rows[] = {
        {"", 0, 0, false},
        {"debug=1", 1, 0, false},
        {"debug=2&gc=1", 2, 0, true},
        {"gc=0", 0, 0, false},
        {"gc=17", 0, 0, true},
        {"seconds=1", 0, 1, false},
        {"seconds=3600", 0, 3600, false},
        {"seconds=007", 0, 7, false},
        {"seconds=%35", 0, 5, false},
        {"seconds=&debug=&gc=", 0, 0, false},
        {"seconds&debug", 0, 0, false},
        {"seconds=5&seconds=x", 0, 5, false},
        {"x=y&Seconds=9&debug=1&%zz=1", 1, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rt__pprof_params params;
        const char *wrong = read_query(rows[i].query, &params);
        if (wrong || params.debug != rows[i].debug || params.seconds != rows[i].seconds ||
            params.collects != rows[i].collects)
            fail_msg("%s: %s, debug %d, seconds %u, gc %d", rows[i].query, wrong ? wrong : "good", params.debug,
                     (unsigned)params.seconds, (int)params.collects);
    }
    struct rt__pprof_params params;
    assert_null(rt__pprof_read_params(NULL, 0, &params));
}

static void a_parameter_that_cannot_be_read_is_named(void **state)
{
    static const struct {
        const char *query, *wrong;
    } rows[] = {
        {"seconds=0", "invalid value for \"seconds\" - must be a positive integer"},
        {"seconds=-1", "invalid value for \"seconds\" - must be a positive integer"},
        {"seconds=1.5", "invalid value for \"seconds\" - must be a positive integer"},
        {"seconds=1m", "invalid value for \"seconds\" - must be a positive integer"},
        {"seconds=%", "invalid value for \"seconds\" - must be a positive integer"},
        {"seconds=3601", "invalid value for \"seconds\" - must be at most 3600"},
        {"seconds=99999999999999999999999999", "invalid value for \"seconds\" - must be at most 3600"},
        {"debug=3", "invalid value for \"debug\" - must be 0, 1 or 2"},
        {"debug=yes", "invalid value for \"debug\" - must be 0, 1 or 2"},
        {"gc=-1", "invalid value for \"gc\" - must be an integer of at least 0"},
        {"debug=x&seconds=y", "invalid value for \"debug\" - must be 0, 1 or 2"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rt__pprof_params params;
        const char *wrong = read_query(rows[i].query, &params);
        if (!wrong)
            fail_msg("%s is taken", rows[i].query);
        assert_string_equal(wrong, rows[i].wrong);
    }
}

static void addresses_are_hexadecimal_or_decimal(void **state)
{
    static const struct {
        const char *text;
        uintptr_t address; /* 0: none */
    } rows[] = {
        {"0x1f", 0x1f},
        {"0XaBc", 0xabc},
        {"31", 31},
        {"0xffffffffffffffff", UINTPTR_MAX},
        {"0x10000000000000000", 0},
        {"0", 0},
        {"0x0", 0},
        {"0x", 0},
        {"", 0},
        {"1f", 0},
        {"0x1g", 0},
        {" 31", 0},
        {"-1", 0},
        {"0x1f\n", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uintptr_t address = 0;
        bool good = rt__pprof_read_address(rows[i].text, strlen(rows[i].text), &address);
        if (good != (rows[i].address != 0) || (good && address != rows[i].address))
            fail_msg("\"%s\" is read as %d, %#lx", rows[i].text, (int)good, (unsigned long)address);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_read_and_those_of_others_are_passed_over),
        cmocka_unit_test(a_parameter_that_cannot_be_read_is_named),
        cmocka_unit_test(addresses_are_hexadecimal_or_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
