/* heap.c - the heap profile of allocations that the test knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/cruntime.h"
#include "runtime/profile/labels.h"
#include "runtime/profile/profile.h"

enum { ALLOC_OBJECTS, ALLOC_BYTES, INUSE_OBJECTS, INUSE_BYTES };

#define SIZE 112 /* a size class of mimalloc's and of libgc's alike */
#define COUNT 1000

static const struct rt_labels *mine; /* what is allocated under it is the test's, and nothing else */

struct sums {
    int64_t values[RT__PROFILE_VALUES];
    char comment[256];
};

static struct sums profile_of(const struct rt_labels *labels)
{
    struct rt__profile p;
    struct sums sums = {{0}, ""};
    rt__profile_begin(&p, rt__profile_heap.kind);
    rt__profile_heap.collect(&p);
    assert_false(p.failed);
    for (size_t i = 0; i < p.count; i++) {
        for (int v = 0; v < RT__PROFILE_VALUES && p.samples[i].labels == labels; v++) {
            sums.values[v] += p.samples[i].values[v];
        }
    }
    memcpy(sums.comment, p.comment, sizeof(sums.comment));
    rt__profile_release(&p);
    return sums;
}

/* A set of labels of its own for each test. */
static int begin(void **state)
{
    static char number[] = "a";
    const char *const pairs[] = {"test", number};
    (void)state;
    mine = rt_labels_new(pairs, 1);
    number[0]++;
    rt_set_mem_profile_rate(1);
    return mine == NULL;
}

static int end(void **state)
{
    (void)state;
    rt_labels_set(NULL);
    rt_set_mem_profile_rate(524288);
    return 0;
}

static void *blocks[COUNT];

static void allocate(size_t size)
{
    rt_labels_set(mine);
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = malloc(size);
    }
    rt_labels_set(NULL);
}

static void assert_sums(int64_t alloc_objects, int64_t inuse_objects)
{
    struct sums s = profile_of(mine);
    assert_int_equal(s.values[ALLOC_OBJECTS], alloc_objects);
    assert_int_equal(s.values[ALLOC_BYTES], alloc_objects * SIZE);
    assert_int_equal(s.values[INUSE_OBJECTS], inuse_objects);
    assert_int_equal(s.values[INUSE_BYTES], inuse_objects * SIZE);
}

static void skip_where_malloc_is_not_ours(void)
{
#ifdef RT_SANITIZE
    print_message("malloc is the sanitizer's here\n");
    skip();
#endif
}

static void at_a_rate_of_1_all_of_malloc_is_there_and_free_takes_it_out_of_use(void **state)
{
    (void)state;
    skip_where_malloc_is_not_ours();
    allocate(SIZE);
    assert_sums(COUNT, COUNT);
    for (int i = 0; i < COUNT / 4; i++) {
        free(blocks[i]);
    }
    assert_sums(COUNT, COUNT - COUNT / 4);
    for (int i = COUNT / 4; i < COUNT; i++) {
        free(blocks[i]);
    }
    assert_sums(COUNT, 0);
}

static void a_block_that_moves_is_one_more_allocation_and_one_that_stays_is_none(void **state)
{
    (void)state;
    skip_where_malloc_is_not_ours();
    rt_labels_set(mine);
    char *p = malloc(SIZE);
    p = realloc(p, SIZE - 4);
    rt_labels_set(NULL);
    assert_sums(1, 1);
    rt_labels_set(mine);
    p = realloc(p, 4 * (size_t)SIZE);
    rt_labels_set(NULL);
    struct sums s = profile_of(mine);
    assert_int_equal(s.values[ALLOC_OBJECTS], 2);
    assert_int_equal(s.values[INUSE_OBJECTS], 1);
    assert_int_equal(s.values[INUSE_BYTES], 4 * SIZE);
    free(p);
}

static void samples_taken_at_another_rate_keep_their_weight(void **state)
{
    (void)state;
    skip_where_malloc_is_not_ours();
    allocate(SIZE);
    rt_set_mem_profile_rate(1 << 20);
    for (int i = 0; i < COUNT; i++) {
        free(blocks[i]);
    }
    assert_sums(COUNT, 0);
    rt_set_mem_profile_rate(100);
    allocate(SIZE);
    struct sums s = profile_of(mine);
    assert_true(s.values[ALLOC_OBJECTS] > COUNT * 1.5 && s.values[ALLOC_OBJECTS] < COUNT * 2.5);
    assert_true(s.values[INUSE_OBJECTS] > COUNT * 0.5 && s.values[INUSE_OBJECTS] < COUNT * 1.5);
    for (int i = 0; i < COUNT; i++) {
        free(blocks[i]);
    }
    assert_int_equal(profile_of(mine).values[INUSE_OBJECTS], 0);
}

