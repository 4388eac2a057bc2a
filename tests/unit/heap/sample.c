/* sample.c - which allocations are sampled, and that a sampled block is as good as any other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/cruntime.h"
#include "runtime/heap/account.h"
#include "runtime/heap/process.h"
#include "runtime/heap/sample.h"

#define RATE 524288

/* ---- arithmetic -------------------------------------------------------------------------------- */

static void a_sample_stands_for_as_many_allocations_as_its_size_makes_it_rare(void **state)
{
    static const struct {
        size_t size;
        int64_t rate;
        double weight;
    } rows[] = {
        {RATE, RATE, 1.5819767068693265}, /* 1/(1 - 1/e) */
        {1024, RATE, 512.50016276},       /* rate/size and a half */
        {100 * RATE, RATE, 1},            /* always sampled */
        {1, 2, 2.5414940825367984},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        double found = rt__sample_weight(rows[i].size, rows[i].rate);
        assert_true(fabs(found - rows[i].weight) < rows[i].weight * 1e-8);
    }
}

static void at_a_rate_of_1_a_sample_stands_for_itself(void **state)
{
    uint64_t random = 1;
    (void)state;
    assert_true(rt__sample_weight(8, 1) == 1);
    assert_true(rt__sample_weight(0, 1) == 1);
    assert_int_equal(rt__sample_next(1, &random), 0);
}

/* A fixed seed: the bound of five standard deviations holds or does not, for good. */
static void the_distance_between_samples_is_exponential_with_the_rate_as_its_mean(void **state)
{
    enum { DRAWS = 200000 };
    uint64_t random = 42;
    double sum = 0;
    unsigned beyond = 0;
    (void)state;
    for (int i = 0; i < DRAWS; i++) {
        int64_t next = rt__sample_next(RATE, &random);
        assert_true(next >= 1);
        sum += (double)next;
        beyond += next > RATE;
    }
    double off = sum / DRAWS / RATE - 1, share = (double)beyond / DRAWS;
    assert_true(fabs(off) < 5 / sqrt(DRAWS));
    assert_true(fabs(share - exp(-1)) < 5 * sqrt(exp(-1) * (1 - exp(-1)) / DRAWS));
}

/* ---- blocks ------------------------------------------------------------------------------------- */

#ifndef RT_SANITIZE

static void *volatile sink;

static int sample_all(void **state)
{
    (void)state;
    rt_set_mem_profile_rate(1);
    return 0;
}

static int sample_as_usual(void **state)
{
    (void)state;
    rt_set_mem_profile_rate(RATE);
    return 0;
}

static void at_a_rate_of_1_every_block_is_sampled_and_holds_what_its_class_holds(void **state)
{
    static const size_t sizes[] = {0, 1, 8, 9, 100, 1024, 1025, 5703, 131072, 131073, 3 << 20, 40 << 20};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        unsigned char *p = malloc(sizes[i]);
        assert_true(rt__sampled(p));
        assert_int_equal((uintptr_t)p % 16, 0);
        size_t usable = malloc_usable_size(p);
        assert_true(usable >= sizes[i]);
        if (sizes[i] <= RT__LARGE_MAX) {
            assert_int_equal(usable, rt__class_size(rt__class_of_size(sizes[i])));
        }
        memset(p, 0xa5, usable);
        free(p);
    }
}

static void calloc_zeroes_a_sampled_block_that_was_used_before(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        unsigned char *p = calloc(3, 400);
        assert_true(rt__sampled(p));
        for (int k = 0; k < 1200; k++) {
            assert_int_equal(p[k], 0);
        }
        memset(p, 0xff, 1200);
        free(p);
    }
}

static void a_sampled_block_is_aligned_as_asked_for(void **state)
{
    (void)state;
    for (size_t alignment = 16; alignment <= 65536; alignment *= 2) {
        for (size_t size = 1; size < 300000; size = size * 3 + 1) {
            unsigned char *p = aligned_alloc(alignment, size);
            assert_true(rt__sampled(p));
            assert_int_equal((uintptr_t)p % alignment, 0);
            memset(p, 0x5a, malloc_usable_size(p));
            free(p);
        }
    }
}

static void realloc_keeps_what_a_sampled_block_holds(void **state)
{
    unsigned char *p = NULL;
    size_t filled = 0;
    (void)state;
    for (size_t size = 1; size < 2000000; size = size * 2 + 3) {
        p = realloc(p, size);
        assert_true(rt__sampled(p));
        for (size_t i = 0; i < filled; i++) {
            assert_int_equal(p[i], (unsigned char)(i * 7));
        }
        for (filled = 0; filled < size && filled < 5000; filled++) {
            p[filled] = (unsigned char)(filled * 7);
        }
    }
    p = realloc(p, 100);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(p[i], (unsigned char)(i * 7));
    }
    free(p);
}

static void realloc_crosses_from_a_sampled_block_to_one_that_is_not(void **state)
{
    (void)state;
    char *p = strdup("a text that has to survive");
    assert_true(rt__sampled(p));
    rt_set_mem_profile_rate(0);
    p = realloc(p, 4000);
    assert_false(rt__sampled(p));
    assert_string_equal(p, "a text that has to survive");
    rt_set_mem_profile_rate(1);
    p = realloc(p, 20000);
    assert_true(rt__sampled(p));
    assert_string_equal(p, "a text that has to survive");
    free(p);
}

