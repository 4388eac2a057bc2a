/* raw_boehm_trees.c - the trees of binary_trees.c on Boehm GC alone: the yardstick of bench/run-trees.
 *
 * The collector as it comes: it decides by itself when to collect (GC_free_space_divisor), nothing counts, nothing is
 * paced. The same line at the end. Must not include cruntime.h.
 */
#include <gc.h>

#define BENCH_NAME "raw_boehm_trees"
#include "bench/binary_trees.inc.h"

static struct node *new_node(void)
{
    struct node *n = GC_MALLOC(sizeof(*n));

    if (n == NULL) {
        fputs(BENCH_NAME ": no memory\n", stderr);
        exit(1);
    }
    return n;
}

static void drop(struct node *n)
{
    (void)n; /* a cycle finds it */
}

static void begin(void)
{
    GC_INIT();
}

static void report(int depth, double seconds)
{
    printf("binary_trees depth=%d allocator=raw-boehm cycles=%lu seconds=%.4f sys_bytes=%zu\n", depth,
           (unsigned long)GC_get_gc_no(), seconds, GC_get_heap_size());
}
