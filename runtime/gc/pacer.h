/* pacer.h - when to collect: pure functions over byte counts (Go: mgcpacer.go).
 *
 *   goal by percent = live + (live + stacks + globals) x percent/100, at least 4 MiB x percent/100
 *   goal by limit   = limit - (everything that counts toward the limit and is neither a heap
 *                     object nor a free block that an object could take) - headroom
 *   goal            = the smaller of the two, at least live + 64 KiB
 *
 * Go starts marking before the goal because it marks while the program runs; this collector stops
 * the world, so it starts at the goal. Nothing here reads a clock, a lock or a global.
 */
#ifndef RT_GC_PACER_H
#define RT_GC_PACER_H

#include <stdbool.h>
#include <stdint.h>

#define RT__PACER_OFF UINT64_MAX

struct rt__pacer_input {
    int32_t gc_percent;         /* < 0 = off */
    int64_t memory_limit_bytes; /* INT64_MAX = off */
    uint64_t live_bytes;        /* found live by the last cycle (0 before the first) */
    uint64_t stacks_bytes;      /* scanned with it */
    uint64_t globals_bytes;
    uint64_t nonheap_bytes; /* counts toward the limit and is not heap objects nor free blocks */
};

struct rt__pacer_goal {
    uint64_t goal_bytes; /* RT__PACER_OFF: never */
    bool by_limit;       /* the limit, not the percentage, decided it */
};

uint64_t rt__pacer_percent_goal(const struct rt__pacer_input *in);
uint64_t rt__pacer_limit_goal(const struct rt__pacer_input *in);
struct rt__pacer_goal rt__pacer_goal(const struct rt__pacer_input *in);

/* How many bytes a thread may allocate before it looks at the account again, so that `threads`
 * threads together pass the goal by well under 2 %: remaining/(2 x threads), at least 512 bytes and
 * at most 32 KiB (a look costs some 100 ns; every 32 KiB that is under 1 % of the allocations'
 * own cost; see docs/architecture.md for the measurement). */
uint64_t rt__pacer_check_interval(uint64_t heap_bytes, uint64_t goal_bytes, unsigned threads);

/* Go's retained-heap goal for the background scavenger: goal x 1.1 scaled by what the last cycle
 * held per live byte; against a limit, 95 % of it. Bytes held above the smaller are to go back. */
uint64_t rt__pacer_retain_goal(uint64_t goal_bytes, uint64_t last_goal_bytes, uint64_t last_held_bytes,
                               int64_t memory_limit_bytes);

#endif
