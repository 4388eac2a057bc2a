/* reuse.c - what is meant to save allocations: scopes and pools.
 *
 * A turn of Scope is a scope with some objects of 64 bytes in it, of Pool one get and put; beside it stands the same
 * object by malloc and free (Alloc, alloc.c).
 */
#include <rt_bench.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/cruntime.h"

#define OBJECT_BYTES 64
#define POOLED_BYTES 1024

static void scope(struct rt_bench *b)
{
    int objects = *(const int *)rt_bench_arg(b);
    if (objects > 0) {
        rt_bench_report_allocs(b);
    }
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        struct rt_scope *s = rt_scope_begin();
        for (int k = 0; k < objects; k++) {
            rt_bench_keep(rt_scope_alloc(s, OBJECT_BYTES));
        }
        rt_scope_end(s);
    }
}

RT_BENCHMARK(Scope)
{
    static int objects[] = {0, 20, 200};
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        char name[32];
        snprintf(name, sizeof(name), "objects=%d", objects[i]);
        rt_bench_run(b, name, scope, &objects[i]);
    }
}

static void *make(void *arg)
{
    (void)arg;
    return rt_alloc(POOLED_BYTES);
}

RT_BENCHMARK(Pool)
{
    struct rt_pool *pool = rt_pool_new(make, NULL);
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        void *item = rt_pool_get(pool);
        rt_bench_keep(item);
        rt_pool_put(pool, item);
    }
    rt_bench_stop_timer(b);
    rt_pool_free(pool);
}

static void get_and_put(struct rt_bench_parallel *pb, void *pool)
{
    while (rt_bench_next(pb)) {
        void *item = rt_pool_get(pool);
        rt_bench_keep(item);
        rt_pool_put(pool, item);
    }
}

RT_BENCHMARK(PoolParallel)
{
    struct rt_pool *pool = rt_pool_new(make, NULL);
    rt_bench_run_parallel(b, get_and_put, pool);
    rt_bench_stop_timer(b);
    rt_pool_free(pool);
}

/* More in use at a time than a thread keeps to itself. */
RT_BENCHMARK(PoolBurst)
{
    static void *items[100]; /* static: the collector sees it */
    struct rt_pool *pool = rt_pool_new(make, NULL);
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        for (size_t k = 0; k < sizeof(items) / sizeof(items[0]); k++) {
            items[k] = rt_pool_get(pool);
        }
        for (size_t k = 0; k < sizeof(items) / sizeof(items[0]); k++) {
            rt_pool_put(pool, items[k]);
            items[k] = NULL;
        }
    }
    rt_bench_stop_timer(b);
    rt_pool_free(pool);
}
