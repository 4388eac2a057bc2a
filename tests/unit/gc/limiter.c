/* The limiter over simulated time: a minute passes in a few thousand additions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "runtime/gc/limiter.h"

#define US 1000ull
#define MS (1000 * US)
#define S (1000 * MS)
#define DAY (86400 * S)

/* A program whose live heap does not fit its limit: it wants a cycle again after every `gap_ns`. */
struct spiral {
    struct rt__limiter limiter;
    uint64_t now_ns;
    uint64_t gc_wall_ns;
};

static void spiral_until(struct spiral *s, uint64_t end_ns, uint64_t gap_ns, uint64_t pause_ns)
{
    while (s->now_ns < end_ns) {
        s->now_ns += gap_ns;
        if (!rt__limiter_allows(&s->limiter, s->now_ns))
            continue;
        s->now_ns += pause_ns;
        s->gc_wall_ns += pause_ns;
        rt__limiter_update(&s->limiter, s->now_ns, pause_ns * s->limiter.procs);
    }
}

static void a_spiral_is_held_to_half_of_the_time(void **state)
{
    (void)state;
    static const struct {
        uint32_t procs;
        uint64_t gap_ns, pause_ns;
    } rows[] = {
        {1, 10 * US, 1 * MS}, {1, 10 * US, 10 * MS}, {2, 10 * US, 10 * MS},  {8, 1 * MS, 300 * MS},
        {2, 1 * MS, 3 * S},   {2, 1 * US, 50 * US},  {64, 100 * US, 7 * MS},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct spiral s = {.now_ns = 5 * S};
        rt__limiter_init(&s.limiter, rows[i].procs, s.now_ns);
        spiral_until(&s, 65 * S, rows[i].gap_ns, rows[i].pause_ns);
        uint64_t elapsed_ns = s.now_ns - 5 * S;
        /* the leeway is one bucket, and the cycle that filled it runs to its end */
        assert_true(2 * s.gc_wall_ns <= elapsed_ns + 1 * S + rows[i].pause_ns);
        /* and half is allowed: less would let the heap grow for nothing */
        assert_true(2 * s.gc_wall_ns + rows[i].pause_ns + 100 * MS >= elapsed_ns);
        assert_true(s.limiter.limited_cycles > 0);

        /* once the bucket has filled, every ten seconds obey */
        for (int window = 0; window < 3; window++) {
            uint64_t start_ns = s.now_ns, gc_ns = s.gc_wall_ns;
            spiral_until(&s, start_ns + 10 * S, rows[i].gap_ns, rows[i].pause_ns);
            assert_true(2 * (s.gc_wall_ns - gc_ns) <= s.now_ns - start_ns + 2 * rows[i].pause_ns);
        }
    }
}

static void a_program_that_collects_a_third_of_the_time_is_left_alone(void **state)
{
    (void)state;
    struct spiral s = {0};

    rt__limiter_init(&s.limiter, 2, 0);
    spiral_until(&s, 600 * S, 20 * MS, 10 * MS);
    assert_int_equal(s.limiter.limited_cycles, 0);
    assert_int_equal(s.limiter.overflow_ns, 0);
    assert_in_range(s.gc_wall_ns, 199 * S, 201 * S);
}

static void a_burst_of_less_than_a_second_passes(void **state)
{
    (void)state;
    struct rt__limiter l;

    rt__limiter_init(&l, 4, 0);
    rt__limiter_update(&l, 999 * MS, 4 * 999 * MS);
    assert_true(rt__limiter_allows(&l, 999 * MS));
    rt__limiter_update(&l, 1000 * MS, 4 * MS);
    assert_false(rt__limiter_allows(&l, 1000 * MS));
    assert_int_equal(l.limited_cycles, 1);
}

static void an_idle_day_earns_no_credit(void **state)
{
    (void)state;
    struct rt__limiter l;

    rt__limiter_init(&l, 2, 0);
    assert_true(rt__limiter_allows(&l, DAY));
    assert_int_equal(l.fill_ns, 0);
    rt__limiter_update(&l, DAY + 1 * S, 2 * S);
    assert_false(rt__limiter_allows(&l, DAY + 1 * S));
}

