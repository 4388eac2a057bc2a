/* profile.h - the profiles by name, for those who write them out: debug/, agent/ and the public API (profile.c).
 *
 *   heap.c dump.c        heap and allocs: what heap/sample.c sampled; one in a file when CMEMLIMIT is passed
 *   contention.c waiters.c   mutex and block: who waits, and who makes them wait
 *   threadcreate.c       where each thread was made
 *   interpose.c          pthread_create, pthread_mutex_lock and others, for the whole process
 *   goroutine.c          goroutine: every thread, now
 *   cpu.c cpu_*.c        profile: where CPU time goes
 *   signal.c             the signal by which the last two reach into threads
 *   buckets.c labels.c   sums by stack and labels
 *   snapshot.c render.c  one profile at one moment, and what it is written as: proto.c wire.c gzip.c text.c parts.c;
 *                        frames.c ids.c memory.c serve them
 *   wait.c               sleeping until a profile's time is over or its reader has gone
 *
 * Stacks come from unwind/, names from symbols/.
 */
#ifndef RT_PROFILE_PROFILE_H
#define RT_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "runtime/profile/snapshot.h"

struct env_settings;

struct rt__profile_entry {
    const struct rt__profile_kind *kind;
    /* Fills *p, begun by the caller. May set p->failed. */
    void (*collect)(struct rt__profile *p);
    /* How many there are now, for the index page. */
    uint64_t (*count)(void);
    const char *help; /* one sentence, for the index page */
};

/* allocs block goroutine heap mutex threadcreate, sorted by name; NULL at the end. */
const struct rt__profile_entry *rt__profile_at(unsigned i);
const struct rt__profile_entry *rt__profile_named(const char *name, size_t len);

/* Each module's part of the table. */
extern const struct rt__profile_entry rt__profile_heap, rt__profile_allocs; /* heap.c */
extern const struct rt__profile_entry rt__profile_mutex, rt__profile_block; /* contention.c */
extern const struct rt__profile_entry rt__profile_goroutine;                /* goroutine.c */
extern const struct rt__profile_entry rt__profile_threadcreate;             /* threadcreate.c */

/* Before main, after the heap has started. */
void rt__profile_start(const struct env_settings *settings);
void rt__profile_heap_start(const struct env_settings *settings);
void rt__contention_start(const struct env_settings *settings);

/* Called first thing by every thread that pthread_create makes (interpose.c), before the program's function: a
 * running CPU profile gets its samples from the start, and the profiler's signal is unblocked. Does not allocate. */
void rt__profile_thread_begins(void); /* signal.c */

/* ---- cpu.c ---- */

/* 0, -EBUSY when one is running, -EAGAIN when there is no thread to be had. The calling thread, or another, then calls
 * stop. */
int rt__cpu_profile_begin(void);
/* Ends it and fills *p (begun by this call with the kind "profile"). -EINVAL when none is running. */
int rt__cpu_profile_end(struct rt__profile *p);

/* ---- waiting ---- */

/* Sleeps for ns, or until the peer on fd (-1: none) has gone or its connection was shut down for reading: then false.
 */
bool rt__profile_wait(uint64_t ns, int peer_fd);

#endif
