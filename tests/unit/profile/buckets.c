/* buckets.c - sums by stack and labels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/os/os.h"
#include "runtime/profile/buckets.h"
#include "runtime/profile/labels.h"

static const double one[RT__BUCKET_VALUES] = {1, 10, 0, -1};

static void the_same_stack_under_the_same_labels_is_one_bucket(void **state)
{
    static struct rt__buckets t = RT__BUCKETS_INIT(1 << 20);
    const uintptr_t pcs[] = {1, 2, 3};
    (void)state;
    struct rt__bucket *b = rt__buckets_add(&t, pcs, 3, NULL, one);
    assert_ptr_equal(rt__buckets_add(&t, (const uintptr_t[]){1, 2, 3}, 3, NULL, one), b);
    rt__buckets_add_to(&t, b, one);
    assert_int_equal(t.count, 1);
    assert_true(b->values[0] == 3 && b->values[1] == 30 && b->values[2] == 0 && b->values[3] == -3);
}

static void another_stack_a_longer_one_and_other_labels_are_buckets_of_their_own(void **state)
{
    static struct rt__buckets t = RT__BUCKETS_INIT(1 << 20);
    static const struct rt_labels labels;
    const uintptr_t pcs[] = {1, 2, 3, 4}, other[] = {1, 2, 4};
    (void)state;
    rt__buckets_add(&t, pcs, 3, NULL, one);
    rt__buckets_add(&t, pcs, 4, NULL, one);
    rt__buckets_add(&t, pcs, 0, NULL, one);
    rt__buckets_add(&t, other, 3, NULL, one);
    rt__buckets_add(&t, pcs, 3, &labels, one);
    assert_int_equal(t.count, 5);
}

static void a_copy_has_all_buckets_as_they_are_and_a_clear_leaves_them_at_0(void **state)
{
    static struct rt__buckets t = RT__BUCKETS_INIT(1 << 20);
    struct rt__bucket_copy *copy;
    size_t n;
    (void)state;
    for (uintptr_t i = 1; i <= 1000; i++) {
        rt__buckets_add(&t, &i, 1, NULL, (const double[RT__BUCKET_VALUES]){(double)i});
    }
    assert_int_equal(rt__buckets_copy(&t, &copy, &n), 0);
    assert_int_equal(n, 1000);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(copy[i].values[0] == (double)copy[i].bucket->pcs[0]);
        sum += copy[i].values[0];
    }
    assert_true(sum == 500500);
    rt__buckets_clear(&t);
    assert_true(copy[7].bucket->values[0] == 0);
    free(copy);
}

static void what_does_not_fit_is_counted_and_what_is_there_goes_on(void **state)
{
    enum { MOST = 1 << 17 };
    static struct rt__buckets t = RT__BUCKETS_INIT(MOST);
    uint64_t before = rt__os_mapped(RT__OS_BUCKETS);
    struct rt__bucket *first = NULL;
    unsigned refused = 0;
    (void)state;
    for (uintptr_t i = 1; i <= 10000; i++) {
        struct rt__bucket *b = rt__buckets_add(&t, &i, 1, NULL, one);
        first = first ? first : b;
        refused += b == NULL;
    }
    assert_true(refused > 0 && refused < 10000);
    assert_int_equal(rt__buckets_dropped(&t), refused);
    assert_int_equal(t.count, 10000 - refused);
    assert_true(rt__os_mapped(RT__OS_BUCKETS) - before <= MOST + 4096 * sizeof(void *));
    uintptr_t known = 1;
    assert_ptr_equal(rt__buckets_add(&t, &known, 1, NULL, one), first);
    assert_int_equal(rt__buckets_dropped(&t), refused);
}

static struct rt__buckets shared = RT__BUCKETS_INIT(4 << 20);

static void *add_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < 100000; i++) {
        uintptr_t pc = (uintptr_t)(i % 1000);
        rt__buckets_add(&shared, &pc, 1, NULL, one);
    }
    return NULL;
}

static void threads_that_add_at_once_lose_nothing_and_make_no_bucket_twice(void **state)
{
    pthread_t threads[4];
    struct rt__bucket_copy *copy;
    size_t n;
    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(rt__buckets_copy(&shared, &copy, &n), 0);
    assert_int_equal(n, 1000);
    for (size_t i = 0; i < n; i++) {
        assert_true(copy[i].values[0] == 400);
    }
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_stack_under_the_same_labels_is_one_bucket),
        cmocka_unit_test(another_stack_a_longer_one_and_other_labels_are_buckets_of_their_own),
        cmocka_unit_test(a_copy_has_all_buckets_as_they_are_and_a_clear_leaves_them_at_0),
        cmocka_unit_test(what_does_not_fit_is_counted_and_what_is_there_goes_on),
        cmocka_unit_test(threads_that_add_at_once_lose_nothing_and_make_no_bucket_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
