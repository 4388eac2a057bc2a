/* pool_scope.c - what a scope and a pool cost beside malloc and free.
 *
 * One way of getting memory a run, named by the argument, so that a driver (bench/run-pool) can
 * interleave the ways:
 *   malloc   OBJECTS mallocs, then as many frees: a request's memory as C programs handle it
 *   scope    rt_scope_begin, OBJECTS allocations in it, rt_scope_end: the same for a request here
 *   atomic   as scope, of objects without pointers
 *   alloc    OBJECTS rt_alloc, then as many rt_free (nothing under Boehm: a cycle finds them)
 *   calloc1  one calloc and one free of an object of POOLED_BYTES
 *   pool     one rt_pool_get and one rt_pool_put of such an object, no other thread taking part
 * All of them are the runtime's, so all are counted: this shows scopes and pools, not counting.
 * Prints ns per object; every object is written to once.
 */
#include "runtime/cruntime.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OBJECTS 20u         /* what a request of the booking app makes, by order of magnitude */
#define SIZE_STEP_BYTES 24u /* objects of 24, 48 ... 480 bytes: several size classes, none large */
#define POOLED_BYTES 1024u
#define TURNS_PER_LOOK 512u

static struct rt_pool *pool;

static void turn_malloc(void)
{
    char *p[OBJECTS];

    for (unsigned i = 0; i < OBJECTS; i++) {
        p[i] = malloc((i + 1) * SIZE_STEP_BYTES);
        if (p[i] == NULL)
            abort();
        p[i][0] = 1;
    }
    for (unsigned i = 0; i < OBJECTS; i++)
        free(p[i]);
}

static void turn_scope(void)
{
    struct rt_scope *s = rt_scope_begin();

    for (unsigned i = 0; i < OBJECTS; i++)
        *(char *)rt_scope_alloc(s, (i + 1) * SIZE_STEP_BYTES) = 1;
    rt_scope_end(s);
}

static void turn_atomic(void)
{
    struct rt_scope *s = rt_scope_begin();

    for (unsigned i = 0; i < OBJECTS; i++)
        *(char *)rt_scope_alloc_atomic(s, (i + 1) * SIZE_STEP_BYTES) = 1;
    rt_scope_end(s);
}

static void turn_alloc(void)
{
    char *p[OBJECTS];

    for (unsigned i = 0; i < OBJECTS; i++) {
        p[i] = rt_alloc((i + 1) * SIZE_STEP_BYTES);
        p[i][0] = 1;
    }
    for (unsigned i = 0; i < OBJECTS; i++)
        rt_free(p[i]);
}

static void turn_calloc1(void)
{
    char *p = calloc(1, POOLED_BYTES);

    if (p == NULL)
        abort();
    p[0] = 1;
    free(p);
}

static void *make_pooled(void *arg)
{
    (void)arg;
    return rt_alloc(POOLED_BYTES);
}

static void turn_pool(void)
{
    char *p = rt_pool_get(pool);

    p[0] = 1;
    rt_pool_put(pool, p);
}

static const struct {
    const char *name;
    void (*turn)(void);
    unsigned objects;
} ways[] = {
    {"malloc", turn_malloc, OBJECTS}, {"scope", turn_scope, OBJECTS}, {"atomic", turn_atomic, OBJECTS},
    {"alloc", turn_alloc, OBJECTS},   {"calloc1", turn_calloc1, 1},   {"pool", turn_pool, 1},
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void measure(unsigned way, uint64_t box_ns)
{
    uint64_t turns = 0, begin_ns, spent_ns;

    for (unsigned i = 0; i < TURNS_PER_LOOK; i++) /* warm up */
        ways[way].turn();
    begin_ns = now_ns();
    do {
        for (unsigned i = 0; i < TURNS_PER_LOOK; i++)
            ways[way].turn();
        turns += TURNS_PER_LOOK;
        spent_ns = now_ns() - begin_ns;
    } while (spent_ns < box_ns);
    printf("pool_scope way=%s allocator=%s objects=%" PRIu64 " ns_per_object=%.3f\n", ways[way].name, rt_allocator(),
           turns * ways[way].objects, (double)spent_ns / (double)(turns * ways[way].objects));
}

int main(int argc, char **argv)
{
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 0.5;

    pool = rt_pool_new(make_pooled, NULL);
    for (unsigned way = 0; argc > 1 && seconds > 0 && way < sizeof ways / sizeof ways[0]; way++) {
        if (strcmp(ways[way].name, argv[1]) == 0) {
            measure(way, (uint64_t)(seconds * 1e9));
            return 0;
        }
    }
    fprintf(stderr, "usage: pool_scope malloc|scope|atomic|alloc|calloc1|pool [seconds]\n");
    return 2;
}
