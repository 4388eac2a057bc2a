/* What top shows: figures read, their rates, and the page, the line and the JSON made of them; and gctrace's cycles. */
#include "runtime/agent/cops/figures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/agent/cops/cycles.h"
#include "runtime/agent/cops/json.h"
#include "runtime/agent/cops/view.h"
#include "shown.h"

#define MEMSTATS                                                                                                       \
    "{\"HeapAlloc\":4590944,\"HeapObjects\":1000,\"TotalAlloc\":9000000,\"Mallocs\":3000,\"Frees\":2000,"              \
    "\"NextGC\":8388608,\"NumGC\":3,\"NumForcedGC\":1,\"PauseTotalNs\":600000,\"PauseNs\":[100000,300000,200000,0],"   \
    "\"GCCPUFraction\":0.125}"
#define METRICS                                                                                                        \
    "/cpu/classes/gc/total:cpu-seconds 0.5\n/cpu/classes/total:cpu-seconds 20\n/cruntime/held:bytes 1048576\n"         \
    "/cruntime/rss:bytes 2097152\n/cruntime/threads:threads 7\n/gc/gomemlimit:bytes 9223372036854775807\n"             \
    "/gc/pauses:seconds{le=\"1\"} 3\n/sched/gomaxprocs:threads 2\n"

static struct cops_figures before, now;
static struct cops_rates rates;

static void read_now(const char *metrics)
{
    now = (struct cops_figures){.at_ns = UINT64_C(5000000000)};
    assert_true(cops_figures_memstats(&now, MEMSTATS, strlen(MEMSTATS)));
    cops_figures_metrics(&now, metrics, strlen(metrics));
    before = now;
    before.at_ns -= UINT64_C(2000000000);
    before.total_alloc -= 2097152;
    before.mallocs -= 50;
    before.num_gc = 1;
    before.gc_cpu_s = 0.25;
    before.cpu_s = 15;
    cops_rates(&before, &now, &rates);
}

static void both_pages_are_read(void **state)
{
    (void)state;
    read_now(METRICS);
    assert_int_equal(now.heap, 4590944);
    assert_int_equal(now.goal, 8388608);
    assert_int_equal(now.num_forced, 1);
    assert_int_equal(now.pauses_ns[1], 300000);
    assert_true(now.gc_cpu_fraction > 0.124 && now.gc_cpu_fraction < 0.126);
    assert_int_equal(now.held, 1048576);
    assert_int_equal(now.threads, 7);
    assert_int_equal(now.limit, COPS_NO_GOAL);
    assert_false(now.has_requests);
}

static void what_is_not_memstats_is_refused(void **state)
{
    (void)state;
    assert_false(cops_figures_memstats(&now, "", 0));
    assert_false(cops_figures_memstats(&now, "[]", 2));
    assert_false(cops_figures_memstats(&now, "{}", 2));
    assert_false(cops_figures_memstats(&now, "{\"HeapAlloc\":", 13));
}

static void rates_are_by_the_second(void **state)
{
    (void)state;
    read_now(METRICS "/app/http:requests 10\n/app/other:requests 5\n");
    assert_int_equal(rates.alloc_per_s, 1048576);
    assert_int_equal(rates.objects_per_s, 25);
    assert_int_equal(rates.gcs, 2);
    assert_int_equal(rates.gcs_per_s, 1);
    assert_true(rates.gc_cpu > 0.0499 && rates.gc_cpu < 0.0501);
    assert_true(now.has_requests);
    assert_int_equal(now.requests, 15);
    before.requests = 5;
    cops_rates(&before, &now, &rates);
    assert_int_equal(rates.requests_per_s, 5);
}

static void pauses_are_those_of_the_cycles_meanwhile(void **state)
{
    (void)state;
    read_now(METRICS);
    assert_int_equal(rates.last_pause_ns, 200000);
    assert_int_equal(rates.longest_pause_ns, 300000);
    before.num_gc = 3;
    cops_rates(&before, &now, &rates);
    assert_int_equal(rates.gcs, 0);
    assert_int_equal(rates.longest_pause_ns, 0);
    /* More of them than the ring holds, and past its end. */
    now.num_gc = 257;
    before.num_gc = 0;
    cops_rates(&before, &now, &rates);
    assert_int_equal(rates.last_pause_ns, 100000);
    assert_int_equal(rates.longest_pause_ns, 300000);
}

