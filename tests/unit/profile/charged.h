/* charged.h - what a table of stacks holds for one function, for the tests of the profiles.
 *
 * A function that is CHARGED(name) is alone in a section of that name, whose ends the linker knows: so an
 * address in it is found without symbols. Something must follow its last call, or the call becomes a jump,
 * and the function is not on the stack: STAY.
 */
#ifndef CHARGED_H
#define CHARGED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>
#include "runtime/profile/buckets.h"

#define CHARGED(name)                                                                                                  \
    extern const char __start_##name[], __stop_##name[];                                                               \
    __attribute__((noinline, section(#name)))
#define STAY __asm__ volatile("")
#define CHARGED_TO(table, name) charged_between(table, (uintptr_t)__start_##name, (uintptr_t)__stop_##name)

struct charged {
    size_t stacks;
    double first, second; /* sums of the first two values */
};

/* Of the stacks that begin in [low, high). */
static inline struct charged charged_between(struct rt__buckets *table, uintptr_t low, uintptr_t high)
{
    struct charged sum = {0};
    struct rt__bucket_copy *copy;
    size_t n;
    assert_int_equal(rt__buckets_copy(table, &copy, &n), 0);
    for (size_t i = 0; i < n; i++) {
        uintptr_t pc = copy[i].bucket->pcs[0];
        if (pc >= low && pc < high && copy[i].values[0] > 0) {
            sum.stacks++;
            sum.first += copy[i].values[0];
            sum.second += copy[i].values[1];
        }
    }
    free(copy);
    return sum;
}

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline struct timespec in_ms(clockid_t clock, long ms)
{
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static inline void sleep_ms(long ms)
{
    struct timespec until = in_ms(CLOCK_MONOTONIC, ms);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
    }
}

/* What waits for the truth of something gives up after this. */
#define PATIENCE_NS UINT64_C(60000000000)

#define WAIT_UNTIL(condition)                                                                                          \
    do {                                                                                                               \
        uint64_t end_ = now_ns() + PATIENCE_NS;                                                                        \
        while (!(condition)) {                                                                                         \
            if (now_ns() > end_) {                                                                                     \
                fail_msg("did not come about: %s", #condition);                                                        \
            }                                                                                                          \
            sched_yield();                                                                                             \
        }                                                                                                              \
    } while (0)

#endif
