/* bench_sample.c - benchmarks whose results are known: what tests/e2e/test_bench_harness.py runs.
 *
 * Each does one thing of the harness's, and allocates exactly what its name says. The ones under Bad fail on purpose.
 */
#include <pthread.h>
#include <rt_bench.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "runtime/cruntime.h"

RT_BENCHMARK(Nothing)
{
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        rt_bench_keep(i);
    }
}

/* Two blocks a turn, of size classes that both heaps have: 64 and 256 bytes. */
RT_BENCHMARK(MallocTwo)
{
    rt_bench_report_allocs(b);
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        void *p = malloc(64), *q = malloc(256);
        rt_bench_keep(p);
        rt_bench_keep(q);
        free(p);
        free(q);
    }
}

/* Boehm's first blocks of a size may be of the class above it: what each had is asked, not known. */
RT_BENCHMARK(ManagedThree)
{
    size_t bytes = 0;
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        for (int k = 0; k < 3; k++) {
            void *p = rt_alloc(64);
            bytes += rt_usable_size(p);
            rt_free(p);
        }
    }
    rt_bench_report_metric(b, (double)((int64_t)bytes / rt_bench_n(b)), "usable-B/op");
}

RT_BENCHMARK(LoopOne)
{
    char *before = malloc(5000); /* set-up is not counted */
    rt_bench_keep(before);
    while (rt_bench_loop(b)) {
        void *p = malloc(128);
        rt_bench_keep(p);
        free(p);
    }
    free(before);
    rt_bench_keep(malloc(7000)); /* nor is clean-up */
    rt_bench_report_metric(b, (double)rt_bench_n(b), "turns");
}

RT_BENCHMARK(TimerStopped)
{
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        rt_bench_stop_timer(b);
        free(malloc(1000));
        rt_bench_start_timer(b);
        free(malloc(32));
    }
}

RT_BENCHMARK(TimerReset)
{
    for (int i = 0; i < 1000; i++) {
        free(malloc(100));
    }
    rt_bench_reset_timer(b);
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        rt_bench_keep(i);
    }
}

RT_BENCHMARK(Bytes)
{
    static char from[1024], to[1024];
    rt_bench_set_bytes(b, sizeof(from));
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        for (size_t k = 0; k < sizeof(from); k++) {
            to[k] = from[k];
        }
        rt_bench_keep(to);
    }
}

RT_BENCHMARK(Metrics)
{
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        rt_bench_keep(i);
    }
    rt_bench_report_metric(b, 0.25, "z-hits/op");
    rt_bench_report_metric(b, 1234567, "a-rows");
    rt_bench_report_metric(b, 12.5, "ns/op");
    rt_bench_report_metric(b, 77, "B/op");
}

static void count_down(struct rt_bench_parallel *pb, void *arg)
{
    uint64_t turns = 0;
    while (rt_bench_next(pb)) {
        free(malloc(64));
        turns++;
    }
    __atomic_fetch_add((uint64_t *)arg, turns, __ATOMIC_RELAXED);
}

RT_BENCHMARK(Parallel)
{
    uint64_t turns = 0;
    rt_bench_set_parallelism(b, 2);
    rt_bench_run_parallel(b, count_down, &turns);
    if (turns != (uint64_t)rt_bench_n(b)) {
        rt_bench_fatalf(b, "%lu turns taken of %ld", (unsigned long)turns, (long)rt_bench_n(b));
    }
}

static void sub(struct rt_bench *b)
{
    int size = *(int *)rt_bench_arg(b);
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        free(malloc((size_t)size));
    }
}

RT_BENCHMARK(Sub)
{
    static int sizes[] = {16, 64};
    for (int i = 0; i < 2; i++) {
        char name[32];
        snprintf(name, sizeof(name), "size=%d", sizes[i]);
        rt_bench_run(b, name, sub, &sizes[i]);
    }
    rt_bench_run(b, "two words", sub, &sizes[0]);
    rt_bench_run(b, "two words", sub, &sizes[0]);
}

RT_BENCHMARK(Log)
{
    rt_bench_logf(b, "N was %s\nand more", rt_bench_n(b) > 0 ? "more than 0" : "0");
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        rt_bench_keep(i);
    }
}

RT_BENCHMARK(Skip)
{
    rt_bench_skipf(b, "not on a %s", "Monday");
}

RT_BENCHMARK(Slow)
{
    struct timespec second = {.tv_sec = 1};
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        nanosleep(&second, NULL);
    }
}

static void fatal(struct rt_bench *b)
{
    rt_bench_fatalf(b, "broken at %d", 7);
}

static void error_later(struct rt_bench *b)
{
    if (rt_bench_n(b) > 1) {
        rt_bench_errorf(b, "wrong from the second on");
    }
}

static void leave_loop(struct rt_bench *b)
{
    while (rt_bench_loop(b)) {
        break;
    }
}

static void leave_body(struct rt_bench_parallel *pb, void *arg)
{
    (void)pb;
    (void)arg;
}

static void leave_parallel(struct rt_bench *b)
{
    rt_bench_run_parallel(b, leave_body, NULL);
}

RT_BENCHMARK(Bad)
{
    rt_bench_run(b, "fatal", fatal, NULL);
    rt_bench_run(b, "later", error_later, NULL);
    rt_bench_run(b, "loop", leave_loop, NULL);
    rt_bench_run(b, "parallel", leave_parallel, NULL);
}

int main(int argc, char **argv)
{
    rt_bench_config("heap", rt_allocator());
    return rt_bench_main(argc, argv, "example/sample");
}
