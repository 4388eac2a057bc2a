/* gops_text.c - memstats, stats and numbers as gops has them. What Go prints was taken from Go programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "runtime/agent/gops_text.h"
#include "runtime/cruntime.h"

static void sizes_are_in_units_of_1024_with_the_bytes_behind_them(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {{0, "0 bytes"},
                {1023, "1023 bytes"},
                {1024, "1.00KB (1024 bytes)"},
                {4590944, "4.38MB (4590944 bytes)"},
                {1048575, "1024.00KB (1048575 bytes)"},
                {1048576, "1.00MB (1048576 bytes)"},
                {UINT64_C(1) << 30, "1.00GB (1073741824 bytes)"},
                {(UINT64_C(1) << 30) - 1, "1024.00MB (1073741823 bytes)"},
                {UINT64_C(1) << 40, "1.00TB (1099511627776 bytes)"},
                {UINT64_C(1) << 50, "1.00PB (1125899906842624 bytes)"},
                {UINT64_MAX, "16384.00PB (18446744073709551615 bytes)"},
                /* Ties go to the even hundredth. */
                {1024 + 128, "1.12KB (1152 bytes)"},
                {1024 + 384, "1.38KB (1408 bytes)"}};
    char text[RT__GOPS_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_string_equal(rt__gops_bytes(text, rows[i].bytes), rows[i].text);
    }
}

static void durations_are_as_go_prints_them(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } rows[] = {{0, "0s"},
                {1, "1ns"},
                {999, "999ns"},
                {1000, "1\u00b5s"},
                {1500, "1.5\u00b5s"},
                {999999, "999.999\u00b5s"},
                {2325873, "2.325873ms"},
                {UINT64_C(100000000), "100ms"},
                {UINT64_C(1000000000), "1s"},
                {UINT64_C(1050000001), "1.050000001s"},
                {UINT64_C(60500000000), "1m0.5s"},
                {UINT64_C(3600000000000), "1h0m0s"},
                {UINT64_C(90061000000000), "25h1m1s"}};
    char text[RT__GOPS_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_string_equal(rt__gops_duration(text, rows[i].ns), rows[i].text);
    }
}

static void set_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static void times_are_in_the_local_zone_and_fractions_end_with_their_last_digit(void **state)
{
    char text[RT__GOPS_TEXT];
    (void)state;
    set_zone("UTC0");
    assert_string_equal(rt__gops_time(text, UINT64_C(1700000000500000000)), "2023-11-14 22:13:20.5 +0000 UTC");
    assert_string_equal(rt__gops_time(text, UINT64_C(1700000000000000000)), "2023-11-14 22:13:20 +0000 UTC");
    assert_string_equal(rt__gops_time(text, UINT64_C(1700000000000000001)), "2023-11-14 22:13:20.000000001 +0000 UTC");
    set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    assert_string_equal(rt__gops_time(text, UINT64_C(1700000000123456789)), "2023-11-14 23:13:20.123456789 +0100 CET");
    assert_string_equal(rt__gops_time(text, UINT64_C(1690000000000000000)), "2023-07-22 06:26:40 +0200 CEST");
}

static char *captured(void (*write)(FILE *out, const void *what), const void *what)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    write(out, what);
    fclose(out);
    return text;
}

static void write_memstats(FILE *out, const void *ms)
{
    rt__gops_write_memstats(out, ms);
}

static void write_stats(FILE *out, const void *stats)
{
    rt__gops_write_stats(out, stats);
}

