/* buckets.c - see buckets.h.
 *
 * A hash table of chains. A chain is only ever prepended to, with release, so finding a bucket that is
 * there takes no lock; making one and adding to its sums takes the table's spin lock, held for some tens
 * of nanoseconds. A plain mutex would not do: pthread's may be interposed by this very folder, and
 * whoever waits for it inside malloc must not end up in the kernel for so little.
 */
#include "runtime/profile/buckets.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/os/os.h"

/* A program has some hundreds of stacks, at a rate of 1 some thousands, which makes chains of a few. Both figures are
 * what a table costs a program that is never profiled. */
#define CHAINS 1024u
#define CHUNK_BYTES (16u << 10)

void rt__buckets_lock(struct rt__buckets *t)
{
    while (__atomic_exchange_n(&t->locked, true, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
}

void rt__buckets_unlock(struct rt__buckets *t)
{
    __atomic_store_n(&t->locked, false, __ATOMIC_RELEASE);
}

/* Whoever holds the lock and runs is done within TRY_SPINS looks; whoever holds it and was put off its
 * processor comes back to it within some of the TRY_ROUNDS yields. Whoever was stopped by the collector may
 * be waited for by the collector itself, so this ends. */
#define TRY_SPINS 64
#define TRY_ROUNDS 64

static bool try_lock(struct rt__buckets *t)
{
    for (int round = 0; round < TRY_ROUNDS; round++) {
        for (int spin = 0; spin < TRY_SPINS; spin++) {
            if (!__atomic_load_n(&t->locked, __ATOMIC_RELAXED) &&
                !__atomic_exchange_n(&t->locked, true, __ATOMIC_ACQUIRE)) {
                return true;
            }
        }
        sched_yield();
    }
    return false;
}

static uint32_t hash_of(const uintptr_t *pcs, size_t depth, const struct rt_labels *labels)
{
    uint64_t h = (uintptr_t)labels * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < depth; i++) {
        h = (h ^ pcs[i]) * UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 32;
    }
    return (uint32_t)(h ^ (h >> 32));
}

static struct rt__bucket *find(struct rt__bucket *chain, uint32_t hash, const uintptr_t *pcs, size_t depth,
                               const struct rt_labels *labels)
{
    for (struct rt__bucket *b = chain; b; b = b->next_in_chain) {
        if (b->hash == hash && b->depth == depth && b->labels == labels &&
            memcmp(b->pcs, pcs, depth * sizeof(*pcs)) == 0) {
            return b;
        }
    }
    return NULL;
}

/* ---- under the lock --------------------------------------------------------------------------- */

static void *take_room(struct rt__buckets *t, size_t size)
{
    if ((size_t)(t->room_end - t->room) < size) {
        if (t->mapped_bytes + CHUNK_BYTES > t->most_bytes) {
            return NULL;
        }
        char *chunk = rt__os_map_if_any(CHUNK_BYTES, RT__OS_BUCKETS);
        if (!chunk) {
            return NULL;
        }
        t->room = chunk;
        t->room_end = chunk + CHUNK_BYTES;
        t->mapped_bytes += CHUNK_BYTES;
    }
    void *p = t->room;
    t->room += size;
    return p;
}

static struct rt__bucket *make(struct rt__buckets *t, uint32_t hash, const uintptr_t *pcs, size_t depth,
                               const struct rt_labels *labels)
{
    struct rt__bucket *b = take_room(t, sizeof(*b) + depth * sizeof(*pcs));
    if (!b) {
        t->dropped++;
        return NULL;
    }
    b->labels = labels;
    b->hash = hash;
    b->depth = (uint32_t)depth;
    memcpy(b->pcs, pcs, depth * sizeof(*pcs));
    b->next = t->newest;
    t->newest = b;
    t->count++;
    struct rt__bucket **chain = &t->chains[hash % CHAINS];
    b->next_in_chain = *chain;
    __atomic_store_n(chain, b, __ATOMIC_RELEASE);
    return b;
}

void rt__buckets_add_locked(struct rt__bucket *b, const double by[RT__BUCKET_VALUES])
{
    for (int i = 0; i < RT__BUCKET_VALUES; i++) {
        b->values[i] += by[i];
    }
}

/* ---- for everybody ----------------------------------------------------------------------------- */

/* NULL when there is none, or no table yet. */
static struct rt__bucket *find_unlocked(struct rt__buckets *t, uint32_t hash, const uintptr_t *pcs, size_t depth,
                                        const struct rt_labels *labels)
{
    struct rt__bucket **chains = __atomic_load_n(&t->chains, __ATOMIC_ACQUIRE);
    return chains ? find(__atomic_load_n(&chains[hash % CHAINS], __ATOMIC_ACQUIRE), hash, pcs, depth, labels) : NULL;
}

static struct rt__bucket *add_or_make(struct rt__buckets *t, struct rt__bucket *found, uint32_t hash,
                                      const uintptr_t *pcs, size_t depth, const struct rt_labels *labels,
                                      const double by[RT__BUCKET_VALUES])
{
    if (!t->chains) {
        __atomic_store_n(&t->chains, rt__os_map_if_any(CHAINS * sizeof(*t->chains), RT__OS_BUCKETS), __ATOMIC_RELEASE);
    }
    if (!t->chains) {
        t->dropped++;
        return NULL;
    }
    struct rt__bucket *b = found;
    if (!b) {
        b = find(t->chains[hash % CHAINS], hash, pcs, depth, labels); /* another thread may have made it meanwhile */
    }
    if (!b) {
        b = make(t, hash, pcs, depth, labels);
    }
    if (b) {
        rt__buckets_add_locked(b, by);
    }
    return b;
}

struct rt__bucket *rt__buckets_add(struct rt__buckets *t, const uintptr_t *pcs, size_t depth,
                                   const struct rt_labels *labels, const double by[RT__BUCKET_VALUES])
{
    uint32_t hash = hash_of(pcs, depth, labels);
    struct rt__bucket *b = find_unlocked(t, hash, pcs, depth, labels);
    rt__buckets_lock(t);
    b = add_or_make(t, b, hash, pcs, depth, labels, by);
    rt__buckets_unlock(t);
    return b;
}

struct rt__bucket *rt__buckets_try_add(struct rt__buckets *t, const uintptr_t *pcs, size_t depth,
                                       const struct rt_labels *labels, const double by[RT__BUCKET_VALUES])
{
    uint32_t hash = hash_of(pcs, depth, labels);
    struct rt__bucket *b = find_unlocked(t, hash, pcs, depth, labels);
    if (!try_lock(t)) {
        __atomic_add_fetch(&t->missed, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    b = add_or_make(t, b, hash, pcs, depth, labels, by);
    rt__buckets_unlock(t);
    return b;
}

void rt__buckets_add_to(struct rt__buckets *t, struct rt__bucket *b, const double by[RT__BUCKET_VALUES])
{
    rt__buckets_lock(t);
    rt__buckets_add_locked(b, by);
    rt__buckets_unlock(t);
}

/* The copy is allocated before the lock is taken: allocating may sample, which takes it. Buckets made
 * meanwhile are left to the next copy. */
int rt__buckets_copy(struct rt__buckets *t, struct rt__bucket_copy **copy, size_t *n)
{
    rt__buckets_lock(t);
    size_t count = t->count;
    rt__buckets_unlock(t);
    *n = 0;
    *copy = malloc((count ? count : 1) * sizeof(**copy));
    if (!*copy) {
        return -1;
    }
    rt__buckets_lock(t);
    const struct rt__bucket *b = t->newest;
    for (uint64_t newer = t->count - count; newer > 0; newer--) {
        b = b->next;
    }
    for (; b; b = b->next) {
        (*copy)[*n].bucket = b;
        memcpy((*copy)[*n].values, b->values, sizeof(b->values));
        (*n)++;
    }
    rt__buckets_unlock(t);
    return 0;
}

uint64_t rt__buckets_dropped(struct rt__buckets *t)
{
    rt__buckets_lock(t);
    uint64_t dropped = t->dropped + __atomic_load_n(&t->missed, __ATOMIC_RELAXED);
    rt__buckets_unlock(t);
    return dropped;
}

uint64_t rt__buckets_count(struct rt__buckets *t)
{
    rt__buckets_lock(t);
    uint64_t count = t->count;
    rt__buckets_unlock(t);
    return count;
}

void rt__buckets_clear(struct rt__buckets *t)
{
    rt__buckets_lock(t);
    for (struct rt__bucket *b = t->newest; b; b = b->next) {
        memset(b->values, 0, sizeof(b->values));
    }
    rt__buckets_unlock(t);
}