static void figures_that_fall_have_not_changed(void **state)
{
    (void)state;
    read_now(METRICS);
    cops_rates(&now, &before, &rates);
    assert_int_equal(rates.alloc_per_s, 0);
    assert_int_equal(rates.gcs, 0);
    before.at_ns = now.at_ns + 1000;
    cops_rates(&now, &before, &rates);
    assert_int_equal(rates.gcs, 0);
    assert_int_equal(rates.objects_per_s, 0);
}

static void sizes_are_as_in_memstats(void **state)
{
    char buf[COPS_SIZE_TEXT];
    (void)state;
    assert_string_equal(cops_size_text(buf, 0), "0B");
    assert_string_equal(cops_size_text(buf, 1023), "1023B");
    assert_string_equal(cops_size_text(buf, 1024), "1.00KB");
    assert_string_equal(cops_size_text(buf, 4590944), "4.38MB");
    assert_string_equal(cops_size_text(buf, 3.5 * 1024 * 1024 * 1024), "3.50GB");
    assert_string_equal(cops_size_text(buf, 5e15), "4547.47TB");
}

static const char *page(int columns, int rows)
{
    FILE *out = shown_begin();
    cops_view_draw(out, "process 12", &now, &rates, columns, rows);
    return shown_end(out);
}

static void the_page_shows_all_of_it(void **state)
{
    (void)state;
    read_now(METRICS "/app/http:requests 10\n");
    const char *text = page(80, 24);
    assert_non_null(strstr(text, "process 12 - q quits"));
    assert_non_null(strstr(text, "4.38MB of 8.00MB, 55 %"));
    assert_non_null(strstr(text, "allocates 1.00MB/s, 25 objects/s"));
    assert_non_null(strstr(text, "3 (1 forced), 1.0/s"));
    assert_non_null(strstr(text, "200\u00b5s the last, 300\u00b5s the longest now, 600\u00b5s in all"));
    assert_non_null(strstr(text, "5.00 % now, 12.50 % since its start"));
    assert_non_null(strstr(text, "threads   7, to run on 2 processors"));
    assert_non_null(strstr(text, "no limit"));
    assert_non_null(strstr(text, "requests  10, 0.0/s"));
    assert_non_null(strstr(text, "####"));
    now.goal = UINT64_MAX;
    now.limit = 4194304;
    text = page(80, 24);
    assert_non_null(strstr(text, "4.38MB, no goal"));
    assert_non_null(strstr(text, "1.00MB of 4.00MB (the limit)"));
}

/* Lines and the longest of them, in bytes, escape sequences left out. */
static void measure(const char *text, int *rows, int *columns)
{
    int column = 0;
    *rows = 1;
    *columns = 0;
    for (; *text; text++) {
        if (*text == '\033') {
            while (*text != 'H' && *text != 'K' && *text != 'J')
                text++;
        } else if (*text == '\n') {
            ++*rows;
            column = 0;
        } else if (*text != '\r' && ++column > *columns) {
            *columns = column;
        }
    }
}

static void the_page_fits_any_terminal(void **state)
{
    (void)state;
    read_now(METRICS);
    for (int columns = 1; columns <= 100; columns++) {
        for (int rows = 1; rows <= 16; rows += 5) {
            int has_rows, has_columns;
            measure(page(columns, rows), &has_rows, &has_columns);
            assert_true(has_rows <= rows);
            assert_true(has_columns <= columns);
        }
    }
}

static void lines_stand_under_their_header(void **state)
{
    (void)state;
    read_now(METRICS);
    FILE *out = shown_begin();
    cops_view_header(out, &now);
    cops_view_line(out, &now, &rates);
    assert_string_equal(
        shown_end(out),
        "      heap       goal      alloc/s   objects/s   cycles        pause  GC CPU threads   resident\n"
        "    4.38MB     8.00MB       1.00MB          25        3        300\u00b5s   5.00%       7     2.00MB\n");
}