static void memstats_are_these_lines_in_this_order(void **state)
{
    static struct rt_memstats ms = {.Alloc = 4590944,
                                    .TotalAlloc = 1024,
                                    .Sys = 2048,
                                    .Lookups = 1,
                                    .Mallocs = 12345,
                                    .Frees = 345,
                                    .HeapAlloc = 4590944,
                                    .HeapSys = 3072,
                                    .HeapIdle = 4096,
                                    .HeapInuse = 5120,
                                    .HeapReleased = 6144,
                                    .HeapObjects = 12000,
                                    .StackInuse = 1,
                                    .StackSys = 2,
                                    .MSpanInuse = 3,
                                    .MSpanSys = 4,
                                    .MCacheInuse = 5,
                                    .MCacheSys = 6,
                                    .BuckHashSys = 7,
                                    .OtherSys = 8,
                                    .GCSys = 9,
                                    .NextGC = 4194304,
                                    .LastGC = UINT64_C(1700000000000000000),
                                    .PauseTotalNs = 2325873,
                                    .NumGC = 257,
                                    .NumForcedGC = 2,
                                    .GCCPUFraction = 0.00001,
                                    .EnableGC = true};
    (void)state;
    set_zone("UTC0");
    ms.PauseNs[0] = 54321;
    ms.PauseEnd[0] = UINT64_C(1699999999000000000);
    char *text = captured(write_memstats, &ms);
    assert_string_equal(text, "alloc: 4.38MB (4590944 bytes)\n"
                              "total-alloc: 1.00KB (1024 bytes)\n"
                              "sys: 2.00KB (2048 bytes)\n"
                              "lookups: 1\n"
                              "mallocs: 12345\n"
                              "frees: 345\n"
                              "heap-alloc: 4.38MB (4590944 bytes)\n"
                              "heap-sys: 3.00KB (3072 bytes)\n"
                              "heap-idle: 4.00KB (4096 bytes)\n"
                              "heap-in-use: 5.00KB (5120 bytes)\n"
                              "heap-released: 6.00KB (6144 bytes)\n"
                              "heap-objects: 12000\n"
                              "stack-in-use: 1 bytes\n"
                              "stack-sys: 2 bytes\n"
                              "mspan-in-use: 3 bytes\n"
                              "mspan-sys: 4 bytes\n"
                              "mcache-in-use: 5 bytes\n"
                              "mcache-sys: 6 bytes\n"
                              "buck-hash-sys: 7 bytes\n"
                              "other-sys: 8 bytes\n"
                              "gc-sys: 9 bytes\n"
                              "next-gc: when heap-alloc >= 4.00MB (4194304 bytes)\n"
                              "last-gc: 2023-11-14 22:13:20 +0000 UTC\n"
                              "gc-pause-total: 2.325873ms\n"
                              "gc-pause: 54321\n"
                              "gc-pause-end: 1699999999000000000\n"
                              "num-gc: 257\n"
                              "num-forced-gc: 2\n"
                              "gc-cpu-fraction: 1e-05\n"
                              "enable-gc: true\n"
                              "debug-gc: false\n");
    free(text);
}

static void before_the_first_cycle_there_is_no_last_one(void **state)
{
    static struct rt_memstats ms;
    (void)state;
    char *text = captured(write_memstats, &ms);
    assert_non_null(strstr(text, "\nlast-gc: -\ngc-pause-total: 0s\ngc-pause: 0\ngc-pause-end: 0\nnum-gc: 0\n"));
    assert_non_null(strstr(text, "\ngc-cpu-fraction: 0\nenable-gc: false\n"));
    free(text);
}

static void stats_are_four_lines(void **state)
{
    struct rt__gops_stats stats = {.threads = 4, .threads_made = 15, .procs = 12, .cpus = 11};
    (void)state;
    char *text = captured(write_stats, &stats);
    assert_string_equal(text, "goroutines: 4\nOS threads: 15\nGOMAXPROCS: 12\nnum CPU: 11\n");
    free(text);
}

/* ---- varints ---------------------------------------------------------------------------------------- */

static void a_varint_is_zig_zag(void **state)
{
    static const struct {
        int len;
        uint8_t bytes[10];
        int64_t value;
    } rows[] = {{1, {0x00}, 0},
                {1, {0x01}, -1},
                {1, {0x02}, 1},
                {1, {0x64}, 50},
                {2, {0xc8, 0x01}, 100},
                {2, {0xc7, 0x01}, -100},
                {10, {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, INT64_MAX},
                {10, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, INT64_MIN}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int64_t value = 77;
        for (int len = 0; len < rows[i].len; len++) {
            assert_int_equal(rt__gops_varint(rows[i].bytes, (size_t)len, &value), 0);
            assert_int_equal(value, 77);
        }
        assert_int_equal(rt__gops_varint(rows[i].bytes, 10, &value), rows[i].len);
        assert_true(value == rows[i].value);
    }
}

static void a_varint_of_more_than_64_bits_is_none(void **state)
{
    uint8_t bytes[11];
    int64_t value;
    (void)state;
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(rt__gops_varint(bytes, 9, &value), 0);
    assert_int_equal(rt__gops_varint(bytes, 10, &value), -1);
    assert_int_equal(rt__gops_varint(bytes, 11, &value), -1);
    bytes[9] = 0x02;
    assert_int_equal(rt__gops_varint(bytes, 10, &value), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_in_units_of_1024_with_the_bytes_behind_them),
        cmocka_unit_test(durations_are_as_go_prints_them),
        cmocka_unit_test(times_are_in_the_local_zone_and_fractions_end_with_their_last_digit),
        cmocka_unit_test(memstats_are_these_lines_in_this_order),
        cmocka_unit_test(before_the_first_cycle_there_is_no_last_one),
        cmocka_unit_test(stats_are_four_lines),
        cmocka_unit_test(a_varint_is_zig_zag),
        cmocka_unit_test(a_varint_of_more_than_64_bits_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
