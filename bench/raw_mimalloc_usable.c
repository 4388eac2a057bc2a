/* raw_mimalloc_usable.c - the least that exact counting by mi_usable_size can cost: bare functions
 * that count into a static table and know nothing of threads, budgets or failures. What the
 * runtime's fallback is measured beside: no counting that asks mi_usable_size at each free can
 * be cheaper than this. */
#include <mimalloc.h>
#include <stdint.h>
#include "runtime/heap/sizes.h"

static __thread uint64_t mallocs[RT__SMALL_MAX / 8 + 1], frees[RT__SMALL_MAX / 8 + 1];

static __attribute__((noinline)) void *counted_malloc(size_t size)
{
    mallocs[(size + 7) / 8]++;
    return mi_malloc_small(size);
}

static __attribute__((noinline)) void counted_free(void *p)
{
    if (p) {
        frees[mi_usable_size(p) / 8]++;
        mi_free(p);
    }
}

#define BENCH_NAME "raw_mimalloc_usable"
#define BENCH_MALLOC counted_malloc
#define BENCH_FREE counted_free
#define BENCH_CHECK(pairs) (void)(pairs)
#include "bench/malloc_replace.inc.h"
