/* The table of metrics and the page made from it. */
#include "runtime/stats/metrics.h"

#include <inttypes.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct rt__figures figures; /* too large for a stack that a test shares */

/* Every input its own number, in step with each other. */
static void make_up_figures(void)
{
    memset(&figures, 0, sizeof figures);
    figures.account = (struct rt__account){.mallocs = 50, .frees = 20, .alloc_bytes = 9000, .free_bytes = 4000};
    figures.account.managed_alloc_bytes = 11;
    figures.account.managed_mallocs = 12;
    figures.account.managed_free_bytes = 13;
    figures.account.managed_frees = 14;
    figures.held = (struct rt__held){.heap_sys = 100000, .heap_held = 60000, .heap_free = 10000, .collector_own = 700};
    figures.held.process_held = 15;
    figures.held.managed_held = 16;
    figures.gc = (struct rt__gc_state){.cycles = 9, .forced_cycles = 2, .goal_bytes = 17, .live_bytes = 18};
    figures.gc.heap_bytes = 19;
    figures.gc.globals_bytes = 21;
    figures.gc.stacks_bytes = 22;
    figures.gc.gc_cpu_ns = 1500000;
    figures.gc.limiter_on = true;
    figures.gc.limiter_refusals = 23;
    figures.gc.scavenged_background_bytes = 24;
    figures.gc.scavenged_eager_bytes = 25;
    figures.gc.gc_percent = 50;
    figures.gc.memory_limit_bytes = 64 << 20;
    figures.os = (struct rt__os_figures){.stacks_bytes = 300, .threads = 2, .record_bytes = 64, .rss_bytes = 26};
    figures.os.elapsed_ns = 2500000000;
    figures.os.max_procs = 4;
    figures.trace = (struct rt__trace_figures){.buffer_bytes = 8192, .events = 31, .lost = 32};
    figures.trace.stacks_lost = 33;
    figures.trace.sites_lost = 34;
    figures.trace.samples_lost = 35;
    for (unsigned use = 0; use < RT__OS_USES; use++)
        figures.os.mapped_bytes[use] = 1000 << use;
    for (unsigned i = 0; i < RT__PAUSE_BOUNDS; i++)
        figures.pauses.at_most[i] = i < 11 ? 0 : 8;
    figures.pauses.all = 9;
    rt__memstats_fill(&figures.memstats, &figures.account, &figures.held, &figures.gc, &figures.os);
}

static char *page_of(void (*write)(FILE *out))
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    write(out);
    fclose(out);
    return text;
}

static void write_made_up(FILE *out)
{
    rt__metrics_write_figures(out, &figures);
}

/* The value on the line of a metric, as text up to the line's end; fails when there is no line. */
static const char *value_of(const char *page, const char *name)
{
    static char value[64];
    size_t n = strlen(name);
    for (const char *line = page; *line; line = strchr(line, '\n') + 1) {
        if (strncmp(line, name, n) == 0 && line[n] == ' ') {
            snprintf(value, sizeof value, "%.*s", (int)strcspn(line + n + 1, "\n"), line + n + 1);
            return value;
        }
    }
    fail_msg("no line for %s", name);
    return NULL;
}

static void assert_value(const char *page, const char *name, const char *want)
{
    if (strcmp(value_of(page, name), want) != 0)
        fail_msg("%s is %s, want %s", name, value_of(page, name), want);
}

static void names_follow_gos_rule_are_sorted_and_have_a_help_sentence(void **state)
{
    (void)state;
    regex_t rule;
    size_t n;
    const struct rt__metric *table = rt__metrics_table(&n);
    assert_int_equal(regcomp(&rule, "^/[a-z/-]+:[a-z]+(-[a-z]+)*$", REG_EXTENDED | REG_NOSUB), 0);
    for (size_t i = 0; i < n; i++) {
        if (regexec(&rule, table[i].name, 0, NULL, 0) != 0)
            fail_msg("%s is not path:unit", table[i].name);
        if (i > 0 && strcmp(table[i - 1].name, table[i].name) >= 0)
            fail_msg("%s does not sort after %s", table[i].name, table[i - 1].name);
        assert_int_equal(table[i].help[strlen(table[i].help) - 1], '.');
    }
    regfree(&rule);
}

