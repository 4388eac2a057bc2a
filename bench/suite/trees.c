/* trees.c - binary trees by CGC: how much time less collecting saves.
 *
 * One turn builds, walks and drops a tree of 2^13 - 1 nodes beside one of 2^17 - 1 that stays. Under mimalloc, which
 * collects nothing, a dropped tree is freed node by node. bench/run-trees compares whole runs.
 */
#include <rt_bench.h>
#include <stdio.h>
#include <string.h>

#include "runtime/cruntime.h"

#define DEPTH 12
#define DEPTH_LIVE 16

struct node {
    struct node *left;
    struct node *right;
};

static struct node *long_lived; /* static: the collector sees it */
static bool frees;

static struct node *grow(int depth)
{
    struct node *n = rt_alloc(sizeof(*n));
    if (depth > 0) {
        n->left = grow(depth - 1);
        n->right = grow(depth - 1);
    }
    return n;
}

static int64_t count(const struct node *n)
{
    return n->left ? 1 + count(n->left) + count(n->right) : 1;
}

static void drop(struct node *n)
{
    if (frees) {
        if (n->left) {
            drop(n->left);
            drop(n->right);
        }
        rt_free(n);
    }
}

static void turns(struct rt_bench *b)
{
    static struct rt_memstats before, after;
    rt_read_memstats(&before);
    rt_bench_report_allocs(b);
    rt_bench_reset_timer(b);
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        struct node *tree = grow(DEPTH);
        if (count(tree) != (2 << DEPTH) - 1) {
            rt_bench_fatalf(b, "the tree lost nodes");
        }
        drop(tree);
    }
    rt_bench_stop_timer(b);
    rt_read_memstats(&after);
    uint32_t cycles = after.NumGC - before.NumGC;
    if (!frees) { /* mimalloc's cycles give memory back, and are few */
        rt_bench_report_metric(b, (double)cycles / (double)rt_bench_n(b), "cycles/op");
        rt_bench_report_metric(b, (double)(after.PauseTotalNs - before.PauseTotalNs) / (double)rt_bench_n(b),
                               "pause-ns/op");
    }
}

static void with_percent(struct rt_bench *b)
{
    int before = rt_set_gc_percent(*(const int *)rt_bench_arg(b));
    turns(b);
    rt_set_gc_percent(before);
}

RT_BENCHMARK(BinaryTrees)
{
    static int percents[] = {50, 100, 200, 400};
    frees = strcmp(rt_allocator(), "boehm") != 0;
    long_lived = grow(DEPTH_LIVE);
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        char name[32];
        snprintf(name, sizeof(name), "CGC=%d", percents[i]);
        rt_bench_run(b, name, with_percent, &percents[i]);
    }
    drop(long_lived);
    long_lived = NULL;
}
