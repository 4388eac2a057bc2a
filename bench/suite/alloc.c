/* alloc.c - allocating and freeing: by size, each way of asking, and among live blocks of many sizes.
 *
 * One turn is one block had and given back (under Boehm rt_free does nothing: the price of the cycles is in
 * the turns during which they run). malloc is the same on both heaps, so it also shows what the machine did in between.
 */
#include <rt_bench.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/cruntime.h"

/* Live blocks of the mix: some 5 MB, more than the second-level cache holds, as a program's heap is. */
#define LIVE 10000
#define LEAST_BYTES 16
#define MOST_BYTES 1024

struct way {
    const char *name;
    void *(*get)(size_t size);
    void (*put)(void *p);
};

static const struct way ways[] = {
    {"malloc", malloc, free}, {"rt_alloc", rt_alloc, rt_free}, {"rt_alloc_atomic", rt_alloc_atomic, rt_free}};

struct task {
    const struct way *way;
    size_t size;
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* Static, so that the collector sees what it holds. */
static void *live[LIVE];

static void one_size(struct rt_bench *b)
{
    const struct task *task = rt_bench_arg(b);
    rt_bench_report_allocs(b);
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        void *p = task->way->get(task->size);
        rt_bench_keep(p);
        task->way->put(p);
    }
}

RT_BENCHMARK(Alloc)
{
    static const size_t sizes[] = {16, 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10};
    for (size_t w = 0; w < WAYS; w++) {
        for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
            struct task task = {&ways[w], sizes[s]};
            char name[64];
            snprintf(name, sizeof(name), "way=%s/size=%zu", ways[w].name, sizes[s]);
            rt_bench_run(b, name, one_size, &task);
        }
    }
}

/* xorshift64: a seed gives the same sizes in the same order on every heap. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void *get_some(const struct way *way, uint64_t random)
{
    return way->get(LEAST_BYTES + (random >> 32) % (MOST_BYTES - LEAST_BYTES + 1));
}

static void mix(struct rt_bench *b)
{
    const struct way *way = ((const struct task *)rt_bench_arg(b))->way;
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < LIVE; i++) {
        live[i] = get_some(way, next_random(&state));
    }
    rt_bench_report_allocs(b);
    rt_bench_reset_timer(b);
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        uint64_t random = next_random(&state);
        void **at = &live[random % LIVE];
        way->put(*at);
        *at = get_some(way, random);
    }
    rt_bench_stop_timer(b);
    for (size_t i = 0; i < LIVE; i++) {
        way->put(live[i]);
        live[i] = NULL;
    }
}

/* A random one of many live blocks is replaced by one of another size. */
RT_BENCHMARK(AllocMix)
{
    for (size_t w = 0; w < WAYS; w++) {
        struct task task = {&ways[w], 0};
        char name[64];
        snprintf(name, sizeof(name), "way=%s", ways[w].name);
        rt_bench_run(b, name, mix, &task);
    }
}

static void pairs(struct rt_bench_parallel *pb, void *arg)
{
    const struct way *way = arg;
    while (rt_bench_next(pb)) {
        void *p = way->get(64);
        rt_bench_keep(p);
        way->put(p);
    }
}

static void parallel(struct rt_bench *b)
{
    rt_bench_report_allocs(b);
    rt_bench_run_parallel(b, pairs, rt_bench_arg(b));
}

RT_BENCHMARK(AllocParallel)
{
    for (size_t w = 0; w < WAYS; w++) {
        char name[64];
        snprintf(name, sizeof(name), "way=%s/size=64", ways[w].name);
        rt_bench_run(b, name, parallel, (void *)&ways[w]);
    }
}
