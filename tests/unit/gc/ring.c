/* The ring: what comes back, what is forgotten, and that a reader never sees half a record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/cruntime.h"
#include "runtime/gc/ring.h"
#include "runtime/os/os.h"

/* Ring and counter are the process's, so the tests run in order and go on counting. */
static uint64_t last_number;
static struct rt_cycle out[RT__RING_CYCLES + 10];

static uint64_t mapped_before; /* what the collector had for other uses when the program began */

static uint64_t ring_bytes(void)
{
    return rt__os_mapped(RT__OS_GC) - mapped_before;
}

/* Every field follows from the number, so that a record made of two shows. */
static struct rt_cycle cycle_of(uint64_t n)
{
    struct rt_cycle c;
    uint64_t mixed = n * UINT64_C(0x9e3779b97f4a7c15) >> 17; /* 47 bits */

    memset(&c, 0, sizeof c); /* the padding too: cycles are compared as bytes */
    c.number = n;
    c.start_ns = ~n;
    c.end_unix_ns = n << 20;
    c.stop_ns = mixed;
    c.concurrent_ns = mixed + 1;
    c.pause_mark_ns = mixed + 2;
    c.sweep_ns = mixed + 3;
    c.stop_cpu_ns = mixed + 4;
    c.assist_cpu_ns = mixed + 5;
    c.background_cpu_ns = mixed + 6;
    c.idle_cpu_ns = mixed + 7;
    c.heap_start_bytes = mixed + 8;
    c.heap_end_bytes = mixed + 9;
    c.heap_live_bytes = mixed + 10;
    c.goal_bytes = mixed + 11;
    c.stacks_bytes = mixed + 12;
    c.globals_bytes = mixed + 13;
    c.procs = (uint32_t)mixed;
    c.gc_cpu_permille = (uint32_t)(mixed % 1001);
    c.forced = n % 2 == 0;
    c.trim = n % 3 == 0;
    return c;
}

static void add_cycles(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct rt_cycle c = cycle_of(++last_number);
        rt__ring_add(&c);
    }
}

/* n whole records in a row that ends with `last`. */
static void assert_row(const struct rt_cycle *row, size_t n, uint64_t last)
{
    for (size_t i = 0; i < n; i++) {
        struct rt_cycle expected = cycle_of(last - n + 1 + i);
        assert_memory_equal(&row[i], &expected, sizeof expected);
    }
}

static void a_program_that_never_collected_has_no_cycles_and_pays_nothing(void **state)
{
    (void)state;
    mapped_before = rt__os_mapped(RT__OS_GC);
    assert_int_equal(rt__ring_read(out, 10), 0);
    assert_int_equal(rt__ring_read(NULL, 0), 0);
    assert_int_equal(ring_bytes(), 0);
}

static void the_newest_come_back_oldest_first(void **state)
{
    (void)state;
    add_cycles(5);
    assert_int_equal(rt__ring_read(out, 10), 5);
    assert_row(out, 5, 5);
    assert_int_equal(rt__ring_read(out, 2), 2);
    assert_row(out, 2, 5);
    assert_int_equal(rt__ring_read(NULL, 0), 0);
}

static void memory_comes_in_steps(void **state)
{
    (void)state;
    uint64_t first = ring_bytes();

    assert_in_range(first, 1, 64 << 10);
    add_cycles(RT__RING_CYCLES / 2);
    uint64_t half = ring_bytes();
    assert_true(half > first);
    add_cycles(RT__RING_CYCLES);
    uint64_t full = ring_bytes();
    /* 128 bytes a cycle is the budget */
    assert_in_range(full, half + 1, RT__RING_CYCLES * 128);
    add_cycles(2 * RT__RING_CYCLES);
    assert_int_equal(ring_bytes(), full);
}

static void exactly_4096_are_kept_at_every_point_of_the_ring(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        add_cycles(i < 10 ? 1 : 500);
        assert_int_equal(rt__ring_read(out, RT__RING_CYCLES + 10), RT__RING_CYCLES);
        assert_row(out, RT__RING_CYCLES, last_number);
        assert_int_equal(rt__ring_read(out, 600), 600);
        assert_row(out, 600, last_number);
    }
}

static void no_goal_and_the_largest_numbers_survive_packing(void **state)
{
    (void)state;
    struct rt_cycle c = cycle_of(++last_number);

    c.number = UINT64_MAX;
    c.start_ns = UINT64_MAX;
    c.end_unix_ns = UINT64_MAX;
    c.goal_bytes = UINT64_MAX;
    c.heap_live_bytes = (UINT64_C(1) << 48) - 2;
    c.procs = UINT32_MAX;
    c.gc_cpu_permille = 1000;
    c.forced = c.trim = true;
    rt__ring_add(&c);
    assert_int_equal(rt__ring_read(out, 1), 1);
    assert_memory_equal(&out[0], &c, sizeof c);
}

#define READERS 2

struct reader {
    pthread_t thread;
    _Atomic uint64_t reads;
    uint64_t records, wrong;
    struct rt_cycle copy[RT__RING_CYCLES];
};

static _Atomic int writer_done;

static void *read_all_the_time(void *arg)
{
    struct reader *r = arg;

    while (!atomic_load(&writer_done)) {
        size_t n = rt__ring_read(r->copy, RT__RING_CYCLES);
        for (size_t i = 0; i < n; i++) {
            struct rt_cycle expected = cycle_of(r->copy[0].number + i);
            if (memcmp(&r->copy[i], &expected, sizeof expected) != 0)
                r->wrong++;
        }
        r->records += n;
        atomic_fetch_add(&r->reads, 1);
    }
    return NULL;
}

static uint64_t monotonic_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The writer runs as fast as it can, which no collector does, and laps the readers on purpose;
 * until each has read 200 times, or for 20 s on a slow machine. */
static void readers_never_see_a_torn_record_while_a_writer_runs(void **state)
{
    (void)state;
    static struct reader readers[READERS];
    uint64_t deadline_ms = monotonic_ms() + 20000;

    /* the odd record of the last test must be out of sight */
    last_number = 1u << 30;
    add_cycles(RT__RING_CYCLES);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_all_the_time, &readers[i]), 0);
    do
        add_cycles(1000);
    while (monotonic_ms() < deadline_ms &&
           (atomic_load(&readers[0].reads) < 200 || atomic_load(&readers[1].reads) < 200));
    atomic_store(&writer_done, 1);
    for (int i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].wrong, 0);
        assert_true(readers[i].reads > 0);
        assert_true(readers[i].records > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_that_never_collected_has_no_cycles_and_pays_nothing),
        cmocka_unit_test(the_newest_come_back_oldest_first),
        cmocka_unit_test(memory_comes_in_steps),
        cmocka_unit_test(exactly_4096_are_kept_at_every_point_of_the_ring),
        cmocka_unit_test(no_goal_and_the_largest_numbers_survive_packing),
        cmocka_unit_test(readers_never_see_a_torn_record_while_a_writer_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
