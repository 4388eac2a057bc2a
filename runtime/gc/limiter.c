/* limiter.c - the leaky bucket that keeps the collector to half of the CPU.
 *
 * Collector time fills the bucket, program time drains it, one for one: over any stretch in which
 * it is neither full nor empty both had the same share. Its capacity, a second a processor, is the
 * leeway: a burst of cycles passes unnoticed, a spiral of them does not. It cannot go below empty,
 * so quiet hours earn nothing.
 *
 * One thing differs from Go, where a full bucket only stops threads from helping to mark. Here it
 * stops whole cycles, and a cycle that meets an almost full bucket takes as long as it takes. If
 * what did not fit were forgotten, one microsecond of draining would allow the next cycle, and
 * cycles of 10 ms would run at 99.99 %. So it is remembered as a debt that the program's time pays
 * first. Must never read a clock: time and collector time are arguments.
 */
#include "runtime/gc/limiter.h"

#define CAPACITY_PER_PROC_NS 1000000000ull

static uint64_t multiply(uint64_t a, uint64_t b)
{
    uint64_t product;

    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void rt__limiter_init(struct rt__limiter *l, uint32_t procs, uint64_t now_ns)
{
    if (procs == 0)
        procs = 1;
    *l = (struct rt__limiter){.procs = procs, .capacity_ns = procs * CAPACITY_PER_PROC_NS, .last_ns = now_ns};
}

/* The debt of one cycle is kept whole, however long the cycle was. Over several cycles, which can
 * only be forced ones or CGC's, it stops at the bucket's size: a program that calls rt_gc for ten
 * minutes must not find its limit ignored for the next ten. */
static void fill(struct rt__limiter *l, uint64_t ns)
{
    uint64_t headroom = l->capacity_ns - l->fill_ns;

    if (ns < headroom) {
        l->fill_ns += ns;
        return;
    }
    uint64_t over = ns - headroom;
    uint64_t most = larger(larger(l->debt_ns, over), l->capacity_ns);
    uint64_t debt = add(l->debt_ns, over);
    l->fill_ns = l->capacity_ns;
    l->debt_ns = debt < most ? debt : most;
    l->overflow_ns = add(l->overflow_ns, over);
    l->limiting = true;
}

static void drain(struct rt__limiter *l, uint64_t ns)
{
    if (ns <= l->debt_ns) {
        l->debt_ns -= ns;
        return;
    }
    ns -= l->debt_ns;
    l->debt_ns = 0;
    l->fill_ns = ns < l->fill_ns ? l->fill_ns - ns : 0;
    l->limiting = false; /* below capacity now: ns was not 0 */
}

/* Two threads may read the clock in one order and get here in the other. The later one's window was
 * counted already then, and its collector time still has to be: it did run. The same holds for
 * collector time that is longer than its window. */
void rt__limiter_update(struct rt__limiter *l, uint64_t now_ns, uint64_t gc_ns)
{
    uint64_t window_ns = 0;

    if (now_ns > l->last_ns) {
        window_ns = multiply(now_ns - l->last_ns, l->procs);
        l->last_ns = now_ns;
    }
    uint64_t program_ns = window_ns > gc_ns ? window_ns - gc_ns : 0;
    /* Only the difference moves the level: a window that was half the collector's changes nothing,
     * in particular it does not touch the rim of an almost full bucket on its way. */
    if (gc_ns > program_ns)
        fill(l, gc_ns - program_ns);
    else
        drain(l, program_ns - gc_ns);
}

bool rt__limiter_allows(struct rt__limiter *l, uint64_t now_ns)
{
    rt__limiter_update(l, now_ns, 0);
    if (l->limiting)
        l->limited_cycles++;
    return !l->limiting;
}
