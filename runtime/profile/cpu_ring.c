/* cpu_ring.c - see cpu_ring.h.
 *
 * A sample's struct is whole words, its stack last, so a record is simply the struct as far as it is
 * filled. The writer announces a record after writing it, the reader gives the room back after
 * copying it out: two counters, each written by one side.
 */
#include "runtime/profile/cpu_ring.h"

#include <stddef.h>
#include <string.h>

#define HEAD_WORDS (offsetof(struct rt__cpu_sample, pcs) / sizeof(uint64_t))

_Static_assert(sizeof(uintptr_t) == sizeof(uint64_t) && offsetof(struct rt__cpu_sample, pcs) % sizeof(uint64_t) == 0,
               "a record is whole words");
_Static_assert((RT__CPU_RING_WORDS & (RT__CPU_RING_WORDS - 1)) == 0, "positions wrap by a mask");

/* count words from position `at` on, in at most two pieces. */
static size_t words_before_the_end(uint64_t at, size_t count)
{
    size_t first = RT__CPU_RING_WORDS - (at & (RT__CPU_RING_WORDS - 1));
    return first < count ? first : count;
}

static void copy_in(struct rt__cpu_ring *ring, uint64_t at, const void *from, size_t count)
{
    size_t first = words_before_the_end(at, count);
    memcpy(&ring->words[at & (RT__CPU_RING_WORDS - 1)], from, first * sizeof(uint64_t));
    memcpy(ring->words, (const uint64_t *)from + first, (count - first) * sizeof(uint64_t));
}

static void copy_out(const struct rt__cpu_ring *ring, uint64_t at, void *to, size_t count)
{
    size_t first = words_before_the_end(at, count);
    memcpy(to, &ring->words[at & (RT__CPU_RING_WORDS - 1)], first * sizeof(uint64_t));
    memcpy((uint64_t *)to + first, ring->words, (count - first) * sizeof(uint64_t));
}

void rt__cpu_ring_put(struct rt__cpu_ring *ring, const struct rt__cpu_sample *sample)
{
    size_t count = HEAD_WORDS + sample->depth;
    uint64_t put = ring->put;
    uint64_t free_words = RT__CPU_RING_WORDS - (put - __atomic_load_n(&ring->taken, __ATOMIC_ACQUIRE));
    if (free_words < count) {
        __atomic_store_n(&ring->dropped, ring->dropped + sample->weight, __ATOMIC_RELAXED);
        return;
    }
    copy_in(ring, put, sample, count);
    __atomic_store_n(&ring->put, put + count, __ATOMIC_RELEASE);
}

bool rt__cpu_ring_take(struct rt__cpu_ring *ring, struct rt__cpu_sample *sample)
{
    uint64_t taken = ring->taken;
    if (__atomic_load_n(&ring->put, __ATOMIC_ACQUIRE) == taken) {
        return false;
    }
    copy_out(ring, taken, sample, HEAD_WORDS);
    copy_out(ring, taken + HEAD_WORDS, sample->pcs, sample->depth);
    __atomic_store_n(&ring->taken, taken + HEAD_WORDS + sample->depth, __ATOMIC_RELEASE);
    return true;
}

uint64_t rt__cpu_ring_dropped(const struct rt__cpu_ring *ring)
{
    return __atomic_load_n(&ring->dropped, __ATOMIC_RELAXED);
}

void rt__cpu_ring_reset(struct rt__cpu_ring *ring)
{
    ring->put = ring->taken = ring->dropped = 0;
}
