/* The trace lines: Go's own examples to the byte, and every line parsed back by a pattern made from
 * the template that the documentation shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cruntime.h"
#include "runtime/gc/gctrace.h"

#define US 1000ull
#define MIB (1024ull * 1024)

static const struct rt_cycle go_example = {
    .number = 1,
    .start_ns = 9999999,
    .stop_ns = 87 * US,
    .concurrent_ns = 1000 * US,
    .pause_mark_ns = 11 * US,
    .stop_cpu_ns = 12 * 87 * US,
    .assist_cpu_ns = 720 * US,
    .background_cpu_ns = 1700 * US,
    .idle_cpu_ns = 40 * US,
    .heap_start_bytes = 4 * MIB,
    .heap_end_bytes = 5 * MIB - 1,
    .heap_live_bytes = 3 * MIB,
    .goal_bytes = 4 * MIB,
    .procs = 12,
    .gc_cpu_permille = 29,
};

static const struct rt_cycle stopped_world = {
    .number = 4097,
    .start_ns = 61234567890,
    .end_unix_ns = 1,
    .stop_ns = 40 * US,
    .pause_mark_ns = 2500 * US,
    .sweep_ns = 77 * US,
    .stop_cpu_ns = 80 * US,
    .assist_cpu_ns = 2400 * US,
    .background_cpu_ns = 2300 * US,
    .heap_start_bytes = 40 * MIB,
    .heap_end_bytes = 40 * MIB,
    .heap_live_bytes = 20 * MIB,
    .goal_bytes = 39 * MIB,
    .stacks_bytes = 1 * MIB,
    .globals_bytes = 2 * MIB,
    .procs = 2,
    .gc_cpu_permille = 9,
};

static void assert_line(const struct rt_cycle *c, const char *expected)
{
    char line[512];
    int n = rt_gctrace_format(line, sizeof line, c);

    assert_string_equal(line, expected);
    assert_int_equal(n, strlen(expected));
}

static void the_line_of_gos_documentation_comes_out_to_the_byte(void **state)
{
    (void)state;
    assert_line(&go_example, "gc 1 @0.009s 2%: 0.087+1.0+0.011 ms clock, 1.0+0.72/1.7/0.040+0.13 ms cpu, "
                             "4->4->3 MB, 4 MB goal, 0 MB stacks, 0 MB globals, 12 P\n");
}

static void a_stopped_world_shows_its_markers_in_the_third_group(void **state)
{
    (void)state;
    assert_line(&stopped_world, "gc 4097 @61.234s 0%: 0.040+0+2.5 ms clock, 0.080+0/0/0+4.7 ms cpu, "
                                "40->40->20 MB, 39 MB goal, 1 MB stacks, 2 MB globals, 2 P\n");
}

static void forced_and_trim_are_said_at_the_end(void **state)
{
    (void)state;
    static const char *const ends[] = {" 2 P\n", " 2 P (forced)\n", " 2 P (trim)\n", " 2 P (forced) (trim)\n"};

    for (int i = 0; i < 4; i++) {
        struct rt_cycle c = stopped_world;
        char line[512];
        c.forced = (i & 1) != 0;
        c.trim = (i & 2) != 0;
        int n = rt_gctrace_format(line, sizeof line, &c);
        assert_string_equal(line + n - strlen(ends[i]), ends[i]);
    }
}

/* The documented line, where # is a number; what a pattern takes literally is put in brackets. */
static void pattern_of(const char *documented, char *pattern, size_t size)
{
    size_t at = 0;

    pattern[at++] = '^';
    for (; *documented != '\0'; documented++) {
        assert_true(at + 16 < size);
        if (*documented == '#')
            at += (size_t)snprintf(pattern + at, size - at, "(-?[0-9]+(\\.[0-9]+)?)");
        else if (strchr("+()", *documented) != NULL)
            at += (size_t)snprintf(pattern + at, size - at, "[%c]", *documented);
        else
            pattern[at++] = *documented;
    }
    memcpy(pattern + at, "\n$", 3);
}

/* Parses line back by the documented text; the numbers go to out, in order. */
static void parse_back(const char *documented, const char *line, double *out, size_t fields)
{
    char pattern[1024];
    regex_t re;
    regmatch_t match[64];

    pattern_of(documented, pattern, sizeof pattern);
    assert_int_equal(regcomp(&re, pattern, REG_EXTENDED), 0);
    if (regexec(&re, line, 64, match, 0) != 0)
        fail_msg("not as documented: %s    %s", line, documented);
    assert_int_equal(re.re_nsub, 2 * fields);
    for (size_t i = 0; i < fields; i++)
        out[i] = strtod(line + match[1 + 2 * i].rm_so, NULL);
    regfree(&re);
}

