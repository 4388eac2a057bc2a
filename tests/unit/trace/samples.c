/* samples.c - the newest samples are read once and whole, and those that a reader missed are counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

#include "runtime/cruntime.h"
#include "runtime/os/os.h"
#include "runtime/profile/profile.h"
#include "runtime/profile/snapshot.h"
#include "runtime/trace/samples.h"
#include "runtime/trace/sites.h"
#include "tests/unit/trace/own_events.h"

/* A sample's stack is one frame: its number; the thread is made of it, too. */
struct seen {
    uint64_t count, first, last;
    unsigned wrong;
};

static pid_t tid_of(uint64_t number)
{
    return (pid_t)(number * 3 % 100000 + 1);
}

static void put(uint64_t number)
{
    uintptr_t pc = 0x1000 + number % 1000;
    rt__trace_sample(tid_of(number), &pc, 1);
}

static void see(uint64_t ticks, pid_t tid, uint32_t stack, void *arg)
{
    struct seen *seen = arg;
    uintptr_t pc;
    (void)ticks;
    if (rt__stack_frames(stack, &pc, 1) != 1) {
        seen->wrong++;
        return;
    }
    uint64_t number = pc - 0x1000;
    while (number < 100000 && tid_of(number) != tid) {
        number += 1000;
    }
    seen->wrong += tid_of(number) != tid;
    seen->first = seen->count == 0 ? number : seen->first;
    seen->wrong += seen->count != 0 && number <= seen->last;
    seen->last = number;
    seen->count++;
}

static void a_sample_before_the_ring_is_there_is_counted(void **state)
{
    (void)state;
    uint64_t cursor = 0, lost = rt__samples_lost();
    struct seen seen = {0, 0, 0, 0};
    put(1);
    assert_int_equal(rt__samples_lost(), lost + 1);
    assert_int_equal(rt__samples_each(&cursor, see, &seen), 0);
    rt__samples_prepare();
    rt__samples_prepare();
    assert_int_equal(rt__samples_each(&cursor, see, &seen), 0);
}

static void each_sample_is_read_once_and_in_order(void **state)
{
    (void)state;
    uint64_t cursor = 0;
    for (uint64_t round = 0; round < 10; round++) {
        struct seen seen = {0, 0, 0, 0};
        for (uint64_t i = 0; i < 100; i++) {
            put(round * 100 + i);
        }
        assert_int_equal(rt__samples_each(&cursor, see, &seen), 100);
        assert_int_equal(seen.count, 100);
        assert_int_equal(seen.first, round * 100);
        assert_int_equal(seen.wrong, 0);
        assert_int_equal(rt__samples_each(&cursor, see, &seen), 0);
    }
}

static void a_reader_that_begins_now_gets_all_that_is_still_there(void **state)
{
    (void)state;
    rt__samples_forget();
    uint64_t cursor = 0, lost = rt__samples_lost();
    struct seen seen = {0, 0, 0, 0};
    for (uint64_t i = 0; i < RT__SAMPLES + 500; i++) {
        put(i);
    }
    assert_int_equal(rt__samples_each(&cursor, see, &seen), RT__SAMPLES);
    assert_int_equal(seen.first, 500);
    assert_int_equal(seen.last, RT__SAMPLES + 499);
    assert_int_equal(seen.wrong, 0);
    assert_int_equal(rt__samples_lost(), lost);
}

static void what_was_overwritten_before_its_reader_came_is_counted(void **state)
{
    (void)state;
    rt__samples_forget();
    uint64_t cursor = 0, lost = rt__samples_lost();
    struct seen seen = {0, 0, 0, 0}, rest = {0, 0, 0, 0};
    rt__samples_each(&cursor, see, &seen);
    for (uint64_t i = 0; i < RT__SAMPLES + 77; i++) {
        put(i);
    }
    assert_int_equal(rt__samples_each(&cursor, see, &rest), RT__SAMPLES);
    assert_int_equal(rest.first, 77);
    assert_int_equal(rest.wrong, 0);
    assert_int_equal(rt__samples_lost(), lost + 77);
}

static void a_sample_without_frames_is_kept_without_a_stack(void **state)
{
    (void)state;
    rt__samples_forget();
    uint64_t cursor = 0;
    struct seen seen = {0, 0, 0, 0};
    rt__trace_sample(1, NULL, 0);
    assert_int_equal(rt__samples_each(&cursor, see, &seen), 1);
    assert_int_equal(seen.wrong, 1); /* as stack 0 has no frames */
}

