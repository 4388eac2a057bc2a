/* MemStats of made-up counts, in step and out of step, and of this very process. */
#include "runtime/stats/memstats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MiB (UINT64_C(1) << 20)

struct inputs {
    struct rt__account account;
    struct rt__held held;
    struct rt__gc_state gc;
    struct rt__os_figures os;
};

static struct rt_memstats fill(const struct inputs *in)
{
    struct rt_memstats ms;
    memset(&ms, 0xA5, sizeof ms); /* whatever is not filled shows */
    rt__memstats_fill(&ms, &in->account, &in->held, &in->gc, &in->os);
    return ms;
}

static void assert_identities(const struct rt_memstats *ms)
{
    assert_true(ms->Alloc == ms->HeapAlloc);
    assert_true(ms->Frees <= ms->Mallocs);
    assert_true(ms->HeapObjects == ms->Mallocs - ms->Frees);
    assert_true(ms->HeapAlloc <= ms->TotalAlloc);
    assert_true(ms->HeapSys == ms->HeapInuse + ms->HeapIdle);
    assert_true(ms->HeapReleased <= ms->HeapIdle);
    assert_true(ms->HeapInuse >= ms->HeapAlloc);
    assert_true(ms->HeapInuse <= ms->HeapSys); /* a wrapped sum would keep the identity above */
    assert_true(ms->StackInuse <= ms->StackSys);
    assert_true(ms->MCacheInuse <= ms->MCacheSys);
    assert_true(ms->Sys ==
                ms->HeapSys + ms->StackSys + ms->MSpanSys + ms->MCacheSys + ms->BuckHashSys + ms->GCSys + ms->OtherSys);
    assert_true(ms->GCCPUFraction >= 0 && ms->GCCPUFraction <= 1);
    for (unsigned i = 0; i < RT_SIZE_CLASSES; i++)
        assert_true(ms->BySize[i].Frees <= ms->BySize[i].Mallocs);
    uint64_t limited = rt__memstats_limited_bytes(ms);
    assert_true(limited == ms->Sys - ms->HeapReleased - ms->StackSys - ms->MSpanSys);
}

static struct inputs calm(void)
{
    struct inputs in = {
        .account = {.mallocs = 1000, .frees = 400, .alloc_bytes = 10 * MiB, .free_bytes = 6 * MiB},
        .held = {.heap_sys = 64 * MiB, .heap_held = 16 * MiB, .heap_free = 10 * MiB, .collector_own = 3 * MiB},
        .gc = {.cycles = 3, .forced_cycles = 1, .goal_bytes = 8 * MiB, .last_end_unix_ns = 77, .pause_total_ns = 60},
        .os = {.stacks_bytes = 5000, .threads = 3, .record_bytes = 4000},
    };
    in.account.by_class[5].mallocs = 12;
    in.account.by_class[5].frees = 2;
    in.gc.pause_ns[2] = 30;
    in.gc.pause_end_unix_ns[2] = 77;
    in.gc.gc_cpu_fraction = 0.25;
    in.os.mapped_bytes[RT__OS_MCACHE] = 16384;
    in.os.mapped_bytes[RT__OS_BUCKETS] = 4096;
    in.os.mapped_bytes[RT__OS_GC] = 8192;
    in.os.mapped_bytes[RT__OS_OTHER] = 12288;
    return in;
}

static void figures_in_step_are_taken_as_they_are(void **state)
{
    (void)state;
    struct inputs in = calm();
    struct rt_memstats ms = fill(&in);
    assert_identities(&ms);
    assert_int_equal(ms.size, sizeof ms);
    assert_int_equal(ms.version, 1);
    assert_int_equal(ms.TotalAlloc, 10 * MiB);
    assert_int_equal(ms.HeapAlloc, 4 * MiB);
    assert_int_equal(ms.HeapObjects, 600);
    assert_int_equal(ms.HeapSys, 64 * MiB);
    assert_int_equal(ms.HeapReleased, 48 * MiB);
    assert_int_equal(ms.HeapIdle, 58 * MiB);
    assert_int_equal(ms.HeapInuse, 6 * MiB);
    assert_int_equal(ms.StackInuse, 5000);
    assert_int_equal(ms.MCacheInuse, 12000);
    assert_int_equal(ms.MCacheSys, 16384);
    assert_int_equal(ms.BuckHashSys, 4096);
    assert_int_equal(ms.GCSys, 3 * MiB + 8192);
    assert_int_equal(ms.OtherSys, 12288);
    assert_int_equal(ms.Lookups, 0);
    assert_int_equal(ms.MSpanSys, 0);
    assert_int_equal(ms.NextGC, 8 * MiB);
    assert_int_equal(ms.LastGC, 77);
    assert_int_equal(ms.PauseTotalNs, 60);
    assert_int_equal(ms.NumGC, 3);
    assert_int_equal(ms.NumForcedGC, 1);
    assert_int_equal(ms.PauseNs[(ms.NumGC + 255) % 256], 30);
    assert_int_equal(ms.PauseEnd[(ms.NumGC + 255) % 256], 77);
    assert_true(ms.GCCPUFraction == 0.25);
    assert_true(ms.EnableGC && !ms.DebugGC);
    assert_int_equal(ms.BySize[5].Mallocs, 12);
    assert_int_equal(ms.BySize[5].Frees, 2);
    for (unsigned i = 0; i < RT_SIZE_CLASSES; i++)
        assert_int_equal(ms.BySize[i].Size, rt__account_class_size(i));
    assert_int_equal(rt__memstats_limited_bytes(&ms), 16 * MiB + 3 * MiB + 16384 + 4096 + 8192 + 12288);
}

