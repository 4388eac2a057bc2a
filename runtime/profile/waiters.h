/* waiters.h - which thread has been waiting for which mutex since when, so that whoever unlocks it can be
 * charged with their time.
 */
#ifndef RT_PROFILE_WAITERS_H
#define RT_PROFILE_WAITERS_H

#include <stddef.h>
#include <stdint.h>

struct rt__waiter;

/* Maps the table, once. What is called before it finds nobody waiting. */
void rt__waiters_start(void);

/* The caller begins to wait for the mutex. NULL when there is no room: its time is nobody's then. */
struct rt__waiter *rt__waiters_enter(const void *mutex, uint64_t now_ns);
/* It has stopped waiting, for whatever reason; NULL is ignored. */
void rt__waiters_leave(struct rt__waiter *w, const void *mutex);

/* How many wait for a mutex that shares this one's part of the table: 0 means that nobody waits for this one. */
uint32_t rt__waiters_near(const void *mutex);
/* Asked by the one who has the mutex, before letting it go: how long all who wait for it have waited altogether since
 * they came, or since this was asked last if that was later. */
uint64_t rt__waiters_release(const void *mutex, uint64_t now_ns);

/* Waits that found no room. */
uint64_t rt__waiters_dropped(void);
/* In the child of a fork, where nobody waits any more. */
void rt__waiters_forget(void);

#endif