/* ---- the managed heap --------------------------------------------------------------------------- */

static void **kept; /* a root */

static __attribute__((noinline)) void allocate_managed(int count)
{
    kept = rt_alloc((size_t)count * sizeof(*kept));
    rt_labels_set(mine);
    for (int i = 0; i < count; i++) {
        kept[i] = rt_alloc_atomic(SIZE);
    }
    rt_labels_set(NULL);
}

/* The array's address must not stay behind in a register or frame of the test's own: it would keep them all. */
static __attribute__((noinline)) void free_managed(int from, int to)
{
    for (int i = from; i < to; i++) {
        rt_free(kept[i]);
        kept[i] = NULL;
    }
    if (to == COUNT) {
        kept = NULL;
    }
}

static __attribute__((noinline)) void wipe_stack(void)
{
    volatile char below[16384];
    for (size_t i = 0; i < sizeof(below); i++) {
        below[i] = 0;
    }
}

/* Dead objects leave at the cycle that finds them; here and there a stale word keeps one alive. */
#define STALE 4

static void a_managed_object_leaves_use_when_it_is_freed_or_found_dead(void **state)
{
    (void)state;
    allocate_managed(COUNT);
    rt_gc();
    struct sums s = profile_of(mine);
    assert_int_equal(s.values[ALLOC_OBJECTS], COUNT);
    assert_int_equal(s.values[INUSE_OBJECTS], COUNT);
    free_managed(0, COUNT / 2);
    rt_gc();
    s = profile_of(mine);
    assert_int_equal(s.values[ALLOC_OBJECTS], COUNT);
    assert_in_range(s.values[INUSE_OBJECTS], COUNT / 2, COUNT / 2 + STALE);
    free_managed(COUNT / 2, COUNT);
    wipe_stack();
    rt_gc();
    assert_in_range(profile_of(mine).values[INUSE_OBJECTS], 0, STALE);
}

static void *allocate_in_a_thread(void *unused)
{
    (void)unused;
    rt_labels_set(mine);
    for (int i = 0; i < 20000; i++) {
        void *volatile p = rt_alloc_atomic(SIZE);
        rt_free(p);
    }
    return NULL;
}

static void threads_that_allocate_while_cycles_run_lose_no_sample(void **state)
{
    pthread_t threads[3];
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rt_thread_start(&threads[i], NULL, "alloc", allocate_in_a_thread, NULL), 0);
    }
    for (int i = 0; i < 20; i++) {
        rt_gc();
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    rt_gc();
    struct sums s = profile_of(mine);
    assert_int_equal(s.values[ALLOC_OBJECTS], 60000);
    assert_in_range(s.values[INUSE_OBJECTS], 0, STALE * 3);
}

/* A million and some live samples: more than there are records. The last test, since the tables stay. */
static void what_the_tables_cannot_hold_is_said_in_the_comment(void **state)
{
    enum { MANY = (1 << 20) + 5000 };
    (void)state;
    assert_string_equal(profile_of(mine).comment, "");
    kept = rt_alloc((size_t)MANY * sizeof(*kept));
    rt_labels_set(mine);
    for (int i = 0; i < MANY; i++) {
        kept[i] = rt_alloc_atomic(16);
    }
    rt_labels_set(NULL);
    struct sums s = profile_of(mine);
    unsigned long long dropped = strtoull(s.comment, NULL, 10);
    assert_non_null(strstr(s.comment, " samples dropped because the profiler's tables were full"));
    assert_true(dropped >= 5000 && dropped < 100000);
    /* Taking the profile allocates as well, and finds no room. */
    assert_in_range(s.values[ALLOC_OBJECTS] + (int64_t)dropped, MANY, MANY + 1000);
    for (int i = 0; i < MANY; i++) {
        rt_free(kept[i]);
    }
    kept = NULL;
}

#define PROFILED(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROFILED(at_a_rate_of_1_all_of_malloc_is_there_and_free_takes_it_out_of_use),
        PROFILED(a_block_that_moves_is_one_more_allocation_and_one_that_stays_is_none),
        PROFILED(samples_taken_at_another_rate_keep_their_weight),
        PROFILED(a_managed_object_leaves_use_when_it_is_freed_or_found_dead),
        PROFILED(threads_that_allocate_while_cycles_run_lose_no_sample),
        PROFILED(what_the_tables_cannot_hold_is_said_in_the_comment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
