/* run.c - which benchmarks run, in what order and how often: Go's RunBenchmarks and B.Run.
 *
 * A function runs once with N = 1 first, to see whether it has sub-benchmarks; one that has is not measured itself.
 * Then -cpu times -count results follow one another, so that a benchmark's samples are taken close together.
 */
#include "bench/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/cruntime.h"

#define REGISTERED_MAX 1024
/* Added to the column of names when one does not fit, so that it does not jump at each. */
#define NAME_SLACK 8

static struct registered {
    const char *name;
    rt_bench_fn *fn;
} registered[REGISTERED_MAX];
static size_t registered_count;

struct rt__bench_run rt__bench_run;

void rt_bench_register(const char *name, rt_bench_fn *fn)
{
    if (registered_count == REGISTERED_MAX) {
        fprintf(stderr, "benchmark: %s is one more than the %d there may be\n", name, REGISTERED_MAX);
        exit(2);
    }
    registered[registered_count++] = (struct registered){name, fn};
}

static void full_name(const struct registered *of, char *buf, size_t size)
{
    snprintf(buf, size, "Benchmark%s", of->name);
}

static enum rt__bench_match is_meant(const char *name)
{
    enum rt__bench_match match = rt__bench_pattern_match(rt__bench_run.bench, name);
    if (match != RT__BENCH_NO && rt__bench_run.skip &&
        rt__bench_pattern_match(rt__bench_run.skip, name) == RT__BENCH_YES) {
        return RT__BENCH_NO;
    }
    return match;
}

void rt__bench_list(const struct rt__bench_pattern *pattern)
{
    char name[RT__BENCH_NAME_MAX];
    for (size_t i = 0; i < registered_count; i++) {
        full_name(&registered[i], name, sizeof(name));
        if (rt__bench_pattern_match(pattern, name) != RT__BENCH_NO) {
            puts(name);
        }
    }
}

/* One result is enough; the name is printed already unless this is its first run. */
static void measure(struct rt_bench *b, bool has_run)
{
    rt__bench_report_wait(b);
    if (!has_run) {
        rt__bench_clear(b);
        rt__bench_run_n(b, 1);
    }
    if (!rt__bench_failed(b) && !b->ended) {
        rt__bench_run_long(b);
    }
    if (rt__bench_failed(b)) {
        rt__bench_report_end(b, RT__BENCH_FAIL, true);
    } else if (b->skipped) {
        rt__bench_report_end(b, RT__BENCH_SKIP, true);
    } else {
        rt__bench_report_result(b);
    }
}

static bool is_over(const struct rt_bench *b)
{
    return rt__bench_run.flags.failfast && rt__bench_failed(b);
}

/* All results of one that has run once. */
static void measure_all(struct rt_bench *b)
{
    const struct rt__bench_flags *flags = &rt__bench_run.flags;
    bool has_run = true, any_failed = false;
    rt__bench_report_head();
    for (size_t i = 0; i < flags->cpu_count && !is_over(b); i++) {
        b->procs = flags->cpus[i];
        for (int64_t j = 0; j < flags->count && !is_over(b); j++) {
            measure(b, has_run);
            has_run = false;
            any_failed = any_failed || rt__bench_failed(b);
        }
    }
    if (any_failed) {
        rt__bench_fail(b);
    }
}

/* The first run. True when there is something to measure. */
static bool try_once(struct rt_bench *b)
{
    size_t width = strlen(b->name) + rt__bench_run.suffix_width + 1;
    if (width > rt__bench_run.name_width) {
        rt__bench_run.name_width = width + NAME_SLACK;
    }
    rt__bench_run_n(b, 1);
    if (rt__bench_failed(b)) {
        rt__bench_report_end(b, RT__BENCH_FAIL, false);
        return false;
    }
    if (b->has_sub || b->ended) {
        bool is_shown = rt__bench_run.flags.verbose || rt__bench_run.flags.json;
        if (is_shown && (b->log_length > 0 || b->ended)) {
            rt__bench_report_end(b, b->skipped ? RT__BENCH_SKIP : RT__BENCH_LOG, false);
        }
        return false;
    }
    return true;
}

static bool run_one(struct rt_bench *parent, const char *name, bool is_partial, rt_bench_fn *fn, void *arg)
{
    struct rt_bench *b = rt__bench_map(sizeof(*b));
    b->parent = parent;
    b->fn = fn;
    b->arg = arg;
    b->has_sub = is_partial; /* not meant itself, only what is below it */
    b->procs = rt__bench_run.flags.cpus[0];
    pthread_mutex_init(&b->log_lock, NULL);
    snprintf(b->name, sizeof(b->name), "%s", name);
    rt__bench_timeout_note(b->name);
    rt__bench_report_begin(b);
    if (try_once(b)) {
        measure_all(b);
    }
    rt__bench_timeout_note(parent ? parent->name : "");
    bool is_good = !rt__bench_failed(b);
    rt__bench_unmap(b, sizeof(*b));
    return is_good;
}

bool rt_bench_run(struct rt_bench *b, const char *name, rt_bench_fn *fn, void *arg)
{
    char full[RT__BENCH_NAME_MAX];
    b->has_sub = true;
    if (is_over(b)) {
        return true;
    }
    rt__bench_names_unique(rt__bench_run.names, full, sizeof(full), b->name, name);
    enum rt__bench_match match = is_meant(full);
    return match == RT__BENCH_NO || run_one(b, full, match == RT__BENCH_PARTLY, fn, arg);
}

static void widen(const char *name)
{
    size_t width = strlen(name) + 2 * rt__bench_run.suffix_width + 1;
    if (width > rt__bench_run.name_width) {
        rt__bench_run.name_width = width;
    }
}

static void measure_columns(void)
{
    const struct rt__bench_flags *flags = &rt__bench_run.flags;
    char name[RT__BENCH_NAME_MAX];
    unsigned most = 1;
    for (size_t i = 0; i < flags->cpu_count; i++) {
        most = flags->cpus[i] > most ? flags->cpus[i] : most;
    }
    rt__bench_run.suffix_width = (size_t)rt__bench_line_name(name, sizeof(name), "", most);
    for (size_t i = 0; i < registered_count; i++) {
        full_name(&registered[i], name, sizeof(name));
        if (is_meant(name) != RT__BENCH_NO) {
            widen(name);
        }
    }
}

bool rt__bench_run_all(void)
{
    char name[RT__BENCH_NAME_MAX];
    bool is_good = true;
    measure_columns();
    for (size_t i = 0; i < registered_count && (is_good || !rt__bench_run.flags.failfast); i++) {
        full_name(&registered[i], name, sizeof(name));
        enum rt__bench_match match = is_meant(name);
        if (match != RT__BENCH_NO) {
            is_good = run_one(NULL, name, match == RT__BENCH_PARTLY, registered[i].fn, NULL) && is_good;
        }
    }
    return is_good;
}
