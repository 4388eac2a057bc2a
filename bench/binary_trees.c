/* binary_trees.c - the collector's benchmark: many short-lived trees beside one that stays.
 *
 * The known "binary trees" load: for each depth from 4 to the argument, complete trees are built,
 * walked and dropped, while a long-lived tree of full depth is held. Every node is one rt_alloc of
 * two pointers. Prints how many cycles that took and how long, so that runs under different CGC
 * (or CALLOCATOR) can be compared; bench/run-trees does. Under mimalloc, which collects nothing,
 * dropped trees are freed node by node.
 */
#include "runtime/cruntime.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEPTH_MIN 4
#define DEPTH_MAX 24 /* 2^25 nodes of 16 bytes: 512 MiB, as far as a small machine goes */

struct node {
    struct node *left;
    struct node *right;
};

static bool frees;
/* A global, not a local: what stays alive for the whole run is found as static data here, so the
 * benchmark does not depend on what the compiler keeps in a register. */
static struct node *long_lived;

static struct node *grow(int depth)
{
    struct node *n = rt_alloc(sizeof *n);

    if (depth > 0) {
        n->left = grow(depth - 1);
        n->right = grow(depth - 1);
    }
    return n;
}

static uint64_t count(const struct node *n)
{
    return n->left == NULL ? 1 : 1 + count(n->left) + count(n->right);
}

static void drop(struct node *n)
{
    if (!frees)
        return;
    if (n->left != NULL) {
        drop(n->left);
        drop(n->right);
    }
    rt_free(n);
}

static void expect(uint64_t got, uint64_t want)
{
    if (got == want)
        return;
    fprintf(stderr, "binary_trees: counted %" PRIu64 " nodes, built %" PRIu64 "\n", got, want);
    exit(1);
}

static uint64_t nodes_of(int depth)
{
    return ((uint64_t)2 << depth) - 1;
}

static void churn(int depth, int depth_most)
{
    uint64_t trees = (uint64_t)1 << (depth_most - depth + DEPTH_MIN);
    uint64_t nodes = 0;

    for (uint64_t i = 0; i < trees; i++) {
        struct node *tree = grow(depth);

        nodes += count(tree);
        drop(tree);
    }
    expect(nodes, trees * nodes_of(depth));
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    static struct rt_memstats stats;
    int depth = argc > 1 ? atoi(argv[1]) : 16;
    double begin_s = now_s();

    if (argc > 2 || depth < DEPTH_MIN || depth > DEPTH_MAX) {
        fprintf(stderr, "usage: binary_trees [depth %d..%d]\n", DEPTH_MIN, DEPTH_MAX);
        return 2;
    }
    frees = strcmp(rt_allocator(), "boehm") != 0;
    long_lived = grow(depth);
    for (int d = DEPTH_MIN; d <= depth; d += 2)
        churn(d, depth);
    expect(count(long_lived), nodes_of(depth));
    rt_read_memstats(&stats);
    printf("binary_trees depth=%d allocator=%s cycles=%" PRIu32 " seconds=%.4f pause_seconds=%.4f sys_bytes=%" PRIu64
           "\n",
           depth, rt_allocator(), stats.NumGC, now_s() - begin_s, (double)stats.PauseTotalNs / 1e9, stats.Sys);
    return 0;
}
