/* binary_trees.inc.h - the trees of binary_trees.c and raw_boehm_trees.c, node for node the same.
 *
 * For each depth from 4 to the argument, complete trees are built, walked and dropped, while a long-lived tree of full
 * depth is held. Whoever includes it defines
 *   BENCH_NAME       for messages
 *   new_node()       a zeroed struct node
 *   drop(tree)       which is not needed any more
 *   begin()          before the first node
 *   report(depth, seconds)   prints the line that bench/run-trees reads
 */
#ifndef BENCH_BINARY_TREES_INC_H
#define BENCH_BINARY_TREES_INC_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DEPTH_MIN 4
#define DEPTH_MAX 24 /* 2^25 nodes of 16 bytes: 512 MiB, as far as a small machine goes */

struct node {
    struct node *left;
    struct node *right;
};

static struct node *new_node(void);
static void drop(struct node *tree);
static void begin(void);
static void report(int depth, double seconds);

/* A global, not a local: what stays alive for the whole run is found as static data here, so the
 * benchmark does not depend on what the compiler keeps in a register. */
static struct node *long_lived;

static struct node *grow(int depth)
{
    struct node *n = new_node();

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

static void expect(uint64_t got, uint64_t want)
{
    if (got == want)
        return;
    fprintf(stderr, BENCH_NAME ": counted %" PRIu64 " nodes, built %" PRIu64 "\n", got, want);
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
    int depth = argc > 1 ? atoi(argv[1]) : 16;
    double begin_s = now_s();

    if (argc > 2 || depth < DEPTH_MIN || depth > DEPTH_MAX) {
        fprintf(stderr, "usage: " BENCH_NAME " [depth %d..%d]\n", DEPTH_MIN, DEPTH_MAX);
        return 2;
    }
    begin();
    long_lived = grow(depth);
    for (int d = DEPTH_MIN; d <= depth; d += 2)
        churn(d, depth);
    expect(count(long_lived), nodes_of(depth));
    report(depth, now_s() - begin_s);
    return 0;
}

#endif
