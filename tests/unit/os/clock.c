/* The clocks: what moves, what stands still, and that program start is one moment for everybody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "runtime/os/os.h"

#define MS 1000000ull

static uint64_t started_before_main;

__attribute__((constructor)) static void ask_before_main(void)
{
    started_before_main = rt__os_start_ns();
}

static void sleep_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

static void burn_cpu_ms(uint64_t ms)
{
    uint64_t end = rt__os_thread_cpu_ns() + ms * MS;

    while (rt__os_thread_cpu_ns() < end)
        ;
}

static void monotonic_time_moves_while_asleep_and_cpu_time_hardly(void **state)
{
    (void)state;
    uint64_t now = rt__os_now_ns(), cpu = rt__os_thread_cpu_ns();

    sleep_ms(50);
    uint64_t slept_ns = rt__os_now_ns() - now, used_ns = rt__os_thread_cpu_ns() - cpu;
    assert_in_range(slept_ns, 50 * MS, 60000 * MS);
    /* waking up costs some microseconds; half of the sleep would mean the wrong clock */
    assert_true(used_ns < 25 * MS);
}

static void wall_clock_is_the_one_of_time(void **state)
{
    (void)state;
    uint64_t before_s = (uint64_t)time(NULL);
    uint64_t unix_s = rt__os_unix_ns() / 1000000000u;
    uint64_t after_s = (uint64_t)time(NULL);

    /* time() reads a coarser clock that may lag by a tick */
    assert_in_range(unix_s, before_s, after_s + 1);
}

static void start_is_fixed_before_main_and_stays(void **state)
{
    (void)state;
    assert_true(started_before_main != 0);
    sleep_ms(2);
    assert_true(rt__os_start_ns() == started_before_main);
    assert_true(started_before_main <= rt__os_now_ns());
}

struct worker {
    _Atomic pid_t tid;
    _Atomic int leave;
};

static void *work_then_wait(void *arg)
{
    struct worker *w = arg;

    burn_cpu_ms(30);
    atomic_store(&w->tid, rt__os_tid());
    while (!atomic_load(&w->leave))
        sleep_ms(1);
    return NULL;
}

static void cpu_time_of_another_thread_is_seen_from_here(void **state)
{
    (void)state;
    struct worker w = {0};
    pthread_t thread;
    uint64_t own = rt__os_thread_cpu_ns();

    assert_int_equal(pthread_create(&thread, NULL, work_then_wait, &w), 0);
    while (atomic_load(&w.tid) == 0)
        sleep_ms(1);
    assert_in_range(rt__os_thread_cpu_of_ns(atomic_load(&w.tid)), 30 * MS, 60000 * MS);
    /* the worker's 30 ms are not in ours */
    assert_true(rt__os_thread_cpu_ns() - own < 25 * MS);
    atomic_store(&w.leave, 1);
    pthread_join(thread, NULL);
    /* join returns when the kernel has cleared the id, shortly before the thread is unhashed */
    for (int i = 0; i < 2000 && rt__os_thread_cpu_of_ns(w.tid) != 0; i++)
        sleep_ms(1);
    assert_true(rt__os_thread_cpu_of_ns(w.tid) == 0);
}

static void id_zero_and_negative_ids_are_nobody(void **state)
{
    (void)state;
    burn_cpu_ms(1);
    assert_true(rt__os_thread_cpu_of_ns(rt__os_tid()) != 0);
    assert_true(rt__os_thread_cpu_of_ns(0) == 0);
    assert_true(rt__os_thread_cpu_of_ns(-1) == 0);
}

/* As a time is that another thread took after this one read the clock. */
static void no_time_has_passed_since_what_is_yet_to_come(void **state)
{
    (void)state;
    assert_int_equal(rt__os_elapsed(3, 10), 7);
    assert_int_equal(rt__os_elapsed(10, 10), 0);
    assert_int_equal(rt__os_elapsed(11, 10), 0);
    assert_int_equal(rt__os_elapsed(0, UINT64_MAX), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(monotonic_time_moves_while_asleep_and_cpu_time_hardly),
        cmocka_unit_test(wall_clock_is_the_one_of_time),
        cmocka_unit_test(start_is_fixed_before_main_and_stays),
        cmocka_unit_test(no_time_has_passed_since_what_is_yet_to_come),
        cmocka_unit_test(cpu_time_of_another_thread_is_seen_from_here),
        cmocka_unit_test(id_zero_and_negative_ids_are_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
