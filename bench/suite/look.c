/* look.c - looking at a program: statistics, metrics, profiles of the moment, and the line of a cycle.
 *
 * Written to /dev/null, so that what is measured is the making. Profiles are of this program, with its symbols looked
 * up as for a user.
 */
#include <fcntl.h>
#include <rt_bench.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cruntime.h"

RT_BENCHMARK(ReadMemStats)
{
    static struct rt_memstats stats;
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        rt_read_memstats(&stats);
        rt_bench_keep(&stats);
    }
}

static FILE *open_null(struct rt_bench *b)
{
    FILE *out = fopen("/dev/null", "w");
    if (!out) {
        rt_bench_fatalf(b, "cannot open /dev/null: %m");
    }
    return out;
}

RT_BENCHMARK(MemStatsJson)
{
    static struct rt_memstats stats;
    FILE *out = open_null(b);
    rt_read_memstats(&stats);
    rt_memstats_write_json(out, &stats); /* the stream has its buffer then */
    rt_bench_reset_timer(b);
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        rt_memstats_write_json(out, &stats);
    }
    rt_bench_stop_timer(b);
    fclose(out);
}

RT_BENCHMARK(Metrics)
{
    FILE *out = open_null(b);
    rt_metrics_write(out);
    rt_bench_reset_timer(b);
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        rt_metrics_write(out);
    }
    rt_bench_stop_timer(b);
    fclose(out);
}

struct page {
    const char *profile;
    int debug;
};

static void profile(struct rt_bench *b)
{
    const struct page *page = rt_bench_arg(b);
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    rt_bench_report_allocs(b);
    rt_bench_reset_timer(b);
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        int error = rt_profile_write(page->profile, page->debug, fd);
        if (error != 0) {
            rt_bench_fatalf(b, "%s: %s", page->profile, strerror(-error));
        }
    }
    rt_bench_stop_timer(b);
    close(fd);
}

RT_BENCHMARK(Profile)
{
    static struct page pages[] = {{"heap", 0}, {"heap", 1}, {"goroutine", 0}, {"goroutine", 1}, {"goroutine", 2}};
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        char name[64];
        snprintf(name, sizeof(name), "of=%s/debug=%d", pages[i].profile, pages[i].debug);
        rt_bench_run(b, name, profile, &pages[i]);
    }
}

RT_BENCHMARK(GctraceFormat)
{
    static struct rt_cycle cycle;
    char line[512];
    rt_gc();
    if (rt_cycles_read(&cycle, 1) != 1) {
        rt_bench_fatalf(b, "no cycle is on record");
    }
    rt_bench_reset_timer(b);
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        rt_bench_keep(rt_gctrace_format(line, sizeof(line), &cycle));
    }
}