static void more_than_there_is_fails_as_without_sampling(void **state)
{
    volatile size_t too_much = SIZE_MAX / 2 + 1;
    (void)state;
    errno = 0;
    assert_null(malloc(too_much));
    assert_int_equal(errno, ENOMEM);
}

static void *free_all(void *blocks)
{
    void **p = blocks;
    for (int i = 0; i < 1000; i++) {
        free(p[i]);
    }
    return NULL;
}

static void *allocate_all(void *blocks)
{
    void **p = blocks;
    for (int i = 0; i < 1000; i++) {
        p[i] = malloc((size_t)i * 7);
        memset(p[i], 1, (size_t)i * 7);
    }
    return NULL;
}

static void a_sampled_block_outlives_its_thread_and_is_freed_by_another(void **state)
{
    static void *blocks[1000];
    (void)state;
    for (int round = 0; round < 20; round++) {
        pthread_t one, other;
        assert_int_equal(pthread_create(&one, NULL, allocate_all, blocks), 0);
        assert_int_equal(pthread_join(one, NULL), 0);
        assert_int_equal(pthread_create(&other, NULL, free_all, blocks), 0);
        assert_int_equal(pthread_join(other, NULL), 0);
    }
}

/* The pages that a thread leaves behind are another's sooner or later: they may hold no blocks but sampled ones, since
 * all that lies there is taken for one. */
static void when_its_thread_has_ended_no_other_block_comes_to_lie_beside_a_sampled_one(void **state)
{
    enum { OTHERS = 20000 };
    static void *blocks[1000], *others[OTHERS];
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, allocate_all, blocks), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    rt_set_mem_profile_rate(0);
    rt__process_collect(true);
    for (int i = 0; i < OTHERS; i++) {
        others[i] = malloc(1100 + (size_t)i % 8000);
        assert_false(rt__sampled(others[i]));
    }
    for (int i = 0; i < OTHERS; i++) {
        free(others[i]);
    }
    free_all(blocks);
}

/* The same allocations, counted twice: by size class, sampled or not. */
static void count_some(struct rt__account *difference)
{
    struct rt__account before, after;
    rt__account_read(&before);
    for (size_t size = 1; size < 200000; size += 997) {
        sink = malloc(size);
        free(sink);
    }
    rt__account_read(&after);
    for (int i = 0; i < RT__CLASSES; i++) {
        difference->by_class[i].mallocs = after.by_class[i].mallocs - before.by_class[i].mallocs;
        difference->by_class[i].frees = after.by_class[i].frees - before.by_class[i].frees;
    }
}

static void a_sampled_block_is_counted_in_the_class_that_it_would_have_been_in(void **state)
{
    struct rt__account all = {0}, none = {0};
    (void)state;
    count_some(&all);
    rt_set_mem_profile_rate(0);
    count_some(&none);
    for (int i = 1; i < RT__CLASSES; i++) {
        assert_int_equal(all.by_class[i].mallocs, none.by_class[i].mallocs);
        assert_int_equal(all.by_class[i].frees, none.by_class[i].frees);
    }
}

static void at_a_rate_of_0_nothing_is_sampled(void **state)
{
    (void)state;
    rt_set_mem_profile_rate(0);
    for (int i = 0; i < 100000; i++) {
        sink = malloc(1000);
        assert_false(rt__sampled(sink));
        free(sink);
    }
}

static void a_negative_rate_only_reads(void **state)
{
    (void)state;
    assert_int_equal(rt_set_mem_profile_rate(12345), 1);
    assert_int_equal(rt_set_mem_profile_rate(-1), 12345);
    assert_int_equal(rt_set_mem_profile_rate(-5), 12345);
}

#define SAMPLED(test) cmocka_unit_test_setup_teardown(test, sample_all, sample_as_usual)

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_stands_for_as_many_allocations_as_its_size_makes_it_rare),
        cmocka_unit_test(at_a_rate_of_1_a_sample_stands_for_itself),
        cmocka_unit_test(the_distance_between_samples_is_exponential_with_the_rate_as_its_mean),
#ifndef RT_SANITIZE
        SAMPLED(at_a_rate_of_1_every_block_is_sampled_and_holds_what_its_class_holds),
        SAMPLED(calloc_zeroes_a_sampled_block_that_was_used_before),
        SAMPLED(a_sampled_block_is_aligned_as_asked_for),
        SAMPLED(realloc_keeps_what_a_sampled_block_holds),
        SAMPLED(realloc_crosses_from_a_sampled_block_to_one_that_is_not),
        SAMPLED(more_than_there_is_fails_as_without_sampling),
        SAMPLED(a_sampled_block_outlives_its_thread_and_is_freed_by_another),
        SAMPLED(when_its_thread_has_ended_no_other_block_comes_to_lie_beside_a_sampled_one),
        SAMPLED(a_sampled_block_is_counted_in_the_class_that_it_would_have_been_in),
        SAMPLED(at_a_rate_of_0_nothing_is_sampled),
        SAMPLED(a_negative_rate_only_reads),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
