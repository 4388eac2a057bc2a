/* binary_trees.c - the collector's benchmark: many short-lived trees beside one that stays.
 *
 * The known "binary trees" load (binary_trees.inc.h). Every node is one rt_alloc of two pointers. Prints how many
 * cycles that took and how long, so that runs under different CGC (or CALLOCATOR) can be compared; bench/run-trees
 * does. Under mimalloc, which collects nothing, dropped trees are freed node by node.
 */
#include "runtime/cruntime.h"

#include <stdbool.h>
#include <string.h>

#define BENCH_NAME "binary_trees"
#include "bench/binary_trees.inc.h"

static bool frees;

static struct node *new_node(void)
{
    return rt_alloc(sizeof(struct node));
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

static void begin(void)
{
    frees = strcmp(rt_allocator(), "boehm") != 0;
}

static void report(int depth, double seconds)
{
    static struct rt_memstats stats;

    rt_read_memstats(&stats);
    printf("binary_trees depth=%d allocator=%s cycles=%" PRIu32 " seconds=%.4f pause_seconds=%.4f sys_bytes=%" PRIu64
           "\n",
           depth, rt_allocator(), stats.NumGC, seconds, (double)stats.PauseTotalNs / 1e9, stats.Sys);
}