static void every_name_that_go_tools_ask_for_is_there(void **state)
{
    (void)state;
    static const char *const names[] = {
        "/cpu/classes/gc/total:cpu-seconds",
        "/cpu/classes/total:cpu-seconds",
        "/gc/cycles/automatic:gc-cycles",
        "/gc/cycles/forced:gc-cycles",
        "/gc/cycles/total:gc-cycles",
        "/gc/gogc:percent",
        "/gc/gomemlimit:bytes",
        "/gc/heap/allocs:bytes",
        "/gc/heap/allocs:objects",
        "/gc/heap/frees:bytes",
        "/gc/heap/frees:objects",
        "/gc/heap/goal:bytes",
        "/gc/heap/live:bytes",
        "/gc/heap/objects:objects",
        "/gc/pauses:seconds",
        "/gc/scan/globals:bytes",
        "/gc/scan/heap:bytes",
        "/gc/scan/stack:bytes",
        "/gc/scan/total:bytes",
        "/memory/classes/heap/free:bytes",
        "/memory/classes/heap/objects:bytes",
        "/memory/classes/heap/released:bytes",
        "/memory/classes/heap/unused:bytes",
        "/memory/classes/os-stacks:bytes",
        "/memory/classes/other:bytes",
        "/memory/classes/profiling/buckets:bytes",
        "/memory/classes/total:bytes",
        "/sched/gomaxprocs:threads",
    };
    size_t n;
    const struct rt__metric *table = rt__metrics_table(&n);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t at = 0;
        while (at < n && strcmp(table[at].name, names[i]) != 0)
            at++;
        if (at == n)
            fail_msg("no metric %s", names[i]);
    }
}

static void each_metric_shows_its_own_figure(void **state)
{
    (void)state;
    static const struct {
        const char *name, *want;
    } rows[] = {
        {"/cpu/classes/gc/total:cpu-seconds", "0.0015"},
        {"/cpu/classes/total:cpu-seconds", "10"},
        {"/cruntime/held:bytes", "75700"}, /* 60000 heap + 15000 mapped + 700 collector */
        {"/cruntime/heap/managed/allocs:bytes", "11"},
        {"/cruntime/heap/managed/allocs:objects", "12"},
        {"/cruntime/heap/managed/frees:bytes", "13"},
        {"/cruntime/heap/managed/frees:objects", "14"},
        {"/cruntime/heap/managed:bytes", "16"},
        {"/cruntime/heap/paced:bytes", "19"},
        {"/cruntime/heap/process:bytes", "15"},
        {"/cruntime/limiter/on:bool", "1"},
        {"/cruntime/limiter/refusals:events", "23"},
        {"/cruntime/rss:bytes", "26"},
        {"/cruntime/scavenged/background:bytes", "24"},
        {"/cruntime/scavenged/eager:bytes", "25"},
        {"/cruntime/threads:threads", "2"},
        {"/cruntime/trace/buffers:bytes", "8192"},
        {"/cruntime/trace/events:events", "31"},
        {"/cruntime/trace/lost:events", "32"},
        {"/cruntime/trace/samples-lost:events", "35"},
        {"/cruntime/trace/sites-lost:events", "34"},
        {"/cruntime/trace/stacks-lost:events", "33"},
        {"/gc/cycles/automatic:gc-cycles", "7"},
        {"/gc/cycles/forced:gc-cycles", "2"},
        {"/gc/cycles/total:gc-cycles", "9"},
        {"/gc/gogc:percent", "50"},
        {"/gc/gomemlimit:bytes", "67108864"},
        {"/gc/heap/allocs:bytes", "9000"},
        {"/gc/heap/allocs:objects", "50"},
        {"/gc/heap/frees:bytes", "4000"},
        {"/gc/heap/frees:objects", "20"},
        {"/gc/heap/goal:bytes", "17"},
        {"/gc/heap/live:bytes", "18"},
        {"/gc/heap/objects:objects", "30"},
        {"/gc/scan/globals:bytes", "21"},
        {"/gc/scan/heap:bytes", "18"},
        {"/gc/scan/stack:bytes", "22"},
        {"/gc/scan/total:bytes", "61"},
        {"/memory/classes/heap/free:bytes", "10000"},
        {"/memory/classes/heap/objects:bytes", "5000"},
        {"/memory/classes/heap/released:bytes", "40000"},
        {"/memory/classes/heap/unused:bytes", "45000"},
        {"/memory/classes/metadata/mcache/free:bytes", "872"},
        {"/memory/classes/metadata/mcache/inuse:bytes", "128"},
        {"/memory/classes/metadata/other:bytes", "4700"},
        {"/memory/classes/os-stacks:bytes", "300"},
        {"/memory/classes/other:bytes", "8000"},
        {"/memory/classes/profiling/buckets:bytes", "2000"},
        {"/memory/classes/total:bytes", "116000"},
        {"/sched/gomaxprocs:threads", "4"},
    };
    size_t n;
    make_up_figures();
    rt__metrics_table(&n);
    assert_int_equal(n, sizeof rows / sizeof rows[0] + 1); /* and the histogram */
    char *page = page_of(write_made_up);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_value(page, rows[i].name, rows[i].want);
    free(page);
}

