/* raw_boehm_trees.c - the trees of binary_trees.c on Boehm GC alone: the yardstick of bench/run-trees.
 *
 * The collector as it comes: it decides by itself when to collect (GC_free_space_divisor), nothing counts, nothing is
 * paced. The same trees node for node, and the same line at the end. Must not include cruntime.h.
 */
#include <gc.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DEPTH_MIN 4
#define DEPTH_MAX 24

struct node {
    struct node *left;
    struct node *right;
};

static struct node *long_lived; /* static: the collector sees it */

static struct node *grow(int depth)
{
    struct node *n = GC_MALLOC(sizeof(*n));
    if (!n) {
        fputs("raw_boehm_trees: no memory\n", stderr);
        exit(1);
    }
    if (depth > 0) {
        n->left = grow(depth - 1);
        n->right = grow(depth - 1);
    }
    return n;
}

static uint64_t count(const struct node *n)
{
    return n->left ? 1 + count(n->left) + count(n->right) : 1;
}

static uint64_t nodes_of(int depth)
{
    return ((uint64_t)2 << depth) - 1;
}

static void expect(uint64_t got, uint64_t want)
{
    if (got != want) {
        fprintf(stderr, "raw_boehm_trees: counted %" PRIu64 " nodes, built %" PRIu64 "\n", got, want);
        exit(1);
    }
}

static void churn(int depth, int depth_most)
{
    uint64_t trees = (uint64_t)1 << (depth_most - depth + DEPTH_MIN);
    uint64_t nodes = 0;
    for (uint64_t i = 0; i < trees; i++) {
        nodes += count(grow(depth));
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
    int depth = argc > 1 ? atoi(argv[1]) : 16;
    if (argc > 2 || depth < DEPTH_MIN || depth > DEPTH_MAX) {
        fprintf(stderr, "usage: raw_boehm_trees [depth %d..%d]\n", DEPTH_MIN, DEPTH_MAX);
        return 2;
    }
    double begin_s = now_s();
    GC_INIT();
    long_lived = grow(depth);
    for (int d = DEPTH_MIN; d <= depth; d += 2) {
        churn(d, depth);
    }
    expect(count(long_lived), nodes_of(depth));
    printf("binary_trees depth=%d allocator=raw-boehm cycles=%lu seconds=%.4f sys_bytes=%zu\n", depth,
           (unsigned long)GC_get_gc_no(), now_s() - begin_s, GC_get_heap_size());
    return 0;
}
