/* hooks.c - the program's functions around cycles and under pressure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/cruntime.h"

static unsigned starts, ends, pressures;
static unsigned starts_seen_at_end;

/* Cycles that the background thread runs call the hooks as well. */
static unsigned seen(const unsigned *count)
{
    return __atomic_load_n(count, __ATOMIC_RELAXED);
}

static void at_start(void *arg)
{
    (void)arg;
    __atomic_add_fetch(&starts, 1, __ATOMIC_RELAXED);
    memset(rt_alloc(1000), 1, 1000); /* hooks may allocate */
}

static void at_end(void *arg)
{
    __atomic_store_n(&starts_seen_at_end, seen(&starts), __ATOMIC_RELAXED);
    __atomic_add_fetch((unsigned *)arg, 1, __ATOMIC_RELAXED);
    rt_gc(); /* told not to: must be ignored, not hang */
}

static void under_pressure(void *arg)
{
    (void)arg;
    __atomic_add_fetch(&pressures, 1, __ATOMIC_RELAXED);
}

static void a_cycle_runs_the_start_hook_before_and_the_end_hook_after_it_once(void **state)
{
    struct rt_memstats before, after;
    (void)state;
    rt_read_memstats(&before);
    unsigned starts_before = seen(&starts), ends_before = seen(&ends);
    rt_gc();
    rt_read_memstats(&after);
    assert_int_equal(seen(&starts) - starts_before, after.NumGC - before.NumGC);
    assert_int_equal(seen(&ends) - ends_before, after.NumGC - before.NumGC);
    assert_int_equal(seen(&starts_seen_at_end), seen(&starts));
}

static void the_pressure_hook_runs_when_a_cycle_did_not_get_below_the_limit(void **state)
{
    (void)state;
    rt_gc();
    assert_int_equal(seen(&pressures), 0);
    void *keep = rt_alloc(4 << 20);
    memset(keep, 1, 4 << 20);
    int64_t old = rt_set_memory_limit(1 << 20);
    rt_gc();
    rt_set_memory_limit(old);
    assert_true(seen(&pressures) > 0);
    rt_free(keep);
}

static void the_seventeenth_hook_of_a_kind_is_refused(void **state)
{
    (void)state;
    int result = 0;
    for (int i = 0; i < 16 && result == 0; i++) {
        result = rt_hook_add(RT_HOOK_PRESSURE, under_pressure, NULL);
    }
    assert_int_equal(result, -ENOSPC);
    assert_int_equal(rt_hook_add(RT_HOOK_CYCLE_END, NULL, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cycle_runs_the_start_hook_before_and_the_end_hook_after_it_once),
        cmocka_unit_test(the_pressure_hook_runs_when_a_cycle_did_not_get_below_the_limit),
        cmocka_unit_test(the_seventeenth_hook_of_a_kind_is_refused),
    };
    rt_hook_add(RT_HOOK_CYCLE_START, at_start, NULL);
    rt_hook_add(RT_HOOK_CYCLE_END, at_end, &ends);
    rt_hook_add(RT_HOOK_PRESSURE, under_pressure, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
