/* room.c - how much memory is recorded into, for whom, and under which limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "runtime/trace/room.h"
#include "runtime/cruntime.h"
#include "runtime/trace/chunk.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static void a_limit_leaves_a_thirty_second_part_but_never_less_than_64_kib(void **state)
{
    (void)state;
    assert_int_equal(rt__room_under_limit(16 * MIB, INT64_MAX), 16 * MIB);
    assert_int_equal(rt__room_under_limit(16 * MIB, GIB), 16 * MIB);
    assert_int_equal(rt__room_under_limit(16 * MIB, 512 * MIB), 16 * MIB);
    assert_int_equal(rt__room_under_limit(16 * MIB, 64 * MIB), 2 * MIB);
    assert_int_equal(rt__room_under_limit(16 * MIB, 1 * MIB), 64 * KIB);
    assert_int_equal(rt__room_under_limit(16 * MIB, 0), 64 * KIB);
    assert_int_equal(rt__room_under_limit(64 * KIB, INT64_MAX), 64 * KIB);
    assert_int_equal(rt__room_under_limit(UINT64_MAX, INT64_MAX), UINT64_MAX);
}

static void a_trace_has_16_mib_and_gives_them_back(void **state)
{
    (void)state;
    rt__room_trace(true);
    assert_int_equal(rt__chunks_most_bytes(), 16 * MIB);
    rt__room_trace(false);
    assert_int_equal(rt__chunks_most_bytes(), 0);
}

static void what_the_flight_recorder_has_stays_while_a_trace_is_taken(void **state)
{
    (void)state;
    assert_int_equal(rt__room_flight(10 * MIB, 1), 10 * MIB);
    rt__room_trace(true);
    assert_int_equal(rt__chunks_most_bytes(), 10 * MIB);
    rt__room_trace(false);
    assert_int_equal(rt__chunks_most_bytes(), 10 * MIB);
    assert_int_equal(rt__room_flight(0, 0), 0);
    assert_int_equal(rt__chunks_most_bytes(), 0);
}

static void beside_a_small_flight_recorder_a_trace_has_4_mib(void **state)
{
    (void)state;
    rt__room_flight(64 * KIB, 1);
    rt__room_trace(true);
    assert_int_equal(rt__chunks_most_bytes(), 4 * MIB);
    rt__room_trace(false);
    assert_int_equal(rt__chunks_most_bytes(), 64 * KIB);
    rt__room_flight(0, 0);
}

static void under_a_memory_limit_both_take_less(void **state)
{
    (void)state;
    int64_t before = rt_set_memory_limit((int64_t)(32 * MIB));
    assert_int_equal(rt__room_flight(10 * MIB, 1), 1 * MIB);
    rt__room_trace(true);
    assert_int_equal(rt__chunks_most_bytes(), 1 * MIB);
    rt__room_flight(0, 0);
    assert_int_equal(rt__chunks_most_bytes(), 1 * MIB);
    rt__room_trace(false);
    rt_set_memory_limit(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_leaves_a_thirty_second_part_but_never_less_than_64_kib),
        cmocka_unit_test(a_trace_has_16_mib_and_gives_them_back),
        cmocka_unit_test(what_the_flight_recorder_has_stays_while_a_trace_is_taken),
        cmocka_unit_test(beside_a_small_flight_recorder_a_trace_has_4_mib),
        cmocka_unit_test(under_a_memory_limit_both_take_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
