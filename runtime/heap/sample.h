/* sample.h - which allocations are sampled, and how a sampled block is known again when it is freed.
 *
 * Poisson sampling by bytes, as Go's (runtime/malloc.go, profilealloc): each thread draws how many bytes it
 * may allocate until the next sample, so an allocation of n bytes is sampled with probability
 * 1 - exp(-n/rate). The draw is folded into the budgets that allocation counts down anyway (thread.h), so
 * an allocation that is not sampled costs nothing more. Sampled blocks of the process heap lie in a range of
 * addresses of their own and are larger than RT__SMALL_MAX, so a free of a small block costs nothing
 * either, and one of a large block a comparison.
 *
 * This folder knows nothing of stacks or profiles: profile/ sets rt__sampler before main.
 */
#ifndef RT_HEAP_SAMPLE_H
#define RT_HEAP_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt__thread;

/* Whoever keeps the samples (profile/heap.c). Called by the allocating thread inside malloc, with no lock
 * held, so it must not allocate. */
struct rt__sampler {
    /* A block was sampled: counted_bytes is what the account counts it as, weight how many allocations
     * like it stand for. Returns a record to be handed back at its end, or 0 when it could not be kept:
     * then nothing is recorded. */
    uint32_t (*allocated)(const void *p, size_t counted_bytes, double weight);
    void (*freed)(uint32_t record);
    /* A collection has marked: everything recorded by allocated_managed for which is_live says no, is dead. */
    void (*marked)(bool (*is_live)(const void *p));
    uint32_t (*allocated_managed)(const void *p, size_t counted_bytes, double weight);
};
extern struct rt__sampler rt__sampler;

/* ---- pure: the arithmetic ---- */

/* How many sampled allocations of this size one stands for: 1/(1 - exp(-size/rate)); 1 when rate is at most 1. */
double rt__sample_weight(size_t size, int64_t rate_bytes);
/* Bytes until the next sample: exponentially distributed with mean rate, drawn from *random (a xorshift state, not 0).
 */
int64_t rt__sample_next(int64_t rate_bytes, uint64_t *random);

#endif
