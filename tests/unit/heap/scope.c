/* scope.c - what is allocated in a scope lives until it ends, and dies with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/cruntime.h"

#define OBJECTS 1000 /* the head's slots and many overflow blocks */

static uint64_t live_objects(void)
{
    struct rt_memstats ms;
    rt_gc();
    rt_gc();
    rt_read_memstats(&ms);
    return ms.HeapObjects;
}

static __attribute__((noinline)) struct rt_scope *filled(unsigned char pattern)
{
    struct rt_scope *s = rt_scope_begin();
    for (int i = 0; i < OBJECTS; i++) {
        memset(rt_scope_alloc(s, 100), pattern, 100);
    }
    return s;
}

static void a_scope_of_a_thousand_objects_survives_cycles_and_its_end_frees_them(void **state)
{
    (void)state;
    uint64_t before = live_objects();
    struct rt_scope *s = filled(0x5a);
    assert_true(live_objects() >= before + OBJECTS);
    rt_scope_end(s);
    /* Conservative: a stale register or free-list entry may hold a few. */
    assert_true(live_objects() < before + OBJECTS / 10);
}

static void an_object_that_grows_keeps_its_bytes_and_its_place_in_the_scope(void **state)
{
    (void)state;
    struct rt_scope *s = rt_scope_begin();
    char *text = rt_scope_strdup(s, "0123456789");
    for (size_t size = 11; size < 100000; size *= 3) {
        text = rt_scope_realloc(s, text, size);
        rt_gc();
        assert_memory_equal(text, "0123456789", 11);
    }
    rt_scope_end(s);
}

static void memory_of_a_scope_is_zeroed_whatever_was_there_before(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct rt_scope *s = filled(0xff);
        rt_scope_end(s);
        s = rt_scope_begin();
        const unsigned char *p = rt_scope_alloc(s, 100);
        for (int i = 0; i < 100; i++) {
            assert_int_equal(p[i], 0);
        }
        rt_scope_end(s);
    }
}

static void an_object_freed_early_is_not_freed_again_at_the_end(void **state)
{
    (void)state;
    struct rt_scope *s = rt_scope_begin();
    void *first = rt_scope_alloc(s, 64), *second = rt_scope_alloc(s, 64);
    rt_scope_free(s, first);
    rt_scope_free(s, first);
    rt_scope_free(s, NULL);
    memset(second, 1, 64);
    rt_scope_end(s);
    struct rt_memstats ms;
    rt_read_memstats(&ms);
    assert_true(ms.Frees <= ms.Mallocs);
}

static void an_adopted_object_lives_as_long_as_the_scope(void **state)
{
    (void)state;
    struct rt_scope *s = rt_scope_begin();
    char *text = rt_strdup("adopted");
    rt_scope_adopt(s, text);
    rt_gc();
    assert_string_equal(text, "adopted");
    rt_scope_end(s);
}

static void beginning_a_scope_after_one_ended_allocates_nothing(void **state)
{
    (void)state;
    struct rt_memstats before, after;
    rt_scope_end(rt_scope_begin());
    rt_read_memstats(&before);
    for (int i = 0; i < 100; i++) {
        rt_scope_end(rt_scope_begin());
    }
    rt_read_memstats(&after);
    assert_int_equal(after.Mallocs, before.Mallocs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scope_of_a_thousand_objects_survives_cycles_and_its_end_frees_them),
        cmocka_unit_test(an_object_that_grows_keeps_its_bytes_and_its_place_in_the_scope),
        cmocka_unit_test(memory_of_a_scope_is_zeroed_whatever_was_there_before),
        cmocka_unit_test(an_object_freed_early_is_not_freed_again_at_the_end),
        cmocka_unit_test(an_adopted_object_lives_as_long_as_the_scope),
        cmocka_unit_test(beginning_a_scope_after_one_ended_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
