/* sizes.c - the size classes are mimalloc's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "runtime/heap/account.h"
#include "runtime/heap/sizes.h"

#ifndef RT_SANITIZE
#include <mimalloc.h>

static void every_size_up_to_128_KiB_gets_the_block_that_mimalloc_gives_it(void **state)
{
    (void)state;
    for (size_t n = 1; n <= RT__LARGE_MAX; n++) {
        assert_int_equal(rt__class_size(rt__class_of_size(n)), mi_good_size(n));
    }
}
#endif

static void the_table_agrees_with_the_arithmetic(void **state)
{
    (void)state;
    for (size_t n = 0; n <= RT__SMALL_MAX; n++) {
        assert_int_equal(rt__class_of_words[(n + 7) >> 3], rt__class_of_size(n));
    }
}

static void a_class_holds_its_own_size_and_the_next_byte_is_the_next_class(void **state)
{
    (void)state;
    for (unsigned c = 1; c < RT__CLASS_LAST; c++) {
        assert_int_equal(rt__class_of_block(rt__class_size(c)), c);
        assert_int_equal(rt__class_of_block(rt__class_size(c) + 1), c + 1);
    }
}

static void what_no_class_holds_is_tallied_as_huge(void **state)
{
    (void)state;
    assert_int_equal(rt__class_of_block(RT__LARGE_MAX), RT__CLASS_LAST);
    assert_int_equal(rt__class_of_block(RT__LARGE_MAX + 1), RT__CLASS_HUGE);
    assert_int_equal(rt__class_of_block((size_t)5 << 30), RT__CLASS_HUGE);
}

static void MemStats_shows_the_classes_in_ascending_order_after_an_empty_one(void **state)
{
    (void)state;
    assert_int_equal(rt__account_class_size(0), 0);
    assert_int_equal(rt__account_class_size(1), 8);
    for (unsigned c = 2; c <= RT__CLASS_LAST; c++) {
        assert_true(rt__account_class_size(c) > rt__account_class_size(c - 1));
    }
    for (unsigned c = RT__CLASS_LAST + 1; c < RT__CLASSES; c++) {
        assert_int_equal(rt__account_class_size(c), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifndef RT_SANITIZE
        cmocka_unit_test(every_size_up_to_128_KiB_gets_the_block_that_mimalloc_gives_it),
#endif
        cmocka_unit_test(the_table_agrees_with_the_arithmetic),
        cmocka_unit_test(a_class_holds_its_own_size_and_the_next_byte_is_the_next_class),
        cmocka_unit_test(what_no_class_holds_is_tallied_as_huge),
        cmocka_unit_test(MemStats_shows_the_classes_in_ascending_order_after_an_empty_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
