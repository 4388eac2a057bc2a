/* blocks.h - a thread that may block: from just before the call to just after it.
 *
 *     struct rt__blocking b;
 *     rt__block_begin(&b, RT__BLOCK_NETWORK, NULL, caller);
 *     n = real(...);
 *     rt__block_end(&b, caller);
 *
 * One that comes back sooner than a switch of threads takes (RT__BLOCK_LEAST_NS) has not blocked, and leaves no event.
 * The stack is taken after the call, when it is known to be wanted. Both halves keep errno, and may be called anywhere,
 * in a signal handler that has interrupted a block, too. When the thread is cancelled in between, the block
 * ends with the thread.
 */
#ifndef RT_TRACE_BLOCKS_H
#define RT_TRACE_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>
#include "runtime/trace/event.h"

#define RT__BLOCK_LEAST_NS 3000u

struct rt__blocking {
    uint64_t since; /* ticks; 0: nothing is recorded */
    const void *object;
    enum rt__block reason;
    bool is_timed_out; /* set by the caller before the end: nobody let it go */
};

/* object: what is waited for (a mutex, a condition), as wakes know it; NULL none. caller: see unwind/caller.h. */
void rt__block_begin(struct rt__blocking *b, enum rt__block reason, const void *object, const void *caller);
void rt__block_end(struct rt__blocking *b, const void *caller);

/* How many wait for mutexes and read-write locks, by the place that the lock's address leads to: each on a cache line
 * of its own, or locks that are waited for would slow down those that are not. Locks can be told apart by 128 places
 * well enough, as few are waited for at a time. */
#define RT__WANTED_BITS 7
struct rt__wanted {
    uint32_t
        waiting; /* atomic; too high when a thread was forked off, or thrown out of its wait, never for long too low */
} __attribute__((aligned(64)));
extern struct rt__wanted rt__wanted[1u << RT__WANTED_BITS];

static inline struct rt__wanted *rt__wanted_place(const void *lock)
{
    return &rt__wanted[((uintptr_t)lock >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - RT__WANTED_BITS)];
}

/* Whether a thread that is recorded may be waiting for a lock, so that its release is worth a note. */
static inline bool rt__is_wanted(const void *lock)
{
    return __builtin_expect(__atomic_load_n(&rt__wanted_place(lock)->waiting, __ATOMIC_RELAXED) != 0, 0);
}

/* In the child of a fork, where nobody waits. */
void rt__wanted_forget(void);

/* ---- wakes.c: by whom, and when, a thread was let go ---- */

/* The caller unlocks, signals or posts object while others may wait for it. Some 5 ns. */
void rt__wake_note(const void *object, uint64_t ticks);
/* Ticks at which object was last let go, 0 unknown. */
uint64_t rt__wake_find(const void *object);
/* The same, if it was not before `since`, for one asker only: a signal lets one thread go. */
uint64_t rt__wake_take(const void *object, uint64_t since);

#endif