/* ---- threads ---------------------------------------------------------------------------------- */

#define WRITERS 3
#define EACH 20000u

static unsigned at_work;

/* A thread of its own number, and stacks that go with it. */
static void *put_many(void *arg)
{
    uintptr_t writer = (uintptr_t)arg;
    for (unsigned i = 0; i < EACH; i++) {
        uintptr_t pc = writer * 1000 + i % 100;
        rt__trace_sample((pid_t)writer, &pc, 1);
    }
    __atomic_sub_fetch(&at_work, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void check_writer(uint64_t ticks, pid_t tid, uint32_t stack, void *wrong)
{
    uintptr_t pc = 0;
    (void)ticks;
    rt__stack_frames(stack, &pc, 1);
    *(unsigned *)wrong += (pid_t)(pc / 1000) != tid;
}

static void beside_writers_what_is_read_is_whole_and_the_rest_is_counted(void **state)
{
    (void)state;
    pthread_t threads[WRITERS];
    uint64_t cursor = 0, lost = rt__samples_lost(), delivered = 0;
    unsigned wrong = 0;
    rt__samples_forget();
    rt__samples_each(&cursor, check_writer, &wrong);
    at_work = WRITERS;
    for (uintptr_t i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, (void *)(i + 1)), 0);
    }
    while (__atomic_load_n(&at_work, __ATOMIC_ACQUIRE) != 0) {
        delivered += rt__samples_each(&cursor, check_writer, &wrong);
        sched_yield();
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    delivered += rt__samples_each(&cursor, check_writer, &wrong);
    assert_int_equal(wrong, 0);
    assert_true(delivered >= RT__SAMPLES / 2);
    assert_int_equal(delivered + rt__samples_lost() - lost, WRITERS * EACH);
}

/* ---- with the profiler ------------------------------------------------------------------------ */

#define DEADLINE_NS UINT64_C(20000000000)

struct of_thread {
    pid_t tid;
    uint64_t from_ticks, count, strange;
};

static void count_own(uint64_t ticks, pid_t tid, uint32_t stack, void *arg)
{
    struct of_thread *own = arg;
    uintptr_t pc;
    if (tid == own->tid) {
        own->count++;
        own->strange += ticks < own->from_ticks || ticks > rt__ticks() || rt__stack_frames(stack, &pc, 1) != 1;
    }
}

static void the_cpu_profilers_samples_come_while_something_is_recorded(void **state)
{
    (void)state;
    uint64_t cursor = 0;
    struct of_thread own = {rt__os_tid(), rt__ticks(), 0, 0};
    struct rt__profile profile;
    rt__samples_forget();
    assert_int_equal(rt__cpu_profile_begin(), 0);
    uint64_t from_ns = rt__os_now_ns();
    while (own.count < 5 && rt__os_now_ns() - from_ns < DEADLINE_NS) {
        rt__samples_each(&cursor, count_own, &own);
    }
    record(false);
    rt__samples_each(&cursor, count_own, &own);
    uint64_t in_time = own.count, cpu_ns = rt__os_thread_cpu_ns();
    while (rt__os_thread_cpu_ns() - cpu_ns < 50000000) {
        rt__samples_each(&cursor, count_own, &own);
    }
    record(true);
    assert_int_equal(rt__cpu_profile_end(&profile), 0);
    rt__profile_release(&profile);
    assert_true(in_time >= 5);
    assert_int_equal(own.count, in_time);
    assert_int_equal(own.strange, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_before_the_ring_is_there_is_counted),
        cmocka_unit_test(each_sample_is_read_once_and_in_order),
        cmocka_unit_test(a_reader_that_begins_now_gets_all_that_is_still_there),
        cmocka_unit_test(what_was_overwritten_before_its_reader_came_is_counted),
        cmocka_unit_test(a_sample_without_frames_is_kept_without_a_stack),
        cmocka_unit_test(beside_writers_what_is_read_is_whole_and_the_rest_is_counted),
        cmocka_unit_test(the_cpu_profilers_samples_come_while_something_is_recorded),
    };
    return cmocka_run_group_tests(tests, start_recording, stop_recording);
}