static void a_full_bucket_opens_as_soon_as_the_program_has_had_its_turn(void **state)
{
    (void)state;
    struct rt__limiter l;

    rt__limiter_init(&l, 1, 0);
    rt__limiter_update(&l, 1200 * MS, 1200 * MS); /* 200 ms did not fit */
    assert_true(l.limiting);
    assert_int_equal(l.fill_ns, l.capacity_ns);
    assert_int_equal(l.overflow_ns, 200 * MS);
    assert_false(rt__limiter_allows(&l, 1399 * MS));
    assert_false(rt__limiter_allows(&l, 1400 * MS));
    assert_true(rt__limiter_allows(&l, 1401 * MS));
    assert_int_equal(l.limited_cycles, 2);
}

static void a_window_that_was_half_and_half_changes_nothing(void **state)
{
    (void)state;
    struct rt__limiter l;

    rt__limiter_init(&l, 1, 0);
    rt__limiter_update(&l, 500 * MS, 500 * MS);
    rt__limiter_update(&l, 10500 * MS, 5 * S);
    assert_int_equal(l.fill_ns, 500 * MS);
    assert_false(l.limiting);
}

static void forced_cycles_for_minutes_do_not_switch_the_limit_off_for_minutes(void **state)
{
    (void)state;
    struct rt__limiter l;
    uint64_t now_ns = 0;

    rt__limiter_init(&l, 2, 0);
    for (int i = 0; i < 6000; i++) { /* ten minutes of nothing but cycles of 100 ms */
        now_ns += 100 * MS;
        rt__limiter_update(&l, now_ns, 2 * 100 * MS);
    }
    assert_false(rt__limiter_allows(&l, now_ns));
    assert_false(rt__limiter_allows(&l, now_ns + 999 * MS));
    assert_true(rt__limiter_allows(&l, now_ns + 1001 * MS));
}

static void time_that_runs_backwards_is_ignored_but_its_collector_time_counts(void **state)
{
    (void)state;
    struct rt__limiter l;

    rt__limiter_init(&l, 1, 10 * S);
    rt__limiter_update(&l, 10 * S + 500 * MS, 500 * MS);
    rt__limiter_update(&l, 9 * S, 0);
    assert_int_equal(l.fill_ns, 500 * MS);
    assert_int_equal(l.last_ns, 10 * S + 500 * MS);
    rt__limiter_update(&l, 9 * S, 100 * MS);
    assert_int_equal(l.fill_ns, 600 * MS);
    /* and no window is counted twice afterwards */
    rt__limiter_update(&l, 10 * S + 600 * MS, 0);
    assert_int_equal(l.fill_ns, 500 * MS);
}

static void the_ends_of_the_number_line_do_not_wrap(void **state)
{
    (void)state;
    struct rt__limiter l;

    rt__limiter_init(&l, 2, 0);
    rt__limiter_update(&l, 500 * MS, 1 * S);
    rt__limiter_update(&l, (UINT64_C(1) << 63) + 500 * MS, 0); /* twice this is 0 in 64 bits */
    assert_int_equal(l.fill_ns, 0);

    rt__limiter_init(&l, UINT32_MAX, 0);
    rt__limiter_update(&l, UINT64_MAX, 0);
    assert_int_equal(l.fill_ns, 0);
    rt__limiter_update(&l, UINT64_MAX, UINT64_MAX);
    rt__limiter_update(&l, UINT64_MAX, UINT64_MAX);
    assert_true(l.limiting);
    assert_int_equal(l.fill_ns, l.capacity_ns);
    assert_true(l.overflow_ns == UINT64_MAX);
    assert_true(l.debt_ns == UINT64_MAX);
}

static void no_processors_count_as_one(void **state)
{
    (void)state;
    struct rt__limiter l;

    rt__limiter_init(&l, 0, 0);
    assert_int_equal(l.procs, 1);
    assert_int_equal(l.capacity_ns, 1 * S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spiral_is_held_to_half_of_the_time),
        cmocka_unit_test(a_program_that_collects_a_third_of_the_time_is_left_alone),
        cmocka_unit_test(a_burst_of_less_than_a_second_passes),
        cmocka_unit_test(an_idle_day_earns_no_credit),
        cmocka_unit_test(a_full_bucket_opens_as_soon_as_the_program_has_had_its_turn),
        cmocka_unit_test(a_window_that_was_half_and_half_changes_nothing),
        cmocka_unit_test(forced_cycles_for_minutes_do_not_switch_the_limit_off_for_minutes),
        cmocka_unit_test(time_that_runs_backwards_is_ignored_but_its_collector_time_counts),
        cmocka_unit_test(the_ends_of_the_number_line_do_not_wrap),
        cmocka_unit_test(no_processors_count_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
