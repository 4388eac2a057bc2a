/* waiters.c - a waiter's time goes to whoever held the mutex meanwhile, slice by slice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

#include "runtime/profile/waiters.h"

static char mutexes[1 << 16] __attribute__((aligned(64))); /* only their addresses matter */

static void nobody_waits_before_the_table_is_there(void **state)
{
    (void)state;
    uint64_t dropped = rt__waiters_dropped();
    struct rt__waiter *w = rt__waiters_enter(&mutexes[0], 10);
    assert_null(w);
    rt__waiters_leave(w, &mutexes[0]);
    assert_int_equal(rt__waiters_dropped(), dropped + 1);
    assert_int_equal(rt__waiters_near(&mutexes[0]), 0);
    assert_int_equal(rt__waiters_release(&mutexes[0], 20), 0);
    rt__waiters_start();
}

static void each_release_gets_the_time_since_the_one_before_of_all_who_waited(void **state)
{
    (void)state;
    const void *m = &mutexes[64];
    struct rt__waiter *first = rt__waiters_enter(m, 100);
    struct rt__waiter *second = rt__waiters_enter(m, 150);
    assert_int_equal(rt__waiters_near(m), 2);
    assert_int_equal(rt__waiters_release(m, 200), 100 + 50);
    rt__waiters_leave(first, m);
    assert_int_equal(rt__waiters_release(m, 260), 60);
    rt__waiters_leave(second, m);
    assert_int_equal(rt__waiters_near(m), 0);
    assert_int_equal(rt__waiters_release(m, 300), 0);
}

static void waiters_for_one_mutex_are_not_charged_to_another(void **state)
{
    (void)state;
    const void *m = &mutexes[0];
    struct rt__waiter *w = rt__waiters_enter(m, 1000);
    for (size_t i = 8; i < sizeof(mutexes); i += 8) { /* some share its part of the table */
        assert_int_equal(rt__waiters_release(&mutexes[i], 2000), 0);
    }
    assert_int_equal(rt__waiters_release(m, 2000), 1000);
    rt__waiters_leave(w, m);
}

static void a_clock_that_stands_still_charges_nothing(void **state)
{
    (void)state;
    struct rt__waiter *w = rt__waiters_enter(&mutexes[8], 500);
    assert_int_equal(rt__waiters_release(&mutexes[8], 500), 0);
    assert_int_equal(rt__waiters_release(&mutexes[8], 499), 0);
    assert_int_equal(rt__waiters_release(&mutexes[8], 501), 1);
    rt__waiters_leave(w, &mutexes[8]);
}

#define CROWD 200

static void a_crowd_that_does_not_fit_is_counted_and_the_places_come_back(void **state)
{
    (void)state;
    const void *m = &mutexes[16];
    struct rt__waiter *w[CROWD];
    for (int round = 0; round < 2; round++) {
        uint64_t dropped = rt__waiters_dropped();
        uint64_t fitted = 0;
        for (int i = 0; i < CROWD; i++) {
            w[i] = rt__waiters_enter(m, 100);
            fitted += w[i] != NULL;
        }
        assert_in_range(fitted, 64, CROWD - 1);
        assert_int_equal(rt__waiters_dropped() - dropped, CROWD - fitted);
        assert_int_equal(rt__waiters_release(m, 110), 10 * fitted);
        for (int i = 0; i < CROWD; i++) {
            rt__waiters_leave(w[i], m);
        }
        assert_int_equal(rt__waiters_near(m), 0);
    }
}

static void after_forgetting_nobody_waits_and_there_is_room_again(void **state)
{
    (void)state;
    const void *m = &mutexes[24];
    for (int i = 0; i < CROWD; i++) {
        rt__waiters_enter(m, 100);
    }
    rt__waiters_forget();
    assert_int_equal(rt__waiters_near(m), 0);
    assert_int_equal(rt__waiters_release(m, 200), 0);
    struct rt__waiter *w = rt__waiters_enter(m, 100);
    assert_non_null(w);
    assert_int_equal(rt__waiters_release(m, 200), 100);
    rt__waiters_leave(w, m);
}

/* ---- with real threads: time is a counter that the holder moves ---- */

#define WAITERS 3
#define TURNS 20000
#define TURNS_MAX 200000000 /* on a busy machine the waiters may get no turn for long */

static uint64_t clock_now;
static bool done;
static uint64_t waited[WAITERS];

/* Comes and goes as it likes, as one whose time runs out does. */
static void *come_and_go(void *arg)
{
    uint64_t *sum = arg;
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        uint64_t from = __atomic_load_n(&clock_now, __ATOMIC_RELAXED);
        struct rt__waiter *w = rt__waiters_enter(&mutexes[32], from);
        sched_yield();
        rt__waiters_leave(w, &mutexes[32]);
        *sum += __atomic_load_n(&clock_now, __ATOMIC_RELAXED) - from;
    }
    return NULL;
}

static void no_more_is_charged_than_was_waited_while_waiters_come_and_go(void **state)
{
    (void)state;
    pthread_t threads[WAITERS];
    uint64_t charged = 0, total = 0;
    for (int i = 0; i < WAITERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &waited[i]), 0);
    }
    for (uint64_t t = 1; t <= TURNS || (charged == 0 && t <= TURNS_MAX); t++) {
        __atomic_store_n(&clock_now, t, __ATOMIC_RELAXED);
        charged += rt__waiters_release(&mutexes[32], t);
        if (t % 16 == 0) {
            sched_yield();
        }
    }
    __atomic_store_n(&done, true, __ATOMIC_RELEASE);
    for (int i = 0; i < WAITERS; i++) {
        pthread_join(threads[i], NULL);
        total += waited[i];
    }
    assert_true(charged > 0);
    assert_true(charged <= total);
    assert_int_equal(rt__waiters_near(&mutexes[32]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_before_the_table_is_there),
        cmocka_unit_test(each_release_gets_the_time_since_the_one_before_of_all_who_waited),
        cmocka_unit_test(waiters_for_one_mutex_are_not_charged_to_another),
        cmocka_unit_test(a_clock_that_stands_still_charges_nothing),
        cmocka_unit_test(a_crowd_that_does_not_fit_is_counted_and_the_places_come_back),
        cmocka_unit_test(after_forgetting_nobody_waits_and_there_is_room_again),
        cmocka_unit_test(no_more_is_charged_than_was_waited_while_waiters_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
