/* clock.c - ticks become nanoseconds that agree with the machine's clock, and never run backwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <time.h>

#include "runtime/trace/clock.h"

#define MS 1000000u

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* ---- maps made up -------------------------------------------------------------------------------- */

static struct rt__clock_map map_of(size_t n, const struct rt__clock_pair *pairs)
{
    struct rt__clock_map m = {.n = n};
    for (size_t i = 0; i < n; i++) {
        m.pairs[i] = pairs[i];
    }
    return m;
}

static const struct rt__clock_pair bent[] = {{1000, 500}, {4000, 1500}, {5000, 3500}, {9000, 3500 + 8000}};

static void a_pair_is_exact_and_between_two_time_runs_evenly(void **state)
{
    (void)state;
    struct rt__clock_map m = map_of(4, bent);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(rt__clock_ns(&m, bent[i].ticks), bent[i].ns);
    }
    assert_int_equal(rt__clock_ns(&m, 2500), 1000);
    assert_int_equal(rt__clock_ns(&m, 4500), 2500);
    assert_int_equal(rt__clock_ns(&m, 8000), 3500 + 6000);
}

static void beyond_the_pairs_the_nearest_stretch_goes_on(void **state)
{
    (void)state;
    struct rt__clock_map m = map_of(4, bent);
    assert_int_equal(rt__clock_ns(&m, 700), 400);
    assert_int_equal(rt__clock_ns(&m, 10000), 3500 + 10000);
}

static void time_does_not_go_below_0_or_over_the_top(void **state)
{
    (void)state;
    struct rt__clock_map early = map_of(2, (struct rt__clock_pair[]){{1000000, 10}, {1000100, 110}});
    assert_int_equal(rt__clock_ns(&early, 0), 0);
    struct rt__clock_map fast = map_of(2, (struct rt__clock_pair[]){{0, 0}, {1, 1000}});
    assert_int_equal(rt__clock_ns(&fast, UINT64_MAX), UINT64_MAX);
}

static void with_one_pair_ticks_are_nanoseconds(void **state)
{
    (void)state;
    struct rt__clock_map m = map_of(1, (struct rt__clock_pair[]){{5000, 7000}});
    assert_int_equal(rt__clock_ns(&m, 5000), 7000);
    assert_int_equal(rt__clock_ns(&m, 5600), 7600);
    assert_int_equal(rt__clock_ns(&m, 4000), 6000);
    assert_int_equal(rt__clock_ns(&m, 0), 2000);
}

/* A year of cycles at 5 GHz in one stretch: the product of two such lengths takes 110 bits. */
static void a_stretch_of_a_year_is_exact(void **state)
{
    (void)state;
    uint64_t year = UINT64_C(31557600) * 1000000000;
    struct rt__clock_map m = map_of(2, (struct rt__clock_pair[]){{0, 0}, {5 * year, year}});
    assert_int_equal(rt__clock_ns(&m, 5 * (year / 2)), year / 2);
    assert_int_equal(rt__clock_ns(&m, 5 * (year - 1)), year - 1);
}

static void every_pair_of_a_full_map_is_found(void **state)
{
    (void)state;
    struct rt__clock_map m = {.n = RT__CLOCK_PAIRS};
    for (size_t i = 0; i < RT__CLOCK_PAIRS; i++) {
        m.pairs[i] = (struct rt__clock_pair){i * 1000, i * i * 10};
    }
    for (size_t i = 0; i < RT__CLOCK_PAIRS; i++) {
        assert_int_equal(rt__clock_ns(&m, i * 1000), i * i * 10);
    }
}

static void later_ticks_are_never_earlier_time(void **state)
{
    (void)state;
    struct rt__clock_map m = map_of(4, bent);
    uint64_t last = 0;
    for (uint64_t ticks = 0; ticks < 12000; ticks++) {
        uint64_t ns = rt__clock_ns(&m, ticks);
        assert_true(ns >= last);
        last = ns;
    }
}

/* ---- the machine's ------------------------------------------------------------------------------- */

#define MOMENTS 200

struct moment {
    uint64_t before_ns, ticks, after_ns;
};

static struct rt__clock_map map; /* too large for some threads' stacks */

/* Both clocks are read within a moment of known length; the conversion may be off that moment by the claim. One
 * that was interrupted has a long moment, and claims less: so noise fails nothing. */
static void check_moments(const struct moment *moments, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t ns = rt__clock_ns(&map, moments[i].ticks);
        assert_in_range(ns, moments[i].before_ns - 10000, moments[i].after_ns + 10000);
    }
}

static void pass(uint64_t ns)
{
    struct timespec t = {.tv_nsec = (long)ns};
    nanosleep(&t, NULL);
}

