/* clock.h - the recorder's clock: ticks, read in some nanoseconds, and what they are in time.
 *
 * Where the kernel itself trusts the processor's cycle counter (its clock source is "tsc"), ticks are cycles; elsewhere
 * they are nanoseconds of rt__os_now_ns. Pairs of both clocks are taken as recording goes on (rt__clock_sync), and
 * between two pairs time runs evenly, so that slewing of the machine's clock does not add up.
 */
#ifndef RT_TRACE_CLOCK_H
#define RT_TRACE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "runtime/os/os.h"

extern bool rt__ticks_are_cycles; /* set by rt__clock_start, before any thread records */

static inline uint64_t rt__ticks(void)
{
#if defined(__x86_64__)
    if (__builtin_expect(rt__ticks_are_cycles, 1)) {
        return __builtin_ia32_rdtsc();
    }
#endif
    return rt__os_now_ns();
}

/* Decides what ticks are, and takes the first pair. Again does nothing. */
void rt__clock_start(void);
/* Takes a pair when the newest is more than RT__CLOCK_SYNC_NS old; when forced, more than a millisecond. Lock-free, any
 * context. */
void rt__clock_sync(bool forced);
#define RT__CLOCK_SYNC_NS 500000000u
/* Ticks of the newest pair: for callers who want to know cheaply whether it is old. */
uint64_t rt__clock_synced(void);
/* Roughly how many ticks a second has, for such thresholds; at least 1. Within a millisecond of the program's start the
 * first call waits until it is known: rt__recording_set has called it before anything is recorded. */
uint64_t rt__clock_ticks_per_s(void);

/* A copy of the pairs, to convert with. */
#define RT__CLOCK_PAIRS 512
struct rt__clock_pair {
    uint64_t ticks, ns;
};
struct rt__clock_map {
    size_t n;                                     /* at least 1 */
    struct rt__clock_pair pairs[RT__CLOCK_PAIRS]; /* oldest first */
};
/* With one of now at the end, but for a millisecond. Waits as rt__clock_ticks_per_s does. */
void rt__clock_read(struct rt__clock_map *m);

/* Pure. Before the first pair and after the last the nearest stretch goes on; with one pair ticks are taken for
 * nanoseconds. Monotonic. ns is of rt__os_now_ns. */
uint64_t rt__clock_ns(const struct rt__clock_map *m, uint64_t ticks);

#endif
