/* raw_malloc_replace.c - the malloc benchmark without the runtime: run bare it measures glibc, and
 * with LD_PRELOAD another allocator. It must never be linked with the runtime, which would take
 * malloc over. */
#define BENCH_NAME "raw_malloc_replace"
#define BENCH_MALLOC malloc
#define BENCH_FREE free
#define BENCH_CHECK(pairs) ((void)(pairs))
#include "bench/malloc_replace.inc.h"
