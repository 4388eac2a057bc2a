/* The pacer, scenario by scenario: a row is a claim, its sentence is printed when it fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "runtime/gc/pacer.h"

#define KIB 1024ull
#define MIB (1024ull * 1024)
#define GIB (1024ull * 1024 * 1024)
#define OFF INT64_MAX

struct goal_row {
    const char *why;
    struct rt__pacer_input in;
    uint64_t goal_bytes;
    bool by_limit;
};

static const struct goal_row goal_rows[] = {
    /* the percentage */
    {"before the first cycle CGC=100 starts at Go's minimum of 4 MiB",
     {.gc_percent = 100, .memory_limit_bytes = OFF},
     4 * MIB,
     false},
    {"the minimum follows the percentage up",
     {.gc_percent = 400, .memory_limit_bytes = OFF, .live_bytes = 1 * MIB},
     16 * MIB,
     false},
    {"the minimum follows the percentage down",
     {.gc_percent = 50, .memory_limit_bytes = OFF, .live_bytes = 1 * MIB},
     2 * MIB,
     false},
    {"CGC=100 lets the live heap double",
     {.gc_percent = 100, .memory_limit_bytes = OFF, .live_bytes = 20 * MIB},
     40 * MIB,
     false},
    {"CGC=50 adds a half", {.gc_percent = 50, .memory_limit_bytes = OFF, .live_bytes = 20 * MIB}, 30 * MIB, false},
    {"stacks and globals are marked too, so they earn growth but are not heap",
     {.gc_percent = 50,
      .memory_limit_bytes = OFF,
      .live_bytes = 20 * MIB,
      .stacks_bytes = 2 * MIB,
      .globals_bytes = 4 * MIB},
     33 * MIB,
     false},
    {"what is held beside the heap is no matter of the percentage",
     {.gc_percent = 100, .memory_limit_bytes = OFF, .live_bytes = 20 * MIB, .nonheap_bytes = 500 * MIB},
     40 * MIB,
     false},
    {"CGC=off without a limit never collects",
     {.gc_percent = -1, .memory_limit_bytes = OFF, .live_bytes = 20 * MIB},
     RT__PACER_OFF,
     false},
    {"every negative percentage is off", {.gc_percent = INT32_MIN, .memory_limit_bytes = OFF}, RT__PACER_OFF, false},
    {"CGC=0 collects at every opportunity, which is every 64 KiB",
     {.gc_percent = 0, .memory_limit_bytes = OFF, .live_bytes = 20 * MIB},
     20 * MIB + 64 * KIB,
     false},
    {"CGC=0 before the first cycle is the same path", {.gc_percent = 0, .memory_limit_bytes = OFF}, 64 * KIB, false},
    {"CGC=1 on a small heap may not ask for cycles closer than that either",
     {.gc_percent = 1, .memory_limit_bytes = OFF, .live_bytes = 1 * MIB},
     1 * MIB + 64 * KIB,
     false},
    {"a fraction of a byte is dropped as in Go: 3 % of 10,000,099 are 300,002",
     {.gc_percent = 3, .memory_limit_bytes = OFF, .live_bytes = 10000099},
     10300101,
     false},

    /* the limit */
    {"CGC=off with a limit collects for the limit alone: 100 MiB less 5 %",
     {.gc_percent = -1, .memory_limit_bytes = 100 * MIB, .live_bytes = 20 * MIB},
     100 * MIB - 100 * MIB / 100 * 5,
     true},
    {"limit wins over percent: CGC=400 asks for 500 MiB, CMEMLIMIT allows 256",
     {.gc_percent = 400, .memory_limit_bytes = 256 * MIB, .live_bytes = 100 * MIB},
     256 * MIB - 256 * MIB / 100 * 5,
     true},
    {"percent wins over a limit that is far away",
     {.gc_percent = 100, .memory_limit_bytes = 1 * GIB, .live_bytes = 100 * MIB},
     200 * MIB,
     false},
    {"what is held beside the heap comes off the limit before the 5 %",
     {.gc_percent = -1, .memory_limit_bytes = 100 * MIB, .live_bytes = 20 * MIB, .nonheap_bytes = 30 * MIB},
     70 * MIB - 70 * MIB / 100 * 5,
     true},
    {"a limit of 5,000,000 keeps 320 KiB free, not the fifth that 1 MiB would be",
     {.gc_percent = 100, .memory_limit_bytes = 5000000, .live_bytes = 3000000},
     5000000 - 320 * KIB,
     true},
    {"below 2.5 MiB of room the headroom is an eighth of it",
     {.gc_percent = -1, .memory_limit_bytes = 1 * MIB, .live_bytes = 100 * KIB},
     896 * KIB,
     true},
    {"and 64 KiB at least",
     {.gc_percent = -1, .memory_limit_bytes = 300 * KIB, .live_bytes = 100 * KIB},
     236 * KIB,
     true},
    {"a limit below the live heap asks for cycles every 64 KiB and not without pause",
     {.gc_percent = 100, .memory_limit_bytes = 5000000, .live_bytes = 8 * MIB},
     8 * MIB + 64 * KIB,
     true},
    {"so does a limit that is used up beside the heap",
     {.gc_percent = 100, .memory_limit_bytes = 5000000, .live_bytes = 1 * MIB, .nonheap_bytes = 6000000},
     1 * MIB + 64 * KIB,
     true},
    {"a goal lifted above live by the step still lies under the limit",
     {.gc_percent = 100, .memory_limit_bytes = 1 * MIB, .live_bytes = 950 * KIB},
     1014 * KIB,
     true},
    {"no room for the headroom is no room",
     {.gc_percent = 100, .memory_limit_bytes = 1 * MIB, .nonheap_bytes = 1 * MIB - 10 * KIB},
     64 * KIB,
     true},
    {"where CGC=0 and the limit ask for the same, it is CGC's cycle, which no limiter refuses",
     {.gc_percent = 0, .memory_limit_bytes = 5000000, .live_bytes = 8 * MIB},
     8 * MIB + 64 * KIB,
     false},
    {"a limit of 0 is a limit", {.gc_percent = 100, .memory_limit_bytes = 0}, 64 * KIB, true},

    /* the ends of the number line */
    {"the greatest percentage on a large heap stops at the greatest number",
     {.gc_percent = INT32_MAX, .memory_limit_bytes = OFF, .live_bytes = UINT64_MAX / 2},
     UINT64_MAX,
     false},
    {"the greatest percentage on no heap is the minimum times that",
     {.gc_percent = INT32_MAX, .memory_limit_bytes = OFF},
     MIB * 4 * 2147483647 / 100,
     false},
    {"live, stacks and globals together past 64 bits do not wrap",
     {.gc_percent = 1,
      .memory_limit_bytes = OFF,
      .live_bytes = 1 * GIB,
      .stacks_bytes = UINT64_MAX,
      .globals_bytes = UINT64_MAX},
     1 * GIB + UINT64_MAX / 100,
     false},
    {"a step above the greatest live heap does not wrap",
     {.gc_percent = 0, .memory_limit_bytes = OFF, .live_bytes = UINT64_MAX - 5},
     UINT64_MAX,
     false},
    {"beside the heap more than any limit leaves live",
     {.gc_percent = -1, .memory_limit_bytes = OFF - 1, .live_bytes = 7 * MIB, .nonheap_bytes = UINT64_MAX},
     7 * MIB + 64 * KIB,
     true},
};

