/* buckets.h - sums by stack and labels: the table behind each profile.
 *
 * A bucket is one distinct stack under one set of labels, with up to four sums. Buckets are never freed and
 * never move, so a pointer to one, and the addresses in it, stay good for the life of the process. Memory
 * is mapped in steps as buckets come, up to the table's bound; what does not fit is counted as dropped.
 *
 * Called inside malloc: nothing here allocates or waits long. Not for signal handlers.
 */
#ifndef RT_PROFILE_BUCKETS_H
#define RT_PROFILE_BUCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_labels;

#define RT__BUCKET_VALUES 4

struct rt__bucket {
    struct rt__bucket *next_in_chain, *next; /* next: of all, newest first */
    const struct rt_labels *labels;
    uint32_t hash, depth;
    double values[RT__BUCKET_VALUES]; /* written under the table's lock */
    uintptr_t pcs[];
};

struct rt__buckets {
    struct rt__bucket **chains; /* mapped at first use */
    struct rt__bucket *newest;
    char *room, *room_end; /* of the chunk being filled */
    size_t mapped_bytes, most_bytes;
    uint64_t count, dropped;
    uint64_t missed; /* atomic: not added, because somebody else held the lock for too long */
    bool locked;
};

#define RT__BUCKETS_INIT(most)                                                                                         \
    {                                                                                                                  \
        .most_bytes = (most)                                                                                           \
    }

/* Finds or makes the bucket, adds by[i] to its values, and returns it; NULL (and one more dropped) when
 * the table is full. */
struct rt__bucket *rt__buckets_add(struct rt__buckets *t, const uintptr_t *pcs, size_t depth,
                                   const struct rt_labels *labels, const double by[RT__BUCKET_VALUES]);
/* The same for callers that must not wait for another thread, which may have been stopped with the lock in hand: gives
 * up after some 100 us of trying, with NULL and one more dropped. */
struct rt__bucket *rt__buckets_try_add(struct rt__buckets *t, const uintptr_t *pcs, size_t depth,
                                       const struct rt_labels *labels, const double by[RT__BUCKET_VALUES]);
/* Adds to a bucket that is known. */
void rt__buckets_add_to(struct rt__buckets *t, struct rt__bucket *b, const double by[RT__BUCKET_VALUES]);

/* A copy of the values of all buckets at one moment; see snapshot.h for what it becomes. copy[i].bucket stays
 * good. The caller frees *copy (malloc'd); returns -1 when there is no memory for it. */
struct rt__bucket_copy {
    const struct rt__bucket *bucket;
    double values[RT__BUCKET_VALUES];
};
int rt__buckets_copy(struct rt__buckets *t, struct rt__bucket_copy **copy, size_t *n);
uint64_t rt__buckets_dropped(struct rt__buckets *t);
uint64_t rt__buckets_count(struct rt__buckets *t);

/* Sets all values to 0; buckets stay. For tests, which begin anew. */
void rt__buckets_clear(struct rt__buckets *t);

/* Around fork. add_locked is for whoever holds the lock of the bucket's table meanwhile. */
void rt__buckets_add_locked(struct rt__bucket *b, const double by[RT__BUCKET_VALUES]);
void rt__buckets_lock(struct rt__buckets *t);
void rt__buckets_unlock(struct rt__buckets *t);

#endif
