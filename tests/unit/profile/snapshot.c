/* snapshot.c - profiles are built, merged and subtracted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/profile/buckets.h"
#include "runtime/profile/labels.h"
#include "runtime/profile/memory.h"
#include "tests/unit/profile/fake_symbols.h"

static struct rt_labels blue = {.n = 0}, green = {.n = 0};

static void samples_come_back_as_they_were_added_however_many(void **state)
{
    (void)state;
    struct rt__profile p;
    rt__profile_begin(&p, &heap_kind);
    for (int64_t i = 0; i < 10000; i++)
        assert_non_null(add_sample(&p, STACK(MAIN + (uintptr_t)i, MAIN), VALUES(i, 2 * i, 3, 4)));
    assert_int_equal(p.count, 10000);
    for (int64_t i = 0; i < 10000; i++) {
        assert_int_equal(p.samples[i].depth, 2);
        assert_int_equal(p.samples[i].pcs[0], MAIN + i);
        assert_int_equal(p.samples[i].pcs[1], MAIN);
        assert_int_equal(p.samples[i].values[1], 2 * i);
        assert_null(p.samples[i].labels);
    }
    assert_false(p.failed);
    rt__profile_release(&p);
    assert_int_equal(p.count, 0);
}

static void what_is_kept_is_a_copy_aligned_and_of_any_size(void **state)
{
    (void)state;
    struct rt__profile p;
    rt__profile_begin(&p, &heap_kind);
    char name[] = "loop 0";
    const char *kept = rt__profile_keep(&p, name, sizeof name);
    memset(name, 'x', sizeof name);
    char *large = calloc(1, 1 << 20);
    large[(1 << 20) - 1] = 'z';
    const char *kept_large = rt__profile_keep(&p, large, 1 << 20);
    assert_string_equal(kept, "loop 0");
    assert_int_equal(kept_large[(1 << 20) - 1], 'z');
    assert_int_equal((uintptr_t)kept_large % 16, 0);
    assert_int_equal((uintptr_t)rt__profile_keep(&p, "a", 1) % 16, 0);
    free(large);
    rt__profile_release(&p);
}

static void keeping_more_than_there_is_fails_the_profile_and_all_that_follows(void **state)
{
    (void)state;
    struct rt__profile p;
    rt__profile_begin(&p, &heap_kind);
    assert_null(rt__profile_keep(&p, "x", SIZE_MAX - 1));
    assert_true(p.failed);
    assert_null(rt__profile_keep(&p, "x", 1));
    assert_null(rt__profile_add(&p));
    rt__profile_release(&p);
}

static void buckets_become_samples_with_their_values_rounded(void **state)
{
    (void)state;
    struct rt__bucket *b = calloc(1, sizeof *b + 2 * sizeof b->pcs[0]);
    b->depth = 2;
    b->pcs[0] = OUTER;
    b->pcs[1] = MAIN;
    b->labels = &blue;
    const struct rt__bucket_copy copy[] = {
        {b, {1.4, 1.6, -2.6, 0}},
        {b, {0, 0.49, -1e-9, 0}}, /* rounds to nothing */
        {b, {0, 0, 0, 5e15}},
    };
    struct rt__profile p;
    rt__profile_begin(&p, &heap_kind);
    rt__profile_add_buckets(&p, copy, 3);
    assert_int_equal(p.count, 2);
    assert_int_equal(p.samples[0].values[0], 1);
    assert_int_equal(p.samples[0].values[1], 2);
    assert_int_equal(p.samples[0].values[2], -3);
    assert_int_equal(p.samples[0].depth, 2);
    assert_ptr_equal(p.samples[0].pcs, b->pcs);
    assert_ptr_equal(p.samples[0].labels, &blue);
    assert_int_equal(p.samples[1].values[3], INT64_C(5000000000000000));
    rt__profile_release(&p);
    free(b);
}

static void values_that_the_kind_does_not_have_make_no_sample(void **state)
{
    (void)state;
    struct rt__bucket *b = calloc(1, sizeof *b);
    const struct rt__bucket_copy copy[] = {{b, {0, 0, 7, 7}}};
    struct rt__profile p;
    rt__profile_begin(&p, &mutex_kind);
    rt__profile_add_buckets(&p, copy, 1);
    assert_int_equal(p.count, 0);
    rt__profile_release(&p);
    free(b);
}

static void samples_are_merged_when_stack_labels_and_thread_are_equal(void **state)
{
    (void)state;
    struct rt__profile p, merged;
    char name[] = "loop";
    rt__profile_begin(&p, &heap_kind);
    for (int i = 0; i < 2; i++) {
        add_sample(&p, STACK(OUTER, MAIN), VALUES(1, 10));
        add_sample(&p, STACK(OUTER, MAIN), VALUES(2, 20))->labels = &blue;
        add_sample(&p, STACK(OUTER, MAIN), VALUES(3, 30))->labels = &green;
        add_sample(&p, STACK(OUTER, MAIN), VALUES(4, 40))->thread = i ? name : "loop";
        add_sample(&p, STACK(OUTER, MAIN), VALUES(5, 50))->thread = "";
        add_sample(&p, STACK(OUTER), VALUES(6, 60));
        add_sample(&p, STACK(MAIN, OUTER), VALUES(7, 70));
        rt__profile_add(&p)->values[0] = 8; /* no stack at all */
    }
    rt__profile_begin(&merged, &heap_kind);
    struct rt__merge merge = {.into = &merged};
    for (size_t i = 0; i < p.count; i++)
        rt__merge_add(&merge, &p.samples[i], 1);
    rt__merge_release(&merge);
    assert_int_equal(merged.count, 8);
    for (int64_t i = 0; i < 8; i++)
        assert_int_equal(merged.samples[i].values[0], 2 * (i + 1));
    rt__profile_release(&merged);
    rt__profile_release(&p);
}