static void no_goal_is_the_largest_number_as_in_go(void **state)
{
    (void)state;
    struct inputs in = calm();
    in.gc.goal_bytes = UINT64_MAX;
    assert_true(fill(&in).NextGC == UINT64_MAX);
}

static void objects_newer_than_the_held_figures_come_out_of_free_blocks_first(void **state)
{
    (void)state;
    struct inputs in = calm();
    in.account.alloc_bytes += 5 * MiB; /* 9 MiB of objects, 6 MiB of blocks in use */
    struct rt_memstats ms = fill(&in);
    assert_identities(&ms);
    assert_int_equal(ms.HeapInuse, 9 * MiB);
    assert_int_equal(ms.HeapSys, 64 * MiB);      /* what is held stays as read: */
    assert_int_equal(ms.HeapReleased, 48 * MiB); /* a snapshot must not invent a breach of the limit */
}

static void objects_beyond_all_that_was_held_raise_the_heap(void **state)
{
    (void)state;
    struct inputs in = calm();
    in.account.alloc_bytes += 20 * MiB; /* 24 MiB of objects, 16 MiB held */
    struct rt_memstats ms = fill(&in);
    assert_identities(&ms);
    assert_int_equal(ms.HeapInuse, 24 * MiB);
    assert_int_equal(ms.HeapSys, 72 * MiB);
    assert_int_equal(ms.HeapIdle, 48 * MiB);
    assert_int_equal(ms.HeapReleased, 48 * MiB);
}

static void more_held_than_obtained_is_read_as_obtained(void **state)
{
    (void)state;
    struct inputs in = calm();
    in.held.heap_held = in.held.heap_sys + MiB;
    struct rt_memstats ms = fill(&in);
    assert_identities(&ms);
    assert_int_equal(ms.HeapSys, 65 * MiB);
    assert_int_equal(ms.HeapReleased, 0);
}

static void more_freed_than_allocated_never_wraps(void **state)
{
    (void)state;
    struct inputs in = calm();
    in.account.frees = in.account.mallocs + 1;
    in.account.free_bytes = in.account.alloc_bytes + 1;
    in.account.by_class[7].frees = 1;
    struct rt_memstats ms = fill(&in);
    assert_identities(&ms);
    assert_int_equal(ms.HeapObjects, 0);
    assert_int_equal(ms.HeapAlloc, 0);
}

static void a_fraction_outside_zero_and_one_is_brought_inside(void **state)
{
    (void)state;
    static const double given[] = {-0.5, 1.5, NAN, INFINITY, 0.75};
    static const double want[] = {0, 1, 0, 0, 0.75};
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        struct inputs in = calm();
        in.gc.gc_cpu_fraction = given[i];
        assert_true(fill(&in).GCCPUFraction == want[i]);
    }
}

/* Any mix of small, equal and large numbers. */
static void identities_hold_whatever_was_read(void **state)
{
    (void)state;
    srandom(20240229);
    for (int round = 0; round < 20000; round++) {
        uint64_t pick[16];
        for (unsigned i = 0; i < 16; i++)
            pick[i] = (uint64_t)random() >> (random() % 31);
        struct inputs in = {
            .account = {.mallocs = pick[0], .frees = pick[1], .alloc_bytes = pick[2], .free_bytes = pick[3]},
            .held = {.heap_sys = pick[4], .heap_held = pick[5], .heap_free = pick[6], .collector_own = pick[7]},
            .gc = {.cycles = pick[8], .goal_bytes = pick[9]},
            .os = {.stacks_bytes = pick[10], .threads = pick[11], .record_bytes = pick[12]},
        };
        for (unsigned use = 0; use < RT__OS_USES; use++)
            in.os.mapped_bytes[use] = pick[12 + use];
        in.account.by_class[1].mallocs = pick[13];
        in.account.by_class[1].frees = pick[14];
        struct rt_memstats ms = fill(&in);
        assert_identities(&ms);
        assert_true(ms.TotalAlloc == pick[2]);
    }
}

static void this_process_keeps_the_identities_and_its_totals_never_fall(void **state)
{
    (void)state;
    struct rt_memstats last = {.size = 0};
    for (int round = 0; round < 200; round++) {
        struct rt_memstats ms;
        void *volatile p = malloc((size_t)(round + 1) * 1000);
        rt_read_memstats(&ms);
        free(p);
        assert_identities(&ms);
        assert_int_equal(ms.size, sizeof ms);
        assert_true(ms.TotalAlloc >= last.TotalAlloc);
        assert_true(ms.Mallocs >= last.Mallocs);
        assert_true(ms.Frees >= last.Frees);
        assert_true(ms.NumGC >= last.NumGC);
        last = ms;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_in_step_are_taken_as_they_are),
        cmocka_unit_test(no_goal_is_the_largest_number_as_in_go),
        cmocka_unit_test(objects_newer_than_the_held_figures_come_out_of_free_blocks_first),
        cmocka_unit_test(objects_beyond_all_that_was_held_raise_the_heap),
        cmocka_unit_test(more_held_than_obtained_is_read_as_obtained),
        cmocka_unit_test(more_freed_than_allocated_never_wraps),
        cmocka_unit_test(a_fraction_outside_zero_and_one_is_brought_inside),
        cmocka_unit_test(identities_hold_whatever_was_read),
        cmocka_unit_test(this_process_keeps_the_identities_and_its_totals_never_fall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
