/* contention.h - the mutex and block profiles, as the wrappers of interpose.c and the knobs use them. */
#ifndef RT_PROFILE_CONTENTION_H
#define RT_PROFILE_CONTENTION_H

#include <stdbool.h>
#include <stdint.h>
#include "runtime/profile/buckets.h"
#include "runtime/trace/blocks.h"
#include "runtime/unwind/caller.h" /* RT__INTERPOSES */

struct rt__waiter;

/* What the wrappers have to do, in one word that each of them reads. 0 until the real functions are known. */
#define RT__LOCKS_READY 1u /* set by interpose.c */
#define RT__LOCKS_MUTEX 2u /* the mutex profile is on */
#define RT__LOCKS_BLOCK 4u /* the block profile is on */
#define RT__LOCKS_TRACE 8u /* something is recorded: follows trace/record.h's rt__recording, from the start on */
extern uint32_t rt__locks_state;

/* values[0]: contentions, values[1]: ns */
extern struct rt__buckets rt__mutex_buckets, rt__block_buckets;

/* Negative only reads; returns the old value. Changes are made by one caller at a time. */
int rt__contention_set_mutex_fraction(int fraction);
int64_t rt__contention_set_block_rate(int64_t rate_ns);

/* A wait, from just before the real call to just after it, for the profiles and the trace. `waited` is false when the
 * call came back with an error at once. caller: see caller.h. */
struct rt__wait {
    struct rt__blocking block;
    const void *mutex; /* NULL: what is waited for is none */
    struct rt__waiter *waiter;
    uint64_t from_ns; /* 0: the profiles are off */
};
void rt__wait_begin(struct rt__wait *w, enum rt__block reason, const void *object, const void *caller);
void rt__wait_end(struct rt__wait *w, bool waited, const void *caller);

/* Just before a mutex is let go: what others have waited for the caller, 0 for nobody. And when it was let go: records
 * it. */
uint64_t rt__release_delay(const void *mutex);
void rt__release_record(uint64_t delay_ns, const void *caller);

/* ---- pure: which events count, and for how much ---- */

/* One in `fraction` counts for all of them. random is uniform. False: not sampled. */
bool rt__mutex_sample(uint64_t delay_ns, uint64_t fraction, uint64_t random, double by[RT__BUCKET_VALUES]);
/* A wait of at least rate_ns always counts, for itself; a shorter one as often as it is a share of rate_ns, and then
 * for as many as it stands for. */
bool rt__block_sample(uint64_t wait_ns, uint64_t rate_ns, uint64_t random, double by[RT__BUCKET_VALUES]);

/* Around fork. */
void rt__contention_before_fork(void);
void rt__contention_after_fork(bool is_child);

#endif
