/* cpu_profiled.h - a CPU profile from its beginning to its end, and work that is all seen by it. */
#ifndef TESTS_PROFILE_CPU_PROFILED_H
#define TESTS_PROFILE_CPU_PROFILED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include "runtime/profile/profile.h"
#include "tests/unit/profile/cpu_burn.h"

static inline int64_t count(const struct rt__profile *p, bool (*is)(const struct rt__sample *s))
{
    int64_t sum = 0;
    for (size_t i = 0; i < p->count; i++) {
        sum += is(&p->samples[i]) ? p->samples[i].values[0] : 0;
    }
    return sum;
}

static inline void begin(void)
{
    assert_int_equal(rt__cpu_profile_begin(), 0);
}

static inline void end(struct rt__profile *p)
{
    assert_int_equal(rt__cpu_profile_end(p), 0);
    assert_false(p->failed);
}

static inline void start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
    assert_int_equal(pthread_create(thread, NULL, fn, arg), 0);
}

/* The kernel looks at the CPU timers of the thread that it finds at a tick. Where others want the same CPUs it may not
 * find one for a second of its CPU time, which has no sample until then. */
static __thread volatile sig_atomic_t is_found;

static inline void on_found(int signal)
{
    (void)signal;
    is_found = 1;
}

/* Burns so long and then until the thread has been found, so that all of it is sampled. The periods it took. */
static inline double burn_until_found(void (*burn)(uint64_t cpu_ns), uint64_t cpu_ns)
{
    int alarm;
    uint64_t began_ns = rt__os_thread_cpu_ns();
    is_found = 0;
    signal(SIGUSR2, on_found);
    assert_int_equal(rt__os_alarm_start(&alarm, rt__os_tid(), SIGUSR2, 1, cpu_ns, 0), 0);
    while (!is_found) {
        burn(MS);
    }
    rt__os_alarm_stop(alarm);
    return (double)(rt__os_thread_cpu_ns() - began_ns) / (10 * MS);
}

/* Ten samples, where signals come at all. */
static inline void burn_seen(void (*burn)(uint64_t cpu_ns))
{
    if (SIGNALS_COME_LATE) {
        burn(100 * MS);
    } else {
        burn_until_found(burn, 100 * MS);
    }
}

/* A slice may have one sample more or less than its periods; all together one more for what follows the last. */
static inline void assert_near(int64_t samples, double periods, unsigned slices)
{
    double most = 1.0 + slices;
    print_message("#= %lld samples of %.1f periods\n", (long long)samples, periods);
    assert_true((double)samples > periods - most && (double)samples < periods + most);
}

#endif