#define DOCUMENTED_GCTRACE                                                                                             \
    "gc # @#s #%: #+#+# ms clock, #+#/#/#+# ms cpu, #->#-># MB, # MB goal, # MB stacks, # MB globals, # P"

static void every_cycle_can_be_parsed_back_by_the_documented_template(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift < 64; shift++) {
        uint64_t v = UINT64_C(0x9e3779b97f4a7c15) >> shift;
        struct rt_cycle c = {.number = v,
                             .start_ns = v,
                             .stop_ns = v / 3,
                             .concurrent_ns = v / 5,
                             .pause_mark_ns = v / 7,
                             .stop_cpu_ns = v / 11,
                             .assist_cpu_ns = v / 13,
                             .background_cpu_ns = v / 17,
                             .idle_cpu_ns = v / 19,
                             .heap_start_bytes = v,
                             .heap_end_bytes = v / 2,
                             .heap_live_bytes = v / 4,
                             .goal_bytes = v / 8,
                             .stacks_bytes = v / 16,
                             .globals_bytes = v / 32,
                             .procs = (uint32_t)v,
                             .gc_cpu_permille = (uint32_t)(v % 1001)};
        char line[1024];
        double f[18];

        assert_in_range(rt_gctrace_format(line, sizeof line, &c), 1, sizeof line - 1);
        parse_back(DOCUMENTED_GCTRACE, line, f, 18);
        assert_true(f[0] == (double)v);
        assert_true(f[2] == c.gc_cpu_permille / 10);
        assert_true(f[11] == (double)(v >> 20) && f[12] == (double)(v / 2 >> 20) && f[13] == (double)(v / 4 >> 20));
        assert_true(f[14] == (double)(v / 8 >> 20) && f[15] == (double)(v / 16 >> 20));
        assert_true(f[16] == (double)(v / 32 >> 20) && f[17] == (uint32_t)v);
        /* two digits are cut, not rounded: at most a tenth is lost, and below 10 us one digit's worth */
        const uint64_t times[] = {c.stop_ns, c.concurrent_ns, c.pause_mark_ns, c.stop_cpu_ns};
        for (int i = 0; i < 4; i++) {
            double ms = (double)times[i] / 1e6;
            assert_true(f[3 + i] <= ms * (1 + 1e-9));
            assert_true(f[3 + i] >= ms * 0.9 - 0.001);
        }
    }
}

/* Computed by Go 1.26's fmtNSAsMS. */
static const struct {
    uint64_t ns;
    const char *text;
} ms_rows[] = {
    {0ull, "0"},
    {1ull, "0"},
    {999ull, "0"},
    {1000ull, "0.001"},
    {1999ull, "0.001"},
    {5000ull, "0.005"},
    {9999ull, "0.009"},
    {10000ull, "0.010"},
    {11000ull, "0.011"},
    {40000ull, "0.040"},
    {87000ull, "0.087"},
    {99000ull, "0.099"},
    {99999ull, "0.099"},
    {100000ull, "0.10"},
    {109999ull, "0.10"},
    {130000ull, "0.13"},
    {400000ull, "0.40"},
    {720000ull, "0.72"},
    {999999ull, "0.99"},
    {1000000ull, "1.0"},
    {1044000ull, "1.0"},
    {1700000ull, "1.7"},
    {2500000ull, "2.5"},
    {9949999ull, "9.9"},
    {9999999ull, "9.9"},
    {10000000ull, "10"},
    {10999999ull, "10"},
    {12345678ull, "12"},
    {99999999ull, "99"},
    {100000000ull, "100"},
    {999999999ull, "999"},
    {1000000000ull, "1000"},
    {86400000000000ull, "86400000"},
    {9223372036854775807ull, "9223372036854"},
    {18446744073709551615ull, "18446744073709"},
};

static void milliseconds_are_gos(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ms_rows / sizeof ms_rows[0]; i++) {
        char text[24];
        int n = rt__format_ms(text, sizeof text, ms_rows[i].ns);
        assert_string_equal(text, ms_rows[i].text);
        assert_int_equal(n, strlen(ms_rows[i].text));
    }
}