static void json_is_one_object_a_line(void **state)
{
    struct cops_json json;
    (void)state;
    read_now(METRICS "/app/http:requests 10\n");
    now.goal = UINT64_MAX;
    FILE *out = shown_begin();
    cops_view_json(out, &now, &rates);
    const char *text = shown_end(out);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_true(cops_json_read(&json, text, strlen(text)));
    assert_int_equal(cops_json_uint(cops_json_member(json.root, "heap_bytes")), 4590944);
    assert_true(YAJL_IS_NULL(cops_json_member(json.root, "goal_bytes")));
    assert_int_equal(cops_json_number(cops_json_member(json.root, "alloc_bytes_per_second")), 1048576);
    assert_int_equal(cops_json_uint(cops_json_member(json.root, "longest_pause_ns")), 300000);
    assert_int_equal(cops_json_uint(cops_json_member(json.root, "requests")), 10);
    cops_json_free(&json);
}

static void json_keeps_its_digits_and_its_depth_is_bounded(void **state)
{
    static const char text[] = "{\"a\":[18446744073709551615,1.50,true,null,{\"b\":\"\\u00e4<\"}]}";
    char deep[200];
    struct cops_json json;
    (void)state;
    assert_true(cops_json_read(&json, text, sizeof text - 1));
    FILE *out = shown_begin();
    cops_json_write(out, json.root);
    assert_string_equal(shown_end(out), "{\"a\":[18446744073709551615,1.50,true,null,{\"b\":\"\u00e4\\u003c\"}]}");
    cops_json_free(&json);
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    assert_false(cops_json_read(&json, deep, sizeof deep));
    assert_true(cops_json_read(&json, deep + 60, 80));
    cops_json_free(&json);
}

static void cycles_have_their_numbers(void **state)
{
    static const char lines[] = "gc 7 @0.1s: a\nother\ngc 8 @0.2s: b\ngc x\n";
    static const char json[] = "[\n{\"number\":7,\"forced\":true},\n{\"number\":8}\n]\n";
    struct cops_cycles cycles;
    (void)state;
    assert_true(cops_cycles_read(lines, sizeof lines - 1, false, &cycles));
    assert_int_equal(cycles.n, 2);
    assert_int_equal(cycles.all[1].number, 8);
    assert_string_equal(cycles.all[1].line, "gc 8 @0.2s: b");
    cops_cycles_free(&cycles);
    assert_true(cops_cycles_read(json, sizeof json - 1, true, &cycles));
    assert_int_equal(cycles.all[0].number, 7);
    assert_string_equal(cycles.all[0].line, "{\"number\":7,\"forced\":true}");
    cops_cycles_free(&cycles);
    assert_false(cops_cycles_read("{}", 2, true, &cycles));
    cops_cycles_free(&cycles);
}

static void only_newer_cycles_are_new(void **state)
{
    struct cops_cycle some[] = {{7, NULL}, {8, NULL}, {9, NULL}};
    struct cops_cycles cycles = {some, 3}, none = {NULL, 0};
    (void)state;
    assert_int_equal(cops_cycles_first_new(&cycles, 0), 0);
    assert_int_equal(cops_cycles_first_new(&cycles, 7), 1);
    assert_int_equal(cops_cycles_first_new(&cycles, 9), 3);
    assert_int_equal(cops_cycles_first_new(&cycles, 100), 0); /* another program */
    assert_int_equal(cops_cycles_first_new(&none, 9), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_pages_are_read),
        cmocka_unit_test(what_is_not_memstats_is_refused),
        cmocka_unit_test(rates_are_by_the_second),
        cmocka_unit_test(pauses_are_those_of_the_cycles_meanwhile),
        cmocka_unit_test(figures_that_fall_have_not_changed),
        cmocka_unit_test(sizes_are_as_in_memstats),
        cmocka_unit_test(the_page_shows_all_of_it),
        cmocka_unit_test(the_page_fits_any_terminal),
        cmocka_unit_test(lines_stand_under_their_header),
        cmocka_unit_test(json_is_one_object_a_line),
        cmocka_unit_test(json_keeps_its_digits_and_its_depth_is_bounded),
        cmocka_unit_test(cycles_have_their_numbers),
        cmocka_unit_test(only_newer_cycles_are_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
