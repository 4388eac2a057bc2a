/* pacer.c - when to collect, as arithmetic.
 *
 * Two wishes meet here. The percentage says how much the heap may grow for each byte that the last
 * cycle had to look at: a high one trades memory for fewer cycles. The limit says how much may be
 * held in all. Each gives a goal in heap bytes, the smaller one counts, and a cycle starts when the
 * heap reaches it. Go's concurrent collector has to start before its goal and predict by how much;
 * with the world stopped there is nothing to predict, so no state is kept from cycle to cycle.
 *
 * Must never read a clock, a lock or a global, and never overflow: the inputs come from counters
 * and from what a user typed, and a wrapped goal would be a collector that never stops or never
 * starts. Sums stop at UINT64_MAX instead, which no heap reaches.
 */
#include "runtime/gc/pacer.h"

#define KIB 1024ull
#define MIB (1024ull * 1024)

/* The least goal at 100 %. Below it cycles are so frequent for so little memory that a program
 * starting up spends its time in them; Go's figure, and without it small programs ran hundreds of
 * tiny cycles. It scales with the percentage, so that a small percentage still saves memory. */
#define MIN_GOAL_AT_100_PERCENT (4 * MIB)

/* The least that a program may allocate between two cycles, whatever the knobs say. Higher: CGC=0
 * ("at every opportunity") and a limit below the live heap find garbage later. Lower: cycles back
 * to back that find next to nothing, while each marks the whole live heap however little was new.
 * Not above MIN_HEADROOM: a goal that the limit set above live and this step lifts stays under it. */
#define MIN_GROWTH (64 * KIB)

/* What the limit's goal stays below the limit itself: 5 % of the room where Go keeps 3 % (with 3 %
 * the app under CMEMLIMIT=5000000 passed it by 0.2 % now and then: half-filled blocks), and in a small
 * room 320 KiB, but no more than an eighth of it, where Go keeps 1 MiB. Go's heap goes on growing while
 * it marks, and by how much is a guess, the wilder the smaller the heap. This one stands still while
 * it is marked; what can pass the goal is one check interval a thread (32 KiB at most, 512 bytes when
 * the goal is near), the step by which the heap itself grows, and what the process heap takes until the
 * next cycle: a burst of connections, or the first sampled blocks of each thread (with 5 % alone the app
 * passed 5,000,000 by 1 to 3 %, and with 256 KiB, on a machine with ten times the work it can do, by 0.1 % now and
 * then). Higher: earlier cycles for nothing, and 1 MiB would be a fifth of a
 * limit of 5,000,000. Lower: a heap that takes one more step passes the limit. */
#define HEADROOM_PERCENT 5
#define SMALL_HEADROOM (320 * KIB)
#define SMALL_HEADROOM_PART 8
#define MIN_HEADROOM (64 * KIB)

#define MAX_CHECK_INTERVAL (32 * KIB)
#define MIN_CHECK_INTERVAL 512

/* Go's scavenger: hold 10 % more than the goal needs, so that a heap at its goal does not fetch
 * back what it just returned; near a limit aim at 5 % below, so that it is met in the background
 * before an allocation has to meet it. */
#define RETAIN_EXTRA_DIVISOR 10
#define REDUCE_EXTRA_DIVISOR 20

