/* limiter.h - the collector never takes more than half of the CPU on behalf of a memory limit.
 *
 * A leaky bucket as Go's (mgclimit.go): collector time fills it, program time drains it, it
 * holds one second per processor. While it is full the limiter is on: the pacer's limit goal is
 * ignored and the heap may grow past the limit, which is better than a program that does
 * nothing but collect. The bucket never goes below zero: an idle day must not pay for a death
 * spiral tomorrow. Pure: time comes in as arguments; the caller serialises calls.
 * A collector that stops the world takes every processor for the length of the pause, so the
 * caller passes pause x procs as collector time: the wall-clock share is held to 50 % with it.
 */
#ifndef RT_GC_LIMITER_H
#define RT_GC_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

struct rt__limiter {
    uint32_t procs;
    uint64_t fill_ns;
    uint64_t capacity_ns; /* 1 s x procs */
    uint64_t overflow_ns; /* collector time that found the bucket full, cumulative */
    uint64_t debt_ns;     /* what of it the program's time has still to pay before the bucket drains */
    uint64_t last_ns;     /* end of the last window accounted */
    bool limiting;
    uint64_t limited_cycles; /* times it refused a cycle */
};

void rt__limiter_init(struct rt__limiter *l, uint32_t procs, uint64_t now_ns);
/* Accounts for the window since the last call: gc_ns of it (CPU, all processors) was the
 * collector's, the rest of procs x elapsed the program's. Time that runs backwards is ignored. */
void rt__limiter_update(struct rt__limiter *l, uint64_t now_ns, uint64_t gc_ns);
/* Whether a cycle for the limit's sake may start now (also drains the bucket up to now). */
bool rt__limiter_allows(struct rt__limiter *l, uint64_t now_ns);

#endif
