/* pure.c - the parts of the runtime that run within others: the pacer's sums, and taking a stack.
 *
 * They are internal, so this is no example of a benchmark of your own.
 */
#include <rt_bench.h>
#include <stdio.h>

#include "runtime/gc/pacer.h"
#include "runtime/unwind/unwind.h"

#define MIB (UINT64_C(1) << 20)
#define DEEPEST 32

static void goal(struct rt_bench *b)
{
    struct rt__pacer_input in = {.gc_percent = 100,
                                 .memory_limit_bytes = *(const int64_t *)rt_bench_arg(b),
                                 .live_bytes = 20 * MIB,
                                 .stacks_bytes = MIB,
                                 .globals_bytes = MIB,
                                 .nonheap_bytes = 8 * MIB};
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        in.live_bytes ^= (uint64_t)i & 4095; /* a sum made once would do otherwise */
        rt_bench_keep(rt__pacer_goal(&in).goal_bytes);
    }
}

RT_BENCHMARK(PacerGoal)
{
    static int64_t none = INT64_MAX, some = 64 << 20;
    rt_bench_run(b, "limit=off", goal, &none);
    rt_bench_run(b, "limit=64MiB", goal, &some);
}

/* Asked for by allocations: how far until the next look. */
RT_BENCHMARK(PacerCheckInterval)
{
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        rt_bench_keep(rt__pacer_check_interval((uint64_t)i & (64 * MIB - 1), 64 * MIB, 2));
    }
}

static uintptr_t pcs[DEEPEST];
static size_t frames;

/* A stack of this many frames of ours; not to be made a loop. */
__attribute__((noinline)) static void descend(struct rt_bench *b, size_t left)
{
    if (left > 1) {
        descend(b, left - 1);
    } else {
        rt_bench_reset_timer(b);
        for (int64_t i = 0; i < rt_bench_n(b); i++) {
            frames = rt__unwind_here(pcs, *(const size_t *)rt_bench_arg(b), 0);
            rt_bench_keep(frames);
        }
        rt_bench_stop_timer(b);
    }
    __asm__ volatile("");
}

static void unwind(struct rt_bench *b)
{
    size_t wanted = *(const size_t *)rt_bench_arg(b);
    descend(b, wanted);
    if (frames != wanted) {
        rt_bench_fatalf(b, "%zu frames of %zu", frames, wanted);
    }
}

/* With rules in the cache, as heap samples find them. */
RT_BENCHMARK(Unwind)
{
    static size_t depths[] = {4, 16, DEEPEST};
    for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
        char name[32];
        snprintf(name, sizeof(name), "frames=%zu", depths[i]);
        rt_bench_run(b, name, unwind, &depths[i]);
    }
}

/* Each frame's rule read out of .eh_frame. */
RT_BENCHMARK(UnwindCold)
{
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        rt__unwind_forget();
        rt_bench_keep(rt__unwind_here(pcs, DEEPEST, 0));
    }
}
