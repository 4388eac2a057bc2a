/* malloc_replace.c - the malloc benchmark with the runtime linked in: malloc and free are the
 * runtime's, exactly counted, on mimalloc. The same file linked with a runtime whose fast path is
 * compiled out (RT_HEAP_FORCE_FALLBACK) is malloc_replace_fallback. It ends with status 1 when the
 * runtime did not count what was done: another malloc's speed must never pass for ours. */
#include "runtime/cruntime.h"

#define BENCH_NAME "malloc_replace"
#define BENCH_MALLOC malloc
#define BENCH_FREE free
#define BENCH_CHECK check_counted
static void check_counted(uint64_t pairs);
#include "bench/malloc_replace.inc.h"

static void check_counted(uint64_t pairs)
{
    static struct rt_memstats stats;

    rt_read_memstats(&stats);
    if (stats.Mallocs < pairs || stats.Frees < pairs) {
        fprintf(stderr, BENCH_NAME ": the runtime did not count these mallocs\n");
        exit(1);
    }
}
