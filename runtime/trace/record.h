/* record.h - recording: the calling thread's part of the trace.
 *
 * Each thread has a record, mapped once and handed on to another thread when it ends; a word in it says what the
 * thread is blocked in, so that a thread that never wakes shows, too. Events go into the thread's own chunk.
 * An event that finds no room is counted, and the count is an event itself once there is room again.
 *
 * Every function here may be called at any time, within malloc, with the world stopped, in any thread; when recording
 * is off, or the thread is past its end, it does nothing. So does one in a signal handler that has interrupted another
 * one of its thread's (a handler may sleep, and calls that block are recorded): its event counts as lost.
 */
#ifndef RT_TRACE_RECORD_H
#define RT_TRACE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "runtime/trace/chunk.h"
#include "runtime/trace/clock.h"
#include "runtime/trace/event.h"

#define RT__REGIONS_MOST 32 /* open at once in a thread; deeper ones are not recorded */

/* Aligned, so that two threads that record share no cache line. */
struct rt__trace_thread {
    struct rt__chunk *chunk;            /* NULL none */
    uint64_t base;                      /* ticks: of the chunk, or of the last TIME event */
    uint32_t used;                      /* words of the chunk */
    uint32_t extra;                     /* of those, how many begin no event, and those of TIME events */
    uint64_t index;                     /* of the next chunk */
    uint64_t lost;                      /* events since the last LOST event */
    uint64_t retry_ticks;               /* when to look for a chunk again, after there was none */
    uint64_t task;                      /* that it works for; changed after the event that tells of it */
    bool is_busy;                       /* recording: a signal handler must not */
    uint32_t ended;                     /* how often it was told that its thread ends */
    uint32_t depth;                     /* open regions, those beyond RT__REGIONS_MOST included */
    uint32_t regions[RT__REGIONS_MOST]; /* their sites */
    /* Atomic, for readers: what it is of. */
    bool in_use;
    uint64_t number; /* 1, 2, 3...: of a thread, for good. 1 is the main thread; 0: being handed on */
    uint32_t slot;   /* which record: 0, 1, 2... */
    pid_t tid;
    uint64_t born_ticks; /* or when recording first saw it */
    uintptr_t start_fn;  /* its function; 0 unknown */
    /* And what it is blocked in now; each stored with release, since last. */
    uint64_t blocked_since; /* ticks; 0: it is not */
    uint64_t blocked_reason;
    uint64_t blocked_pc;
    uint64_t woke; /* ticks: end of the last block that left an event */
    struct rt__trace_thread *next;
} __attribute__((aligned(64)));

/* Whether anything is recorded: read before anything else is done. */
extern uint32_t rt__recording; /* atomic; bits below */
#define RT__RECORD_FLIGHT 1u
#define RT__RECORD_TRACE 2u

static inline bool rt__is_recording(void)
{
    return __builtin_expect(__atomic_load_n(&rt__recording, __ATOMIC_RELAXED) != 0, 0);
}

extern __thread struct rt__trace_thread *rt__trace_self_ptr __attribute__((tls_model("initial-exec")));
/* The calling thread's record, made at its first call; NULL past its end, or when there is no memory. */
struct rt__trace_thread *rt__trace_self_slow(void);
static inline struct rt__trace_thread *rt__trace_self(void)
{
    struct rt__trace_thread *t = rt__trace_self_ptr;
    return __builtin_expect(t != NULL, 1) ? t : rt__trace_self_slow();
}

/* All records, in the order of their slots; only ever grows. */
extern struct rt__trace_thread *rt__trace_threads; /* atomic head */

/* What a reader may know of a thread. */
struct rt__trace_seen {
    uint64_t number;
    uint32_t slot;
    pid_t tid;
    uint64_t born_ticks;
    uintptr_t start_fn;
    uint64_t blocked_since; /* ticks; 0: it is not blocked, and the next two say nothing */
    enum rt__block blocked_reason;
    uintptr_t blocked_pc;
};
/* False when no living thread has the record. What readers need of one that ended is in its chunks. */
bool rt__trace_thread_read(const struct rt__trace_thread *t, struct rt__trace_seen *out);

/* One event of the given time, not before the thread's last. n words after the first. */
void rt__record(struct rt__trace_thread *t, uint64_t ticks, enum rt__event_type type, uint32_t arg,
                const uint64_t *words, unsigned n);
/* A log: text is cut at RT__LOG_MOST. */
void rt__record_log(struct rt__trace_thread *t, uint64_t ticks, uint32_t site, const char *text, size_t len);
/* The one-word event, inlined: most are. */
void rt__record_slow(struct rt__trace_thread *t, uint64_t ticks, enum rt__event_type type, uint32_t arg);
static inline void rt__record_short(struct rt__trace_thread *t, uint64_t ticks, enum rt__event_type type, uint32_t arg)
{
    /* Before anything is read that a handler's event could change. */
    bool was_busy = t->is_busy;
    t->is_busy = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    uint64_t since = ticks - t->base;
    if (__builtin_expect(was_busy || !t->chunk || t->used == RT__CHUNK_WORDS || since > UINT32_MAX, 0)) {
        t->is_busy = was_busy;
        rt__record_slow(t, ticks, type, arg);
        return;
    }
    /* Release, which costs nothing on x86, for the sake of a reader whose copy is of a chunk's life before: chunk.c. */
    __atomic_store_n(&t->chunk->words[t->used], rt__event_word(type, arg, (uint32_t)since), __ATOMIC_RELEASE);
    __atomic_store_n(&t->chunk->used, ++t->used, __ATOMIC_RELEASE);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    t->is_busy = false;
}

/* ---- threads ---- */

/* What pthread_create's caller knows, for the thread that begins. */
struct rt__trace_birth {
    uint64_t ticks; /* 0: not recorded */
    uint32_t stack;
    uintptr_t fn;
};
/* In the creating thread, before pthread_create; caller: see unwind/caller.h. */
void rt__trace_thread_made(struct rt__trace_birth *birth, uintptr_t fn, const void *caller);
/* In the new thread, before its function. Its end is seen by a key of pthread's. */
void rt__trace_thread_begins(const struct rt__trace_birth *birth);
/* For state.c: in the child of a fork. */
void rt__trace_threads_forget(void);

/* ---- counters, since the program began ---- */
struct rt__trace_counts {
    uint64_t events;                                /* recorded, roughly: those of chunks given up */
    uint64_t lost;                                  /* for want of room */
    uint64_t stacks_lost, sites_lost, samples_lost; /* for want of room in their tables */
};
void rt__trace_counts(struct rt__trace_counts *out);

/* Of those, record.c's own. */
void rt__record_counts(struct rt__trace_counts *out);

/* state.c: switches a reader on or off. Not while recording: within a millisecond of the program's start it waits for
 * the clock. */
void rt__recording_set(uint32_t reader, bool on);
/* Called by it after rt__recording has begun, or ceased, to be 0, for what lies above this module; NULL: nobody.
 * Atomic. Who sets it looks at rt__is_recording() afterwards, lest the start was missed. */
extern void (*rt__recording_watcher)(void);
/* Gives the calling thread's chunk up, so that readers get it whole. */
void rt__record_flush(void);

#endif
