/* stacks.c - equal stacks have one id, and an id gives its stack back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "runtime/trace/event.h"
#include "runtime/trace/sites.h"
#include "runtime/unwind/unwind.h"

/* A stack that no other number has. */
static size_t make_stack(uintptr_t pcs[RT__STACK_MAX], uint32_t number)
{
    size_t depth = 1 + number % RT__STACK_MAX;
    for (size_t i = 0; i < depth; i++) {
        pcs[i] = 0x400000 + i * 16;
    }
    pcs[depth - 1] = 0x700000 + (uintptr_t)number * 16;
    return depth;
}

static void assert_is_stack(uint32_t id, uint32_t number)
{
    uintptr_t want[RT__STACK_MAX], got[RT__STACK_MAX];
    size_t depth = make_stack(want, number);
    assert_int_equal(rt__stack_frames(id, got, RT__STACK_MAX), depth);
    assert_memory_equal(got, want, depth * sizeof(*want));
}

static uint32_t id_of(uint32_t number)
{
    uintptr_t pcs[RT__STACK_MAX];
    size_t depth = make_stack(pcs, number);
    return rt__stack_id(pcs, depth);
}

static void equal_stacks_have_one_id_and_others_another(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        uint32_t id = id_of(i);
        assert_in_range(id, 1, RT__EVENT_ARG_MOST);
        assert_int_equal(id_of(i), id);
        assert_is_stack(id, i);
        assert_true(i == 0 || id != id_of(i - 1));
    }
}

static void a_stack_is_not_the_one_that_it_begins_with(void **state)
{
    (void)state;
    const uintptr_t pcs[] = {1, 2, 3};
    uint32_t two = rt__stack_id(pcs, 2), three = rt__stack_id(pcs, 3);
    uintptr_t got[3];
    assert_int_not_equal(two, three);
    assert_int_equal(rt__stack_frames(two, got, 3), 2);
    assert_int_equal(rt__stack_frames(three, got, 3), 3);
}

static void no_more_frames_are_given_than_asked_for(void **state)
{
    (void)state;
    const uintptr_t pcs[] = {11, 12, 13};
    uintptr_t got[3] = {0, 0, 99};
    assert_int_equal(rt__stack_frames(rt__stack_id(pcs, 3), got, 2), 2);
    assert_int_equal(got[1], 12);
    assert_int_equal(got[2], 99);
}

static void no_frames_are_id_0_and_id_0_has_none(void **state)
{
    (void)state;
    uintptr_t pc = 1;
    uint64_t lost = rt__stacks_lost();
    assert_int_equal(rt__stack_id(&pc, 0), 0);
    assert_int_equal(rt__stacks_lost(), lost);
    assert_int_equal(rt__stack_frames(0, &pc, 1), 0);
    assert_int_equal(rt__stack_frames(RT__EVENT_ARG_MOST, &pc, 1), 0);
}

static void a_stack_deeper_than_any_is_kept_as_far_as_stacks_go(void **state)
{
    (void)state;
    uintptr_t pcs[RT__STACK_MAX + 10], got[RT__STACK_MAX + 10];
    for (size_t i = 0; i < RT__STACK_MAX + 10; i++) {
        pcs[i] = 0x900000 + i;
    }
    uint32_t id = rt__stack_id(pcs, RT__STACK_MAX + 10);
    assert_int_equal(id, rt__stack_id(pcs, RT__STACK_MAX));
    assert_int_equal(rt__stack_frames(id, got, RT__STACK_MAX + 10), RT__STACK_MAX);
}

/* ---- threads, and a handler that breaks in ------------------------------------------------------ */

#define THREADS 3
#define SHARED 4000
#define FIRST_SHARED 1000

static uint32_t ids[THREADS][SHARED];
static bool is_interrupting;
static uint32_t in_handler;

static void *keep_stacks(void *arg)
{
    uint32_t *mine = arg;
    for (uint32_t i = 0; i < SHARED; i++) {
        mine[i] = id_of(FIRST_SHARED + i);
    }
    return NULL;
}

static void on_signal(int signal)
{
    (void)signal;
    uint32_t number = FIRST_SHARED + __atomic_fetch_add(&in_handler, 7, __ATOMIC_RELAXED) % SHARED;
    if (id_of(number) == 0) {
        __atomic_store_n(&is_interrupting, false, __ATOMIC_RELAXED);
    }
}

static void *interrupt(void *arg)
{
    const pthread_t *threads = arg;
    while (__atomic_load_n(&is_interrupting, __ATOMIC_RELAXED)) {
        pthread_kill(threads[0], SIGUSR1);
        sched_yield();
    }
    return NULL;
}

static void threads_and_signal_handlers_that_keep_the_same_at_once_agree(void **state)
{
    (void)state;
    pthread_t threads[THREADS], interrupter, self = pthread_self();
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    is_interrupting = true;
    assert_int_equal(pthread_create(&interrupter, NULL, interrupt, &self), 0);
    for (int i = 1; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, keep_stacks, ids[i]), 0);
    }
    keep_stacks(ids[0]);
    for (int i = 1; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(__atomic_exchange_n(&is_interrupting, false, __ATOMIC_RELAXED));
    pthread_join(interrupter, NULL);
    for (uint32_t i = 0; i < SHARED; i++) {
        assert_is_stack(ids[0][i], FIRST_SHARED + i);
        for (int other = 1; other < THREADS; other++) {
            assert_int_equal(ids[other][i], ids[0][i]);
        }
    }
}

/* ---- the bound; the last test, as the table stays full ------------------------------------------ */

static void what_does_not_fit_has_id_0_and_is_counted(void **state)
{
    (void)state;
    uint32_t first = id_of(0), number = 100000, most = 200000;
    assert_int_equal(rt__stacks_lost(), 0);
    while (number < most && id_of(number) != 0) {
        number++;
    }
    assert_in_range(number - 100000, 2000, 20000); /* half as deep as can be, on average */
    assert_int_equal(rt__stacks_lost(), 1);
    assert_int_equal(id_of(most + RT__STACK_MAX - 1), 0);
    assert_int_equal(rt__stacks_lost(), 2);
    assert_int_equal(id_of(0), first);
    assert_is_stack(id_of(number - 1), number - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_stacks_have_one_id_and_others_another),
        cmocka_unit_test(a_stack_is_not_the_one_that_it_begins_with),
        cmocka_unit_test(no_more_frames_are_given_than_asked_for),
        cmocka_unit_test(no_frames_are_id_0_and_id_0_has_none),
        cmocka_unit_test(a_stack_deeper_than_any_is_kept_as_far_as_stacks_go),
        cmocka_unit_test(threads_and_signal_handlers_that_keep_the_same_at_once_agree),
        cmocka_unit_test(what_does_not_fit_has_id_0_and_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