static void converted_times_are_within_10_us_of_the_machines_clock(void **state)
{
    (void)state;
    static struct moment moments[MOMENTS];
    for (size_t i = 0; i < MOMENTS; i++) {
        moments[i].before_ns = rt__os_now_ns();
        moments[i].ticks = rt__ticks();
        moments[i].after_ns = rt__os_now_ns();
        pass(5 * MS);
    }
    rt__clock_read(&map);
    check_moments(moments, MOMENTS);
    assert_true(map.n >= 2 || !rt__ticks_are_cycles);
}

static void what_comes_just_after_the_map_was_read_is_converted_as_well(void **state)
{
    (void)state;
    struct moment m;
    rt__clock_read(&map);
    m.before_ns = rt__os_now_ns();
    m.ticks = rt__ticks();
    m.after_ns = rt__os_now_ns();
    check_moments(&m, 1);
}

static void a_second_has_as_many_ticks_as_it_is_said_to_have(void **state)
{
    (void)state;
    uint64_t rate = rt__clock_ticks_per_s();
    uint64_t ticks = rt__ticks(), ns = rt__os_now_ns();
    pass(100 * MS);
    double measured = (double)(rt__ticks() - ticks) * 1e9 / (double)(rt__os_now_ns() - ns);
    assert_true((double)rate > measured * 0.98 && (double)rate < measured * 1.02);
}

static void a_forced_pair_is_taken_and_a_second_one_at_once_is_not(void **state)
{
    (void)state;
    pass(2 * MS);
    uint64_t ns = rt__os_now_ns();
    uint64_t before = rt__ticks();
    rt__clock_sync(true);
    uint64_t synced = rt__clock_synced();
    assert_true(synced >= before);
    rt__clock_sync(true);
    if (rt__os_now_ns() - ns < MS) { /* else the second was not at once */
        assert_int_equal(rt__clock_synced(), synced);
    }
    rt__clock_sync(false);
    if (rt__os_now_ns() - ns < RT__CLOCK_SYNC_NS) {
        assert_int_equal(rt__clock_synced(), synced);
    }
}

static void check_map(void)
{
    assert_in_range(map.n, 1, RT__CLOCK_PAIRS);
    for (size_t i = 1; i < map.n; i++) {
        assert_true(map.pairs[i].ticks > map.pairs[i - 1].ticks);
        assert_true(map.pairs[i].ns >= map.pairs[i - 1].ns + MS);
    }
}

static bool done;

static void *sync_all_the_time(void *unused)
{
    while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
        rt__clock_sync(true);
    }
    return unused;
}

#define THREADS 3

/* More than a round of the ring, so that slots are written again under the reader. */
static void a_map_read_while_threads_take_pairs_is_in_order_and_right(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    uint64_t start = rt__os_now_ns();
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, sync_all_the_time, NULL), 0);
    }
    while (rt__os_now_ns() < start + 1200 * (uint64_t)MS) {
        struct moment m = {.before_ns = rt__os_now_ns()};
        m.ticks = rt__ticks();
        m.after_ns = rt__os_now_ns();
        rt__clock_read(&map);
        check_map();
        check_moments(&m, 1);
    }
    __atomic_store_n(&done, true, __ATOMIC_RELAXED);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    rt__clock_read(&map);
    assert_true(map.n >= 2);
    assert_true(distance(map.pairs[map.n - 1].ns, rt__os_now_ns()) < UINT64_C(1000) * MS);
}

static void starting_again_changes_nothing(void **state)
{
    (void)state;
    bool are_cycles = rt__ticks_are_cycles;
    uint64_t synced = rt__clock_synced();
    rt__clock_start();
    assert_int_equal(rt__ticks_are_cycles, are_cycles);
    assert_int_equal(rt__clock_synced(), synced);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_is_exact_and_between_two_time_runs_evenly),
        cmocka_unit_test(beyond_the_pairs_the_nearest_stretch_goes_on),
        cmocka_unit_test(time_does_not_go_below_0_or_over_the_top),
        cmocka_unit_test(with_one_pair_ticks_are_nanoseconds),
        cmocka_unit_test(a_stretch_of_a_year_is_exact),
        cmocka_unit_test(every_pair_of_a_full_map_is_found),
        cmocka_unit_test(later_ticks_are_never_earlier_time),
        cmocka_unit_test(converted_times_are_within_10_us_of_the_machines_clock),
        cmocka_unit_test(what_comes_just_after_the_map_was_read_is_converted_as_well),
        cmocka_unit_test(a_second_has_as_many_ticks_as_it_is_said_to_have),
        cmocka_unit_test(a_forced_pair_is_taken_and_a_second_one_at_once_is_not),
        cmocka_unit_test(a_map_read_while_threads_take_pairs_is_in_order_and_right),
        cmocka_unit_test(starting_again_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