static void a_difference_holds_what_came_and_what_went_and_nothing_else(void **state)
{
    (void)state;
    struct rt__profile before, after, difference;
    rt__profile_begin(&before, &heap_kind);
    rt__profile_begin(&after, &heap_kind);
    before.time_ns = 1000;
    after.time_ns = 3500;
    after.period = 512;
    strcpy(after.comment, "a remark");
    add_sample(&before, STACK(MAIN), VALUES(1, 1, 1, 1));          /* stays */
    add_sample(&before, STACK(OUTER, MAIN), VALUES(5, 50, 5, 50)); /* grows, and its use shrinks */
    add_sample(&before, STACK(USER, MAIN), VALUES(9, 90, 9, 90));  /* is gone */
    add_sample(&after, STACK(OUTER, MAIN), VALUES(7, 70, 1, 10));
    add_sample(&after, STACK(MAIN), VALUES(1, 1, 1, 1));
    add_sample(&after, STACK(HELPER_A), VALUES(2, 20, 2, 20)); /* is new */
    rt__profile_subtract(&difference, &before, &after);
    assert_int_equal(difference.count, 3);
    assert_ptr_equal(difference.kind, &heap_kind);
    assert_int_equal(difference.time_ns, 1000);
    assert_int_equal(difference.duration_ns, 2500);
    assert_int_equal(difference.period, 512);
    assert_string_equal(difference.comment, "a remark");
    static const struct {
        uintptr_t pc;
        int64_t values[RT__PROFILE_VALUES];
    } want[] = {{OUTER, {2, 20, -4, -40}}, {HELPER_A, {2, 20, 2, 20}}, {USER, {-9, -90, -9, -90}}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(difference.samples[i].pcs[0], want[i].pc);
        assert_memory_equal(difference.samples[i].values, want[i].values, sizeof want[i].values);
    }
    rt__profile_release(&difference);
    rt__profile_release(&before);
    rt__profile_release(&after);
}

static void a_difference_of_many_samples_finds_each_its_own(void **state)
{
    (void)state;
    enum { N = 40000 };
    struct rt__profile before, after, difference;
    rt__profile_begin(&before, &heap_kind);
    rt__profile_begin(&after, &heap_kind);
    for (int64_t i = 0; i < N; i++) {
        add_sample(&before, STACK(MAIN, (uintptr_t)i * 8, MAIN), VALUES(i));
        add_sample(&after, STACK(MAIN, (uintptr_t)(N - 1 - i) * 8, MAIN), VALUES((N - 1 - i) * 3));
    }
    rt__profile_subtract(&difference, &before, &after);
    assert_int_equal(difference.count, N - 1); /* that of i = 0 is 0 */
    for (size_t i = 0; i < difference.count; i++)
        assert_int_equal(difference.samples[i].values[0], 2 * (difference.samples[i].pcs[1] / 8));
    rt__profile_release(&difference);
    rt__profile_release(&before);
    rt__profile_release(&after);
}

static void a_difference_with_a_profile_that_failed_has_failed(void **state)
{
    (void)state;
    struct rt__profile before, after, difference;
    rt__profile_begin(&before, &heap_kind);
    rt__profile_begin(&after, &heap_kind);
    add_sample(&after, STACK(MAIN), VALUES(1));
    before.failed = true;
    rt__profile_subtract(&difference, &before, &after);
    assert_true(difference.failed);
    rt__profile_release(&difference);
    rt__profile_release(&before);
    rt__profile_release(&after);
}

static void bytes_grow_with_what_is_added(void **state)
{
    (void)state;
    struct rt__bytes b = {0};
    char long_word[1000];
    memset(long_word, 'w', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = '\0';
    for (int i = 0; i < 100; i++) {
        rt__bytes_add(&b, "ab", 2);
        rt__bytes_addf(&b, "%d%s", i % 10, long_word); /* longer than the first try has room for */
    }
    rt__bytes_add(&b, NULL, 0);
    assert_false(b.failed);
    assert_int_equal(b.len, 100 * (2 + 1 + 999));
    assert_memory_equal(b.data + 99 * 1002, "ab9www", 6);
    rt__bytes_release(&b);
    assert_null(b.data);
}

static void bytes_that_failed_take_nothing_more(void **state)
{
    (void)state;
    struct rt__bytes b = {0};
    rt__bytes_add(&b, "ab", 2);
    assert_null(rt__bytes_room(&b, SIZE_MAX));
    assert_true(b.failed);
    rt__bytes_add(&b, "cd", 2);
    rt__bytes_addf(&b, "%d", 1);
    assert_int_equal(b.len, 2);
    rt__bytes_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_come_back_as_they_were_added_however_many),
        cmocka_unit_test(what_is_kept_is_a_copy_aligned_and_of_any_size),
        cmocka_unit_test(keeping_more_than_there_is_fails_the_profile_and_all_that_follows),
        cmocka_unit_test(buckets_become_samples_with_their_values_rounded),
        cmocka_unit_test(values_that_the_kind_does_not_have_make_no_sample),
        cmocka_unit_test(samples_are_merged_when_stack_labels_and_thread_are_equal),
        cmocka_unit_test(a_difference_holds_what_came_and_what_went_and_nothing_else),
        cmocka_unit_test(a_difference_of_many_samples_finds_each_its_own),
        cmocka_unit_test(a_difference_with_a_profile_that_failed_has_failed),
        cmocka_unit_test(bytes_grow_with_what_is_added),
        cmocka_unit_test(bytes_that_failed_take_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
