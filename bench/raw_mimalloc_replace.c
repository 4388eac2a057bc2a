/* raw_mimalloc_replace.c - the malloc benchmark on mimalloc's own names, which is the yardstick
 * for the runtime: the same library, nothing counted. No LD_PRELOAD and no runtime may come
 * between. */
#include <mimalloc.h>

#define BENCH_NAME "raw_mimalloc_replace"
#define BENCH_MALLOC mi_malloc
#define BENCH_FREE mi_free
#define BENCH_CHECK(pairs) ((void)(pairs))
#include "bench/malloc_replace.inc.h"
