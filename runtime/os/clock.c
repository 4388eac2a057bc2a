/* clock.c - the clocks, asked in one place so that the rest of the runtime takes time as numbers.
 *
 * Everything is nanoseconds in a uint64_t: monotonic for lengths, wall clock only for what people
 * read, CPU clocks for who did the work. Program start is fixed once, at the first question or at
 * the latest by the constructor below, so that "@0.009s" in a trace means the same to everybody.
 * Must never allocate or wait: the first calls come from malloc, before any constructor has run.
 */
#define _GNU_SOURCE 1
#include "runtime/os/os.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

static uint64_t read_clock_ns(clockid_t id)
{
    struct timespec ts;

    if (clock_gettime(id, &ts) != 0)
        return 0;
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t rt__os_now_ns(void)
{
    return read_clock_ns(CLOCK_MONOTONIC);
}

uint64_t rt__os_unix_ns(void)
{
    return read_clock_ns(CLOCK_REALTIME);
}

uint64_t rt__os_thread_cpu_ns(void)
{
    return read_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t rt__os_process_cpu_ns(void)
{
    return read_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* pthread_getcpuclockid wants a pthread_t, which nobody has for a library's threads; the kernel's
 * own encoding of a clock (inverted id, then "per thread" = 4 and "scheduler's count" = 2) takes
 * the id that /proc shows. It is part of the kernel's interface to user space, so it stays. */
clockid_t rt__os_thread_clock(pid_t tid)
{
    return (clockid_t)((~(unsigned)tid << 3) | 4u | 2u);
}

uint64_t rt__os_thread_cpu_of_ns(pid_t tid)
{
    int saved_errno = errno;
    uint64_t ns = 0;

    /* Id 0 means the caller to the kernel, and no thread of ours to us. */
    if (tid > 0)
        ns = read_clock_ns(rt__os_thread_clock(tid));
    errno = saved_errno; /* a thread that is gone is an answer, not an error */
    return ns;
}

static _Atomic uint64_t start_ns; /* 0 = not taken yet */

uint64_t rt__os_start_ns(void)
{
    uint64_t taken = atomic_load_explicit(&start_ns, memory_order_relaxed);

    if (taken != 0)
        return taken;
    uint64_t now = rt__os_now_ns();
    /* Two first callers: the one that stored first is right for both. */
    if (atomic_compare_exchange_strong(&start_ns, &taken, now))
        return now;
    return taken;
}

/* 101 is the first priority that is not reserved for the compiler's own use. */
__attribute__((constructor(101))) static void take_start_before_main(void)
{
    (void)rt__os_start_ns();
}