static void a_short_buffer_is_never_overrun_and_the_whole_length_is_told(void **state)
{
    (void)state;
    char whole[512], cut[512];
    int length = rt_gctrace_format(whole, sizeof whole, &go_example);

    assert_int_equal(rt_gctrace_format(NULL, 0, &go_example), length);
    for (size_t size = 1; size <= (size_t)length + 1; size++) {
        memset(cut, '~', sizeof cut);
        assert_int_equal(rt_gctrace_format(cut, size, &go_example), length);
        assert_int_equal(strlen(cut), size - 1);
        assert_memory_equal(cut, whole, size - 1);
        assert_int_equal(cut[size], '~');
    }
    memset(cut, '~', sizeof cut);
    assert_int_equal(rt__format_ms(cut, 3, 87 * US), 5);
    assert_string_equal(cut, "0.");
}

static void the_pacers_line_has_gos_layout(void **state)
{
    (void)state;
    struct rt__pacer_trace t = {.cpu_percent = 32,
                                .cpu_percent_expected = 25,
                                .heap_scan_bytes = 738680,
                                .stack_scan_bytes = 9968,
                                .globals_scan_bytes = 275650,
                                .scan_expected_bytes = 275650,
                                .trigger_bytes = 4014080,
                                .live_bytes = 4734976,
                                .goal_delta_bytes = 540672};
    char line[512];
    double f[9];

    /* printed by Go 1.26 for its first cycle */
    rt__pacertrace_format(line, sizeof line, &t);
    assert_string_equal(line, "pacer: 32% CPU (25 exp.) for 738680+9968+275650 B work (275650 B exp.) in 4014080 B -> "
                              "4734976 B (∆goal 540672, cons/mark 0)\n");
    t.goal_delta_bytes = INT64_MIN;
    rt__pacertrace_format(line, sizeof line, &t);
    assert_non_null(strstr(line, "(∆goal -9223372036854775808, cons/mark 0)\n"));
    t.goal_delta_bytes = -17;
    rt__pacertrace_format(line, sizeof line, &t);
    parse_back("pacer: #% CPU (# exp.) for #+#+# B work (# B exp.) in # B -> # B (∆goal #, cons/mark 0)", line, f, 9);
    assert_true(f[8] == -17);
}

static void the_scavengers_line_has_gos_layout(void **state)
{
    (void)state;
    struct rt__scav_trace t = {.background_bytes = 2047, .eager_bytes = 6080u << 10, .released_bytes = 12192u << 10};
    char line[256];

    t.util_percent = 99;
    rt__scavtrace_format(line, sizeof line, &t);
    assert_string_equal(line, "scav 1 KiB work (bg), 6080 KiB work (eager), 12192 KiB now, 99% util\n");
    t.forced = 1;
    t.background_bytes = 0;
    rt__scavtrace_format(line, sizeof line, &t);
    assert_string_equal(line, "scav 0 KiB work (bg), 6080 KiB work (eager), 12192 KiB now, 99% util (forced)\n");
}

static void a_modules_start_has_gos_layout(void **state)
{
    (void)state;
    char line[256];
    int n = rt__inittrace_format(line, sizeof line, "gc", 8 * US, 10 * US, 0, 0);

    assert_string_equal(line, "init gc @0.008 ms, 0.010 ms clock, 0 bytes, 0 allocs\n");
    assert_int_equal(n, strlen(line));
    rt__inittrace_format(line, sizeof line, "heap/boehm", 12345 * US, 999, 65536, 12);
    assert_string_equal(line, "init heap/boehm @12 ms, 0 ms clock, 65536 bytes, 12 allocs\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_of_gos_documentation_comes_out_to_the_byte),
        cmocka_unit_test(a_stopped_world_shows_its_markers_in_the_third_group),
        cmocka_unit_test(forced_and_trim_are_said_at_the_end),
        cmocka_unit_test(every_cycle_can_be_parsed_back_by_the_documented_template),
        cmocka_unit_test(milliseconds_are_gos),
        cmocka_unit_test(a_short_buffer_is_never_overrun_and_the_whole_length_is_told),
        cmocka_unit_test(the_pacers_line_has_gos_layout),
        cmocka_unit_test(the_scavengers_line_has_gos_layout),
        cmocka_unit_test(a_modules_start_has_gos_layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
