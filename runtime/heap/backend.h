/* backend.h - the contract between the managed heap and what implements it.
 *
 * A backend hands out objects, says what it holds, and can run a cycle. gc/ drives it through this
 * struct alone and never names one. Contract, stated once: alloc never returns NULL (the caller
 * aborts first), counts what it hands out in the calling thread's managed tallies (or the
 * process tallies when it allocates there), and is called from registered threads only; collect
 * is called by one thread at a time with no lock held.
 */
#ifndef RT_HEAP_BACKEND_H
#define RT_HEAP_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "runtime/heap/thread.h"

struct rt__account;
struct rt__held;

/* What one collection did; the backend fills it. Times in ns. */
struct rt__collection {
    uint64_t stop_ns, concurrent_ns, mark_ns, sweep_ns;
    uint64_t stop_cpu_ns, assist_cpu_ns, background_cpu_ns, sweep_cpu_ns;
    uint64_t heap_end_bytes;          /* when marking ended (or the trim did) */
    uint64_t live_bytes;              /* found live */
    uint64_t allocated_bytes_at_mark; /* rt__managed_bytes_all when live was taken */
};

/* What a cycle gives back to the system: nothing beyond what it does by itself; what has been free for
 * some cycles; all that is free, whatever it takes. */
enum rt__release { RT__RELEASE_NOTHING, RT__RELEASE_OLD, RT__RELEASE_ALL };

struct rt__backend {
    const char *name;
    bool collected;  /* objects die by themselves; cycles mark */
    bool in_process; /* objects are process-heap blocks and counted there */

    void (*start)(unsigned markers);
    void *(*alloc)(struct rt__thread *t, size_t size);        /* zeroed, scanned */
    void *(*alloc_atomic)(struct rt__thread *t, size_t size); /* neither */
    /* zeroed, scanned, never collected: the runtime's own tables */
    void *(*alloc_root)(struct rt__thread *t, size_t size);
    void (*free_root)(void *p);
    void *(*realloc)(struct rt__thread *t, void *p, size_t size);
    void (*free)(void *p);
    size_t (*usable)(const void *p);
    /* Keeps the record of a sampled object, for free to end. NULL: the backend's cycles tell
     * rt__sampler.marked, or its objects are process-heap blocks. */
    void (*note_sample)(void *p, uint32_t record);
    void (*add_roots)(void *low, void *high);
    void (*thread_start)(struct rt__thread *t); /* register the calling thread; idempotent */
    /* Runs fn on the calling thread, for which no cycle waits meanwhile. NULL: none ever does. */
    void *(*block)(struct rt__thread *t, void *(*fn)(void *arg), void *arg);
    /* The signal that stops threads for a cycle: a handler that takes long must let it through. NULL: none is. */
    int (*stop_signal)(void);

    /* Whether to take memory from the system in small steps: under a limit, where a big one would
     * pass it. */
    void (*grow_in_small_steps)(bool small);
    void (*collect)(struct rt__collection *out, enum rt__release release);
    /* Managed frees found so far (collected backends), as a tally. */
    void (*freed)(struct rt__tally *out);
    /* Adds the backend's own part to *held (nothing when in_process). */
    void (*held)(struct rt__held *held);
    uint64_t (*globals_bytes)(void);
    /* The backend's own figures in one line without newline, for gctrace=2. */
    void (*describe)(char *buf, size_t size);
};

extern const struct rt__backend *rt__backend; /* chosen once, before main */

extern const struct rt__backend rt__backend_mimalloc;
extern const struct rt__backend rt__backend_boehm;
extern const struct rt__backend rt__backend_libc;

/* Aborts with one line: rt_alloc's promise when the system has no memory left. */
void rt__out_of_memory(size_t size) __attribute__((noreturn));

#endif
