/* ids.c - numbers for things by their content. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "runtime/profile/ids.h"

static unsigned compared;

static bool same_number(const void *things, uint32_t id, const void *key)
{
    compared++;
    return ((const uint64_t *)things)[id] == *(const uint64_t *)key;
}

static void each_of_many_things_is_found_by_its_content(void **state)
{
    (void)state;
    enum { N = 100000 };
    uint64_t *things = malloc(N * sizeof *things);
    struct rt__ids ids = {0};
    for (uint32_t i = 0; i < N; i++) {
        things[i] = (uint64_t)i << 32;
        uint64_t hash = rt__hash(0, &things[i], sizeof things[i]);
        assert_int_equal(rt__ids_find(&ids, hash, same_number, things, &things[i]), RT__IDS_NONE);
        assert_true(rt__ids_add(&ids, hash, i));
    }
    compared = 0;
    for (uint32_t i = 0; i < N; i++) {
        uint64_t hash = rt__hash(0, &things[i], sizeof things[i]);
        assert_int_equal(rt__ids_find(&ids, hash, same_number, things, &things[i]), i);
    }
    assert_true(compared < N + N / 100); /* no more than the things themselves, nearly: hashes differ */
    rt__ids_release(&ids);
    free(things);
}

static void things_with_one_hash_are_told_apart(void **state)
{
    (void)state;
    const uint64_t things[] = {10, 20, 30}, other = 40;
    struct rt__ids ids = {0};
    for (uint32_t i = 0; i < 3; i++)
        assert_true(rt__ids_add(&ids, 7, i));
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(rt__ids_find(&ids, 7, same_number, things, &things[i]), i);
    assert_int_equal(rt__ids_find(&ids, 7, same_number, things, &other), RT__IDS_NONE);
    rt__ids_release(&ids);
}

static void a_hash_knows_length_content_and_seed(void **state)
{
    (void)state;
    assert_int_equal(rt__hash(1, "abcdefghij", 10), rt__hash(1, "abcdefghij", 10));
    assert_true(rt__hash(1, "abcdefghij", 10) != rt__hash(2, "abcdefghij", 10));
    assert_true(rt__hash(1, "abcdefghij", 10) != rt__hash(1, "abcdefghik", 10));
    assert_true(rt__hash(1, "a\0", 1) != rt__hash(1, "a\0", 2));
    assert_true(rt__hash_text(1, NULL) != rt__hash_text(1, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_of_many_things_is_found_by_its_content),
        cmocka_unit_test(things_with_one_hash_are_told_apart),
        cmocka_unit_test(a_hash_knows_length_content_and_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
