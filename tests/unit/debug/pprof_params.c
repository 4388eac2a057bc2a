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

static void a_trace_takes_seconds_with_a_fraction_and_a_format(void **state)
{
    static const struct {
        const char *query;
        uint64_t ns;
        enum rt__trace_format format;
    } rows[] = {
        {"", 1000000000, RT__TRACE_GO},
        {"seconds=2", 2000000000, RT__TRACE_GO},
        {"seconds=0.5&format=chrome", 500000000, RT__TRACE_CHROME},
        {"seconds=.25&format=go", 250000000, RT__TRACE_GO},
        {"seconds=7.", 7000000000, RT__TRACE_GO},
        {"seconds=0.0000000019", 1, RT__TRACE_GO},
        {"seconds=003600.000", 3600000000000, RT__TRACE_GO},
        {"seconds=3600", 3600000000000, RT__TRACE_GO},
        {"seconds=&format=", 1000000000, RT__TRACE_GO},
        {"format=chrome&format=x&seconds=3&seconds=y", 3000000000, RT__TRACE_CHROME},
        {"debug=x&gc=y&Format=z", 1000000000, RT__TRACE_GO},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rt__pprof_trace_params params;
        const char *wrong = rt__pprof_read_trace_params(rows[i].query, strlen(rows[i].query), &params);
        if (wrong || params.ns != rows[i].ns || params.format != rows[i].format)
            fail_msg("%s: %s, %llu ns, format %d", rows[i].query, wrong ? wrong : "good", (unsigned long long)params.ns,
                     (int)params.format);
    }
    struct rt__pprof_trace_params params;
    assert_null(rt__pprof_read_trace_params(NULL, 0, &params));
}

static void what_a_trace_does_not_take_is_named(void **state)
{
    static const char positive[] = "invalid value for \"seconds\" - must be a positive number",
                      at_most[] = "invalid value for \"seconds\" - must be at most 3600",
                      format[] = "invalid value for \"format\" - must be go or chrome";
    static const struct {
        const char *query, *wrong;
    } rows[] = {
        {"seconds=0", positive},
        {"seconds=0.0", positive},
        {"seconds=.", positive},
        {"seconds=-1", positive},
        {"seconds=+1", positive},
        {"seconds=1s", positive},
        {"seconds=1.5.5", positive},
        {"seconds=1e3", positive},
        {"seconds=inf", positive},
        {"seconds=%", positive},
        {"seconds=0.0000000001", positive},
        {"seconds=3600.000000001", at_most},
        {"seconds=3601", at_most},
        {"seconds=99999999999999999999999999999999", at_most},
        {"format=json", format},
        {"format=Go", format},
        {"format=%zz", format},
        {"format=x&seconds=y", format},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rt__pprof_trace_params params;
        const char *wrong = rt__pprof_read_trace_params(rows[i].query, strlen(rows[i].query), &params);
        if (!wrong || strcmp(wrong, rows[i].wrong) != 0)
            fail_msg("%s: %s", rows[i].query, wrong ? wrong : "good");
    }
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
        cmocka_unit_test(a_trace_takes_seconds_with_a_fraction_and_a_format),
        cmocka_unit_test(what_a_trace_does_not_take_is_named),
        cmocka_unit_test(a_parameter_that_cannot_be_read_is_named),
        cmocka_unit_test(addresses_are_hexadecimal_or_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