static void off_is_the_largest_number_that_go_prints_for_it(void **state)
{
    (void)state;
    make_up_figures();
    figures.gc.gc_percent = -1;
    figures.gc.memory_limit_bytes = INT64_MAX;
    figures.gc.goal_bytes = UINT64_MAX;
    char *page = page_of(write_made_up);
    assert_value(page, "/gc/gogc:percent", "18446744073709551615");
    assert_value(page, "/gc/gomemlimit:bytes", "9223372036854775807");
    assert_value(page, "/gc/heap/goal:bytes", "18446744073709551615");
    free(page);
}

static void the_histogram_is_cumulative_and_ends_at_infinity(void **state)
{
    (void)state;
    make_up_figures();
    char *page = page_of(write_made_up);
    assert_value(page, "/gc/pauses:seconds{le=\"0.000001\"}", "0");
    assert_value(page, "/gc/pauses:seconds{le=\"0.002\"}", "0");
    assert_value(page, "/gc/pauses:seconds{le=\"0.005\"}", "8");
    assert_value(page, "/gc/pauses:seconds{le=\"10\"}", "8");
    assert_value(page, "/gc/pauses:seconds{le=\"+Inf\"}", "9");
    free(page);
}

static void assert_total_is_the_sum(const char *page)
{
    static const char prefix[] = "/memory/classes/";
    uint64_t sum = 0, total = UINT64_MAX;
    for (const char *line = page; *line; line = strchr(line, '\n') + 1) {
        uint64_t value;
        char name[128];
        if (strncmp(line, prefix, sizeof prefix - 1) != 0)
            continue;
        assert_int_equal(sscanf(line, "%127s %" SCNu64, name, &value), 2);
        if (strcmp(name, "/memory/classes/total:bytes") == 0)
            total = value;
        else
            sum += value;
    }
    assert_int_equal(total, sum);
}

static void the_memory_classes_add_up_to_their_total(void **state)
{
    (void)state;
    make_up_figures();
    char *page = page_of(write_made_up);
    assert_total_is_the_sum(page);
    free(page);
    page = page_of(rt_metrics_write);
    assert_total_is_the_sum(page);
    free(page);
}

static void the_page_of_this_process_has_a_line_for_every_metric(void **state)
{
    (void)state;
    size_t n;
    const struct rt__metric *table = rt__metrics_table(&n);
    char *page = page_of(rt_metrics_write);
    for (size_t i = 0; i < n; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s%s", table[i].name,
                 table[i].kind == RT__METRIC_HISTOGRAM ? "{le=\"+Inf\"}" : "");
        assert_true(strspn(value_of(page, name), "0123456789.e-") > 0);
    }
    assert_true(strtoull(value_of(page, "/cruntime/rss:bytes"), NULL, 10) > 0);
    assert_true(strtod(value_of(page, "/cpu/classes/total:cpu-seconds"), NULL) > 0);
    free(page);
}

static void the_help_has_a_line_for_every_metric(void **state)
{
    (void)state;
    size_t n, lines = 0;
    const struct rt__metric *table = rt__metrics_table(&n);
    char *page = page_of(rt__metrics_write_help);
    for (const char *line = page; *line; line = strchr(line, '\n') + 1, lines++) {
        char want[128];
        snprintf(want, sizeof want, "%s\t%s\t", table[lines].name, table[lines].cumulative ? "counter" : "gauge");
        assert_memory_equal(line, want, strlen(want));
    }
    assert_int_equal(lines, n);
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_gos_rule_are_sorted_and_have_a_help_sentence),
        cmocka_unit_test(every_name_that_go_tools_ask_for_is_there),
        cmocka_unit_test(each_metric_shows_its_own_figure),
        cmocka_unit_test(off_is_the_largest_number_that_go_prints_for_it),
        cmocka_unit_test(the_histogram_is_cumulative_and_ends_at_infinity),
        cmocka_unit_test(the_memory_classes_add_up_to_their_total),
        cmocka_unit_test(the_page_of_this_process_has_a_line_for_every_metric),
        cmocka_unit_test(the_help_has_a_line_for_every_metric),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