static void every_scenario_gets_its_goal(void **state)
{
    (void)state;
    int wrong = 0;

    for (size_t i = 0; i < sizeof goal_rows / sizeof goal_rows[0]; i++) {
        const struct goal_row *row = &goal_rows[i];
        struct rt__pacer_goal goal = rt__pacer_goal(&row->in);
        if (goal.goal_bytes == row->goal_bytes && goal.by_limit == row->by_limit)
            continue;
        print_error("%s:\n    goal %llu by_limit %d, expected %llu %d\n", row->why, (unsigned long long)goal.goal_bytes,
                    goal.by_limit, (unsigned long long)row->goal_bytes, row->by_limit);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void the_pure_goals_are_the_formulas_without_the_step(void **state)
{
    (void)state;
    struct rt__pacer_input in = {.gc_percent = 0, .memory_limit_bytes = 5000000, .live_bytes = 8 * MIB};

    assert_int_equal(rt__pacer_percent_goal(&in), 8 * MIB);
    assert_int_equal(rt__pacer_limit_goal(&in), 8 * MIB);
    in.memory_limit_bytes = OFF;
    assert_true(rt__pacer_limit_goal(&in) == RT__PACER_OFF);
    in.gc_percent = -1;
    assert_true(rt__pacer_percent_goal(&in) == RT__PACER_OFF);
}

/* Whatever the inputs: some growth is allowed, more percent is never less heap, and a goal above
 * live by more than the step keeps heap and the rest within the limit. */
static void relations_hold_over_a_grid_of_inputs(void **state)
{
    (void)state;
    static const int32_t percents[] = {-1, 0, 1, 20, 50, 100, 200, 400, 100000, INT32_MAX};
    static const uint64_t sizes[] = {0, 1, 4096, 5 * MIB, 3 * GIB, 1ull << 47, UINT64_MAX - 1, UINT64_MAX};
    static const int64_t limits[] = {0, 1, 70000, 5000000, 1ll << 40, OFF - 1, OFF};

    for (size_t l = 0; l < 8; l++)
        for (size_t n = 0; n < 8; n++)
            for (size_t m = 0; m < 7; m++) {
                uint64_t before = 0;
                for (size_t p = 1; p <= 10; p++) { /* off comes last: it is the most */
                    struct rt__pacer_input in = {.gc_percent = percents[p % 10],
                                                 .memory_limit_bytes = limits[m],
                                                 .live_bytes = sizes[l],
                                                 .nonheap_bytes = sizes[n],
                                                 .stacks_bytes = sizes[n]};
                    uint64_t goal = rt__pacer_goal(&in).goal_bytes;
                    assert_true(goal > sizes[l] || goal == UINT64_MAX);
                    assert_true(goal >= before);
                    before = goal;
                    if (limits[m] != OFF && goal - sizes[l] > 64 * KIB)
                        assert_true((unsigned __int128)goal + sizes[n] <= (uint64_t)limits[m]);
                }
            }
}

static void threads_look_more_often_the_nearer_the_goal(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        uint64_t heap, goal;
        unsigned threads;
        uint64_t interval;
    } rows[] = {
        {"far away: the longest interval", 0, 40 * MIB, 2, 32 * KIB},
        {"no goal: the longest interval", 10 * MIB, RT__PACER_OFF, 8, 32 * KIB},
        {"40 KiB before the goal one thread takes half of them", 4 * MIB - 40 * KIB, 4 * MIB, 1, 20 * KIB},
        {"two threads take a quarter each", 4 * MIB - 40 * KIB, 4 * MIB, 2, 10 * KIB},
        {"close by: never less than 512 bytes", 4 * MIB - 1 * KIB, 4 * MIB, 2, 512},
        {"at the goal", 4 * MIB, 4 * MIB, 2, 512},
        {"past the goal", 5 * MIB, 4 * MIB, 2, 512},
        {"no thread registered yet counts as one", 4 * MIB - 40 * KIB, 4 * MIB, 0, 20 * KIB},
        {"any number of threads", 0, 4 * MIB, UINT32_MAX, 512},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t interval = rt__pacer_check_interval(rows[i].heap, rows[i].goal, rows[i].threads);
        if (interval != rows[i].interval)
            fail_msg("%s: %llu, expected %llu", rows[i].why, (unsigned long long)interval,
                     (unsigned long long)rows[i].interval);
    }
}

/* Threads that allocate at different speeds and look when their interval is used up. Returns the
 * heap at the moment when the first of them finds it past the goal. */
static uint64_t heap_when_noticed(uint64_t goal, unsigned threads)
{
    uint64_t heap = 0;
    int64_t left[64] = {0};

    for (;;) {
        for (unsigned t = 0; t < threads; t++) {
            uint64_t size = 16 + 48 * (uint64_t)t; /* thread t's speed */
            heap += size;
            left[t] -= (int64_t)size;
            if (left[t] > 0)
                continue;
            if (heap >= goal)
                return heap;
            left[t] = (int64_t)rt__pacer_check_interval(heap, goal, threads);
        }
    }
}

static void threads_together_notice_the_goal_within_two_percent(void **state)
{
    (void)state;
    static const uint64_t goals[] = {4 * MIB / 5, 4 * MIB, 40 * MIB};

    for (int g = 0; g < 3; g++)
        for (unsigned threads = 1; threads <= 16; threads++) {
            uint64_t heap = heap_when_noticed(goals[g], threads);
            assert_true(heap >= goals[g]);
            assert_true(heap - goals[g] < goals[g] / 50);
        }
}

static void what_is_retained_follows_the_last_cycle_and_the_limit(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        uint64_t goal, last_goal, last_held;
        int64_t limit;
        uint64_t retain;
    } rows[] = {
        {"a steady heap keeps what it held and 10 %", 40 * MIB, 40 * MIB, 50 * MIB, OFF, 55 * MIB},
        {"half the goal, half of what was held", 20 * MIB, 40 * MIB, 50 * MIB, OFF, 55 * MIB / 2},
        {"twice the goal, twice as much", 80 * MIB, 40 * MIB, 50 * MIB, OFF, 110 * MIB},
        {"before the first cycle nothing is known, so nothing goes back", 4 * MIB, 0, 50 * MIB, OFF, RT__PACER_OFF},
        {"no goal, nothing to scale by", RT__PACER_OFF, 40 * MIB, 50 * MIB, OFF, RT__PACER_OFF},
        {"no goal last time, nothing to scale by", 40 * MIB, RT__PACER_OFF, 50 * MIB, OFF, RT__PACER_OFF},
        {"a limit asks for 95 % of it", 40 * MIB, 40 * MIB, 100 * MIB, 100 * MIB, 95 * MIB},
        {"a limit alone", RT__PACER_OFF, 0, 0, 100 * MIB, 95 * MIB},
        {"the heap's wish when it is the smaller", 40 * MIB, 40 * MIB, 50 * MIB, 100 * MIB, 55 * MIB},
        {"large numbers stop at the largest", UINT64_MAX - 1, 1, UINT64_MAX, OFF, UINT64_MAX},
        {"the largest limit does not wrap", UINT64_MAX - 1, 1, UINT64_MAX, OFF - 1,
         (uint64_t)(OFF - 1) - (uint64_t)(OFF - 1) / 20},
        {"a limit of 0 retains nothing", 40 * MIB, 40 * MIB, 50 * MIB, 0, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t retain = rt__pacer_retain_goal(rows[i].goal, rows[i].last_goal, rows[i].last_held, rows[i].limit);
        if (retain != rows[i].retain)
            fail_msg("%s: %llu, expected %llu", rows[i].why, (unsigned long long)retain,
                     (unsigned long long)rows[i].retain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scenario_gets_its_goal),
        cmocka_unit_test(the_pure_goals_are_the_formulas_without_the_step),
        cmocka_unit_test(relations_hold_over_a_grid_of_inputs),
        cmocka_unit_test(threads_look_more_often_the_nearer_the_goal),
        cmocka_unit_test(threads_together_notice_the_goal_within_two_percent),
        cmocka_unit_test(what_is_retained_follows_the_last_cycle_and_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
