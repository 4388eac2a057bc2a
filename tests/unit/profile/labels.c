/* labels.c - sets of labels, and the one that a thread works under. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/cruntime.h"
#include "runtime/profile/labels.h"

static void equal_pairs_are_one_set_and_others_are_not(void **state)
{
    char key[] = "route";
    const char *const rooms[] = {"route", "GET /rooms"};
    const char *const again[] = {key, "GET /rooms"};
    const char *const bookings[] = {"route", "POST /bookings"};
    const char *const more[] = {"route", "GET /rooms", "user", "seed"};
    (void)state;
    const struct rt_labels *set = rt_labels_new(rooms, 1);
    assert_non_null(set);
    assert_ptr_equal(rt_labels_new(again, 1), set);
    assert_ptr_not_equal(rt_labels_new(bookings, 1), set);
    assert_ptr_not_equal(rt_labels_new(more, 2), set);
}

static void a_set_keeps_its_own_copy_of_the_strings(void **state)
{
    char value[] = "before";
    const char *const pairs[] = {"k", value};
    (void)state;
    const struct rt_labels *set = rt_labels_new(pairs, 1);
    strcpy(value, "after!");
    assert_int_equal(set->n, 1);
    assert_string_equal(set->pairs[0].key, "k");
    assert_string_equal(set->pairs[0].value, "before");
}

static void no_pairs_too_many_and_strings_that_are_too_long_make_no_set(void **state)
{
    char longest[257];
    const char *pairs[34];
    (void)state;
    memset(longest, 'x', 256);
    longest[256] = '\0';
    pairs[0] = "k";
    pairs[1] = longest;
    assert_null(rt_labels_new(pairs, 0));
    assert_null(rt_labels_new(pairs, 1));
    longest[255] = '\0';
    assert_non_null(rt_labels_new(pairs, 1));
    for (int i = 0; i < 34; i++) {
        pairs[i] = longest;
    }
    assert_non_null(rt_labels_new(pairs, 16));
    assert_null(rt_labels_new(pairs, 17));
}

static void *labels_of_a_new_thread(void *unused)
{
    (void)unused;
    return (void *)rt__labels_now;
}

static void a_thread_has_its_own_set_and_gets_the_old_one_back(void **state)
{
    const char *const pairs[] = {"a", "b"};
    const struct rt_labels *set = rt_labels_new(pairs, 1);
    pthread_t thread;
    void *seen = &thread;
    (void)state;
    assert_null(rt_labels_set(set));
    assert_ptr_equal(rt__labels_now, set);
    assert_int_equal(pthread_create(&thread, NULL, labels_of_a_new_thread, NULL), 0);
    pthread_join(thread, &seen);
    assert_null(seen);
    assert_ptr_equal(rt_labels_set(NULL), set);
}

/* The last test: it takes all the sets that there are. */
static void when_there_are_4096_sets_there_is_no_other_and_the_old_ones_are_found(void **state)
{
    char value[16];
    const char *const pairs[] = {"n", value};
    const struct rt_labels *first = NULL;
    unsigned made = 0;
    (void)state;
    for (int i = 0; i < 5000; i++) {
        snprintf(value, sizeof(value), "%d", i);
        const struct rt_labels *set = rt_labels_new(pairs, 1);
        first = first ? first : set;
        made += set != NULL;
    }
    assert_in_range(made, 4000, 4096);
    strcpy(value, "0");
    assert_ptr_equal(rt_labels_new(pairs, 1), first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_pairs_are_one_set_and_others_are_not),
        cmocka_unit_test(a_set_keeps_its_own_copy_of_the_strings),
        cmocka_unit_test(no_pairs_too_many_and_strings_that_are_too_long_make_no_set),
        cmocka_unit_test(a_thread_has_its_own_set_and_gets_the_old_one_back),
        cmocka_unit_test(when_there_are_4096_sets_there_is_no_other_and_the_old_ones_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
