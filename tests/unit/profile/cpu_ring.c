/* cpu_ring.c - samples come out as they went in, and what finds no room is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/profile/cpu_ring.h"

/* Everything in it follows from a number, so that a torn or mixed-up sample shows. */
static struct rt__cpu_sample sample_of(uint32_t number)
{
    struct rt__cpu_sample s = {.depth = number * 7 % (RT__STACK_MAX + 1), .weight = number};
    s.labels = (const struct rt_labels *)(uintptr_t)(number * 16);
    memset(s.thread, 'a' + (int)(number % 26), sizeof(s.thread));
    for (uint32_t i = 0; i < s.depth; i++) {
        s.pcs[i] = ((uintptr_t)number << 32) + i;
    }
    return s;
}

static void assert_is(const struct rt__cpu_sample *s, uint32_t number)
{
    struct rt__cpu_sample wanted = sample_of(number);
    assert_int_equal(s->weight, number);
    assert_int_equal(s->depth, wanted.depth);
    assert_ptr_equal(s->labels, wanted.labels);
    assert_memory_equal(s->thread, wanted.thread, sizeof(s->thread));
    assert_memory_equal(s->pcs, wanted.pcs, s->depth * sizeof(*s->pcs));
}

static struct rt__cpu_ring ring;

static void an_empty_ring_gives_nothing(void **state)
{
    struct rt__cpu_sample s;
    (void)state;
    rt__cpu_ring_reset(&ring);
    assert_false(rt__cpu_ring_take(&ring, &s));
}

static void samples_of_all_depths_come_out_in_order_many_times_around_the_ring(void **state)
{
    struct rt__cpu_sample s;
    uint32_t put = 1, taken = 1;
    (void)state;
    rt__cpu_ring_reset(&ring);
    while (taken < 5000) {
        for (uint32_t n = 1 + put % 20; n > 0; n--) {
            s = sample_of(put++);
            rt__cpu_ring_put(&ring, &s);
        }
        while (rt__cpu_ring_take(&ring, &s)) {
            assert_is(&s, taken++);
        }
        assert_int_equal(taken, put);
    }
    assert_int_equal(rt__cpu_ring_dropped(&ring), 0);
}

static void a_full_ring_drops_the_new_sample_and_counts_its_weight(void **state)
{
    struct rt__cpu_sample deep = sample_of(64), s;
    (void)state;
    deep.depth = RT__STACK_MAX;
    deep.weight = 3;
    rt__cpu_ring_reset(&ring);
    unsigned fit = 0;
    while (rt__cpu_ring_dropped(&ring) == 0) {
        rt__cpu_ring_put(&ring, &deep);
        fit++;
    }
    fit--;
    assert_true(fit >= 30);
    assert_int_equal(rt__cpu_ring_dropped(&ring), 3);
    rt__cpu_ring_put(&ring, &deep);
    assert_int_equal(rt__cpu_ring_dropped(&ring), 6);
    for (unsigned i = 0; i < fit; i++) {
        assert_true(rt__cpu_ring_take(&ring, &s));
        assert_int_equal(s.depth, RT__STACK_MAX);
    }
    assert_false(rt__cpu_ring_take(&ring, &s));
}

static void room_that_was_given_back_is_used_again(void **state)
{
    struct rt__cpu_sample deep = sample_of(64), s;
    (void)state;
    deep.depth = RT__STACK_MAX;
    rt__cpu_ring_reset(&ring);
    while (rt__cpu_ring_dropped(&ring) == 0) {
        rt__cpu_ring_put(&ring, &deep);
    }
    uint64_t dropped = rt__cpu_ring_dropped(&ring);
    assert_true(rt__cpu_ring_take(&ring, &s));
    rt__cpu_ring_put(&ring, &deep);
    assert_int_equal(rt__cpu_ring_dropped(&ring), dropped);
}

#define PASSED 200000u

static void *put_many(void *unused)
{
    (void)unused;
    for (uint32_t i = 1; i <= PASSED;) {
        struct rt__cpu_sample s = sample_of(i);
        uint64_t dropped = rt__cpu_ring_dropped(&ring);
        rt__cpu_ring_put(&ring, &s);
        if (rt__cpu_ring_dropped(&ring) == dropped) {
            i++;
        } else {
            sched_yield();
        }
    }
    return NULL;
}

static void a_reader_beside_the_writer_sees_whole_samples_in_order(void **state)
{
    pthread_t writer;
    struct rt__cpu_sample s;
    (void)state;
    rt__cpu_ring_reset(&ring);
    assert_int_equal(pthread_create(&writer, NULL, put_many, NULL), 0);
    for (uint32_t i = 1; i <= PASSED;) {
        if (rt__cpu_ring_take(&ring, &s)) {
            assert_is(&s, i++);
        } else {
            sched_yield();
        }
    }
    pthread_join(writer, NULL);
    assert_false(rt__cpu_ring_take(&ring, &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_ring_gives_nothing),
        cmocka_unit_test(samples_of_all_depths_come_out_in_order_many_times_around_the_ring),
        cmocka_unit_test(a_full_ring_drops_the_new_sample_and_counts_its_weight),
        cmocka_unit_test(room_that_was_given_back_is_used_again),
        cmocka_unit_test(a_reader_beside_the_writer_sees_whole_samples_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
