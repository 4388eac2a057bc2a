/* profile.h - the profiles by name, for those who write them out: debug/, agent/ and the public API (profile.c).
 *
 *   heap.c        heap and allocs: what heap/sample.c sampled
 *   contention.c  mutex and block: waits for locks and conditions
 *   goroutine.c   goroutine: every thread, now
 *   threadcreate.c   where each thread was made
 *   cpu.c         profile: where CPU time goes
 *   signal.c      the signal by which cpu.c and goroutine.c reach into threads
 *   interpose.c   pthread_create, pthread_mutex_lock and others, for the whole process
 *   unwind.c cfi.c buckets.c labels.c    how a stack is taken and kept
 *   symbols.c snapshot.c proto.c text.c  how it is written
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

/* 0, or -EBUSY when one is running. The calling thread, or another, then calls stop. */
int rt__cpu_profile_begin(void);
/* Ends it and fills *p (begun by this call with the kind "profile"). -EINVAL when none is running. */
int rt__cpu_profile_end(struct rt__profile *p);

/* ---- waiting ---- */

/* Sleeps for ns, or until the peer on fd (-1: none) has gone or its connection was shut down for reading: then false.
 */
bool rt__profile_wait(uint64_t ns, int peer_fd);

#endif
