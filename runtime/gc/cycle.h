/* cycle.h - running a cycle, and when. See cycle.c. */
#ifndef RT_GC_CYCLE_H
#define RT_GC_CYCLE_H

#include <stdbool.h>
#include <stdint.h>
#include "env/settings.h"
#include "runtime/gc/pacer.h"

struct rt__held;

/* Before main: takes the knobs, and asks heap/ to be told of bytes. */
void rt__gc_start(const struct env_settings *settings);

enum rt__gc_why {
    RT__GC_GOAL,     /* the heap has reached its goal: looked at again under the lock */
    RT__GC_FORCED,   /* a call asked */
    RT__GC_RELEASE,  /* a call asked, and for the memory to go back to the system */
    RT__GC_STRESS,   /* CDEBUG=gcstress */
    RT__GC_PERIODIC, /* nothing for two minutes: Go's forcegcperiod */
};
/* Runs one on this thread, waiting for a running one to end first. */
void rt__gc_run(enum rt__gc_why why);

/* The knobs while running; return the old value. */
int32_t rt__gc_set_percent(int32_t percent);
int64_t rt__gc_set_limit(int64_t limit_bytes);

/* The pacer's heap now: found live by the last cycle plus allocated since. Exact under Boehm. */
uint64_t rt__gc_heap_bytes(void);
/* Goal for a heap of that size now; reads what is held when a limit is set. */
struct rt__pacer_goal rt__gc_goal(uint64_t heap_bytes);
/* Whether a cycle that only gives back (mimalloc) would follow the last one too closely. */
bool rt__gc_trim_too_soon(void);
/* All that counts toward CMEMLIMIT. */
uint64_t rt__gc_counted_bytes(const struct rt__held *held);
uint64_t rt__gc_last_end_ns(void);  /* monotonic; 0 = none yet */
uint64_t rt__gc_retain_bytes(void); /* pacer.h: what the managed heap may keep */
int64_t rt__gc_limit(void);
/* Bytes given back outside a cycle, for the statistics. */
void rt__gc_note_scavenged(uint64_t background_bytes);

/* look.c: what heap/ calls when a thread has spent its budget. */
void rt__look_start(const struct env_settings *settings);
/* Bytes the process heap allocated since the last cycle, as told so far (mimalloc only). */
uint64_t rt__look_process_since(void);
void rt__look_process_reset(void);

/* Who wants to know how the heap goes up and down; NULL: nobody. Called at looks, and when a cycle begins and has
 * ended (is_cycle), by threads that may be within malloc: it must neither allocate nor wait. Atomic, set once. */
extern void (*rt__gc_heap_watcher)(bool is_cycle);
static inline void rt__gc_heap_changes(bool is_cycle)
{
    void (*watcher)(bool is_cycle) = __atomic_load_n(&rt__gc_heap_watcher, __ATOMIC_ACQUIRE);
    if (watcher) {
        watcher(is_cycle);
    }
}

/* hooks.c */
void rt__hooks_run(int kind);

/* scavenger.c: the background thread. */
void rt__scavenger_start(const struct env_settings *settings);
/* Starts it when this process has none: after a fork. Not from within malloc. */
void rt__scavenger_ensure(void);
/* Asks it to run the cycle that this thread, being inside malloc, must not run. Any context. */
void rt__scavenger_wake(void);

#endif