static uint64_t add(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t clamp_to_64(unsigned __int128 wide)
{
    return wide > UINT64_MAX ? UINT64_MAX : (uint64_t)wide;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t percent_of(uint64_t bytes, int32_t percent)
{
    return clamp_to_64((unsigned __int128)bytes * (uint32_t)percent / 100);
}

/*   live + (live + stacks + globals) x percent/100
 *
 * Stacks and globals are in because they are marked too: a program with large ones pays more for
 * a cycle, so it may allocate more between two. */
uint64_t rt__pacer_percent_goal(const struct rt__pacer_input *in)
{
    if (in->gc_percent < 0)
        return RT__PACER_OFF;
    uint64_t marked = add(in->live_bytes, add(in->stacks_bytes, in->globals_bytes));
    uint64_t goal = add(in->live_bytes, percent_of(marked, in->gc_percent));
    return larger(goal, percent_of(MIN_GOAL_AT_100_PERCENT, in->gc_percent));
}

/*   room = limit - nonheap              what heap objects and free blocks may have together
 *   goal = room - max(5 % of room, 64 KiB)
 *
 * Go also lowers the goal by what is held above the limit already. That helps a collector which
 * returns memory at its leisure; here a cycle that finds the limit passed gives memory back before
 * it ends, and counting the excess twice would only collect too early. */
uint64_t rt__pacer_limit_goal(const struct rt__pacer_input *in)
{
    if (in->memory_limit_bytes == INT64_MAX)
        return RT__PACER_OFF;
    uint64_t limit = in->memory_limit_bytes > 0 ? (uint64_t)in->memory_limit_bytes : 0;
    /* Nothing but collecting is left then; the limiter keeps that to half of the CPU. */
    if (in->nonheap_bytes >= limit)
        return in->live_bytes;
    uint64_t room = limit - in->nonheap_bytes;
    uint64_t small = smaller(room / SMALL_HEADROOM_PART, SMALL_HEADROOM);
    uint64_t headroom = larger(room / 100 * HEADROOM_PERCENT, larger(small, MIN_HEADROOM));
    return larger(room > headroom ? room - headroom : 0, in->live_bytes);
}

/* A goal at the live heap, which CGC=0 and a limit that cannot be met both ask for, is lifted by a
 * step: nothing allocated since the last cycle means nothing new to find. by_limit tells whose wish
 * it was, before the lift, because the limiter may refuse cycles of the limit but not of CGC. */
struct rt__pacer_goal rt__pacer_goal(const struct rt__pacer_input *in)
{
    uint64_t by_percent = rt__pacer_percent_goal(in);
    uint64_t by_limit = rt__pacer_limit_goal(in);
    uint64_t goal = smaller(by_percent, by_limit);

    return (struct rt__pacer_goal){
        .goal_bytes = larger(goal, add(in->live_bytes, MIN_GROWTH)),
        .by_limit = by_limit < by_percent,
    };
}

/* Half of what remains, shared out among the threads: if all use up their share before the next one
 * looks, the heap is still below the goal, and the nearer it comes, the finer the steps. */
uint64_t rt__pacer_check_interval(uint64_t heap_bytes, uint64_t goal_bytes, unsigned threads)
{
    uint64_t remaining = goal_bytes > heap_bytes ? goal_bytes - heap_bytes : 0;
    uint64_t share = remaining / (2 * (uint64_t)(threads > 0 ? threads : 1));

    return larger(smaller(share, MAX_CHECK_INTERVAL), MIN_CHECK_INTERVAL);
}

/*   by the heap  = last_held x goal / last_goal, plus 10 %
 *   by the limit = limit less 5 %
 *
 * Scaling what was held, rather than taking the goal itself, allows for fragmentation: a heap that
 * needed 1.3 bytes for each of its objects' will need them again. */
uint64_t rt__pacer_retain_goal(uint64_t goal_bytes, uint64_t last_goal_bytes, uint64_t last_held_bytes,
                               int64_t memory_limit_bytes)
{
    uint64_t by_heap = RT__PACER_OFF;
    uint64_t by_limit = RT__PACER_OFF;

    /* No goal before the first cycle, or none at all: there is nothing to scale by. */
    if (goal_bytes != RT__PACER_OFF && last_goal_bytes != RT__PACER_OFF && last_goal_bytes != 0) {
        by_heap = clamp_to_64((unsigned __int128)last_held_bytes * goal_bytes / last_goal_bytes);
        by_heap = add(by_heap, by_heap / RETAIN_EXTRA_DIVISOR);
    }
    if (memory_limit_bytes != INT64_MAX) {
        uint64_t limit = memory_limit_bytes > 0 ? (uint64_t)memory_limit_bytes : 0;
        by_limit = limit - limit / REDUCE_EXTRA_DIVISOR;
    }
    return smaller(by_heap, by_limit);
}
