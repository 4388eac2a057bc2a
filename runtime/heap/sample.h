/* sample.h - which allocations are sampled, and how a sampled block is known again when it is freed.
 *
 * Poisson sampling by bytes, as Go's (runtime/malloc.go, profilealloc): each thread draws how many bytes it
 * may allocate until the next sample, so an allocation of n bytes is sampled with probability
 * 1 - exp(-n/rate). The draw is folded into the budgets that allocation counts down anyway (struct
 * rt__budget), so an allocation that is not sampled costs nothing more. Sampled blocks of the process heap
 * lie in a range of addresses of their own and are larger than RT__SMALL_MAX, so a free of a small
 * block costs nothing either, and one of a large block a comparison. Objects of a collected heap are not
 * marked: the cycle asks which of the recorded ones live.
 *
 * This folder knows nothing of stacks or profiles: profile/ sets rt__sampler before the rate.
 */
#ifndef RT_HEAP_SAMPLE_H
#define RT_HEAP_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "runtime/heap/thread.h"

/* Whoever keeps the samples (profile/heap.c). Called by the allocating thread from within malloc, with no
 * lock held, so nothing here may allocate. */
struct rt__sampler {
    /* A block was sampled. counted_bytes is what the account has it as, weight how many allocations like it
     * it stands for, managed its address when its end is told by marked(), else NULL. Returns a record to be
     * handed to freed() at its end; 0 when there was no room: then nothing is recorded. */
    uint32_t (*allocated)(const void *managed, size_t counted_bytes, double weight);
    void (*freed)(uint32_t record);
    /* A cycle has marked: what was recorded as managed and is not live is dead. */
    void (*marked)(bool (*is_live)(const void *object));
};
extern struct rt__sampler rt__sampler;

/* ---- pure: the arithmetic ---- */

/* How many allocations of this size a sampled one stands for: 1/(1 - exp(-size/rate)); 1 at a rate of 1. */
double rt__sample_weight(size_t size, int64_t rate_bytes);
/* An allocation of at least that many bytes is the next sample: exponentially distributed with mean rate,
 * drawn from *random, a state that is never 0. 0 at a rate of 1: every allocation. */
int64_t rt__sample_next(int64_t rate_bytes, uint64_t *random);

/* ---- budgets ---- */

/* Takes off what was spent since the last grant. */
static inline void rt__budget_settle(struct rt__budget *b)
{
    int64_t spent = b->grant - b->left;
    b->grant = b->left;
    b->until_look -= spent;
    b->until_sample -= spent;
    b->since_look += spent;
}

/* Whichever comes first ends the fast path: a look when until_look falls below 0, a sample of what is at
 * least as large as until_sample. */
static inline void rt__budget_grant(struct rt__budget *b)
{
    int64_t sample = b->until_sample - 1;
    b->left = b->grant = b->until_look < sample ? b->until_look : sample;
}

/* Whether an allocation of size, not yet spent, is to be sampled; the budget must be settled. Draws anew when it is, or
 * when the rate has changed since the last draw. */
bool rt__sample_due(struct rt__budget *b, size_t size);

/* ---- the rate ---- */

/* Bytes between samples; 0 is off. */
int64_t rt__sample_rate(void);
/* Sets it and returns the old one. The calling thread obeys at once, the others after their next look. */
int64_t rt__sample_set_rate(int64_t rate_bytes);
/* Samples that could not be taken because their range of addresses was full or refused. */
uint64_t rt__sample_refused(void);

/* ---- sampled blocks of the process heap (not in sanitizer builds) ---- */

/* Sets aside the range. It comes after mimalloc's own in [low, low + bytes), so that one question to the
 * kernel covers both. */
void rt__sample_range(char *low, size_t bytes);

extern uintptr_t rt__sampled_low, rt__sampled_bytes;
static inline bool rt__sampled(const void *p)
{
    return (uintptr_t)p - rt__sampled_low < rt__sampled_bytes;
}

/* A sampled block, counted and recorded; NULL when there is no room for it there: then it is to be had as any
 * other. alignment is at least 16. */
void *rt__sample_alloc(struct rt__thread *t, size_t size, size_t alignment, bool zero);
/* Ends its record and frees it; returns the size that it is counted with. */
size_t rt__sample_free(void *p);
/* The size that a sampled block is counted with. */
size_t rt__sample_size(const void *p);
/* mi_collect for the calling thread's sampled blocks; with purge also for what belongs to no thread now. */
void rt__sample_collect(struct rt__thread *t, bool purge);

#endif
