/* wakes.c - when an object was let go: rarely forgotten, never that of another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

#include "runtime/trace/blocks.h"

#define OBJECTS 65536
static char objects[OBJECTS * 8]; /* only their addresses matter */

static void nothing_is_known_of_what_was_never_let_go(void **state)
{
    (void)state;
    assert_int_equal(rt__wake_find(&objects[0]), 0); /* nor is there a table yet */
    rt__wake_note(&objects[0], 5);
    for (size_t i = 1; i < OBJECTS; i++) {
        assert_int_equal(rt__wake_find(&objects[i * 8]), 0);
    }
}

static void the_newest_note_of_an_object_is_found(void **state)
{
    (void)state;
    rt__wake_note(&objects[64], 100);
    assert_int_equal(rt__wake_find(&objects[64]), 100);
    rt__wake_note(&objects[64], 250);
    assert_int_equal(rt__wake_find(&objects[64]), 250);
}

static void many_objects_are_known_at_once_and_more_push_the_oldest_out(void **state)
{
    (void)state;
    size_t known = 0;
    for (size_t i = 0; i < 100; i++) {
        rt__wake_note(&objects[i * 8], 1000 + i);
    }
    for (size_t i = 0; i < 100; i++) {
        uint64_t ticks = rt__wake_find(&objects[i * 8]);
        assert_true(ticks == 0 || ticks == 1000 + i);
        known += ticks != 0;
    }
    assert_in_range(known, 80, 100);
    for (size_t i = 0; i < OBJECTS; i++) {
        rt__wake_note(&objects[i * 8], 5000 + i);
        assert_int_equal(rt__wake_find(&objects[i * 8]), 5000 + i);
    }
}

/* ---- several threads: an object's ticks are its number, in the upper half ------------------------ */

#define THREADS 3
#define SHARED 4096
#define TURNS 100000

static bool done;
static uint64_t wrong, found;

static uint64_t ticks_of(size_t object, uint64_t turn)
{
    return (uint64_t)(object + 1) << 32 | turn;
}

static void *note(void *unused)
{
    (void)unused;
    for (uint64_t turn = 1; turn <= TURNS; turn++) {
        size_t object = turn * 7 % SHARED;
        rt__wake_note(&objects[object * 8], ticks_of(object, turn));
    }
    return NULL;
}

static void *look(void *unused)
{
    (void)unused;
    for (size_t object = 0; !__atomic_load_n(&done, __ATOMIC_ACQUIRE); object = (object + 5) % SHARED) {
        uint64_t ticks = rt__wake_find(&objects[object * 8]);
        if (ticks >> 32 == object + 1) {
            __atomic_add_fetch(&found, 1, __ATOMIC_RELAXED);
        } else if (ticks >= UINT64_C(1) << 32) { /* below: notes of the tests before */
            __atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
        }
    }
    return NULL;
}

static void threads_never_see_the_time_of_another_object(void **state)
{
    (void)state;
    pthread_t writers[THREADS], readers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, look, NULL), 0);
        assert_int_equal(pthread_create(&writers[i], NULL, note, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(writers[i], NULL);
    }
    note(NULL);
    while (__atomic_load_n(&found, __ATOMIC_RELAXED) == 0) {
        sched_yield();
    }
    __atomic_store_n(&done, true, __ATOMIC_RELEASE);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(readers[i], NULL);
    }
    assert_int_equal(wrong, 0);
}

static void a_wake_is_taken_by_one_asker_and_only_if_it_came_since_then(void **state)
{
    (void)state;
    static int object;
    rt__wake_note(&object, 1000);
    assert_int_equal(rt__wake_take(&object, 1001), 0);
    assert_int_equal(rt__wake_take(&object, 1000), 1000);
    assert_int_equal(rt__wake_take(&object, 1000), 0);
    assert_int_equal(rt__wake_find(&object), 0);
    rt__wake_note(&object, 2000);
    assert_int_equal(rt__wake_take(&object, 1000), 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_of_what_was_never_let_go),
        cmocka_unit_test(the_newest_note_of_an_object_is_found),
        cmocka_unit_test(many_objects_are_known_at_once_and_more_push_the_oldest_out),
        cmocka_unit_test(threads_never_see_the_time_of_another_object),
        cmocka_unit_test(a_wake_is_taken_by_one_asker_and_only_if_it_came_since_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
