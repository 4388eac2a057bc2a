/* GCStats gives the newest pauses, newest first, however often the circle has gone round. */
#include "runtime/stats/memstats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* The state after n cycles, the i'th (from 1) with a pause of i ns that ended at 1000 + i. */
static void run_cycles(struct rt__gc_state *gc, uint64_t n)
{
    memset(gc, 0, sizeof *gc);
    for (uint64_t i = 1; i <= n; i++) {
        gc->cycles = i;
        gc->pause_ns[(i + 255) % 256] = i;
        gc->pause_end_unix_ns[(i + 255) % 256] = 1000 + i;
        gc->pause_total_ns += i;
        gc->last_end_unix_ns = 1000 + i;
    }
}

static void the_newest_pause_comes_first(void **state)
{
    (void)state;
    static const uint64_t cycles[] = {0, 1, 2, 255, 256, 257, 511, 512, 513, 100000};
    static struct rt__gc_state gc;
    for (size_t c = 0; c < sizeof cycles / sizeof cycles[0]; c++) {
        struct rt_gc_stats stats;
        memset(&stats, 0xA5, sizeof stats);
        run_cycles(&gc, cycles[c]);
        rt__gc_stats_fill(&stats, &gc);
        assert_int_equal(stats.num_gc, cycles[c]);
        assert_int_equal(stats.n, cycles[c] < 256 ? cycles[c] : 256);
        assert_int_equal(stats.pause_total_ns, gc.pause_total_ns);
        assert_int_equal(stats.last_gc_unix_ns, gc.last_end_unix_ns);
        for (uint32_t age = 0; age < stats.n; age++) {
            assert_int_equal(stats.pause_ns[age], cycles[c] - age);
            assert_int_equal(stats.pause_end_unix_ns[age], 1000 + cycles[c] - age);
        }
    }
}

static void entries_past_n_are_zero(void **state)
{
    (void)state;
    static struct rt__gc_state gc;
    struct rt_gc_stats stats;
    memset(&stats, 0xA5, sizeof stats);
    run_cycles(&gc, 2);
    rt__gc_stats_fill(&stats, &gc);
    for (uint32_t i = stats.n; i < 256; i++)
        assert_int_equal(stats.pause_ns[i] | stats.pause_end_unix_ns[i], 0);
}

static void a_forced_cycle_is_the_newest_and_agrees_with_memstats(void **state)
{
    (void)state;
    struct rt_gc_stats before, after;
    struct rt_memstats ms;
    rt_read_gc_stats(&before);
    rt_gc();
    rt_read_gc_stats(&after);
    rt_read_memstats(&ms);
    assert_true(after.num_gc > before.num_gc);
    assert_true(after.n > 0);
    assert_true(after.last_gc_unix_ns >= before.last_gc_unix_ns);
    assert_true(ms.NumForcedGC > 0);
    if (ms.NumGC == after.num_gc) { /* no cycle came between the two readings */
        assert_int_equal(ms.PauseNs[(ms.NumGC + 255) % 256], after.pause_ns[0]);
        assert_int_equal(ms.PauseEnd[(ms.NumGC + 255) % 256], after.pause_end_unix_ns[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_pause_comes_first),
        cmocka_unit_test(entries_past_n_are_zero),
        cmocka_unit_test(a_forced_cycle_is_the_newest_and_agrees_with_memstats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
