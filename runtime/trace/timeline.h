/* timeline.h - what was recorded, thread by thread, as moments that any writer can write. Pure.
 *
 * Fed with the threads there are, then with chunks, each thread's in order (in the order of serials, or by
 * thread and index), it tells a sink what happened to each thread between from_ns and to_ns, in order of time for each
 * thread. A sink may rely on this, whatever was lost, came out of order or makes no sense:
 *
 *   - a track's first moment is EXISTS_RUNNING, EXISTS_WAITING (both at from_ns) or CREATED
 *   - CREATED is followed by RUN, WAITING by UNBLOCK and then RUN; in between only SAMPLE. A track may be left waiting
 *   - all else comes while the track is running; after END comes nothing
 *   - the times of a track never go back, and are within from_ns and to_ns. Only a SAMPLE's place among the other
 *     moments means nothing: its time may be before or after theirs, but not before the track runs first
 *   - REGION_END is of the innermost region that has begun and not ended, with its task and name; or, when none is
 *     open, of one that began before from_ns or before all that is left of the thread's events
 *   - TASK_BEGIN comes once for an id, until its TASK_END; ids are neither 0 nor UINT64_MAX
 *   - of the tracks that have begun and not ended no two have the same slot or the same tid, and a track runs in a
 *     slot, or with a tid, only after the last moment of the one before it there. EXISTS is only said of the first one
 *   - the cycles are on a track of their own (RT__TRACK_COLLECTOR), one after the other
 *
 * Tracks of threads that ended before from_ns are not mentioned.
 */
#ifndef RT_TRACE_TIMELINE_H
#define RT_TRACE_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "runtime/trace/chunk.h"
#include "runtime/trace/clock.h"
#include "runtime/trace/event.h"

struct rt_cycle;

/* A stack, by reference: a stack of stacks.c, or the one frame of a site. 0: none. */
#define RT__REF_SITE (UINT32_C(1) << 31)
#define RT__REF_PC (UINT32_C(1) << 30) /* one address; index into rt__timeline_pcs' table */

enum rt__moment_kind {
    RT__MOMENT_EXISTS_RUNNING,
    RT__MOMENT_EXISTS_WAITING, /* reason */
    RT__MOMENT_CREATED,        /* stack: of the creator, by another thread, at ns */
    RT__MOMENT_RUN,            /* it runs (again) */
    RT__MOMENT_WAITING,        /* it blocks: reason, stack */
    RT__MOMENT_UNBLOCK,        /* it could run again */
    RT__MOMENT_END,
    RT__MOMENT_TASK_BEGIN,   /* task, parent, name, stack */
    RT__MOMENT_TASK_END,     /* task, stack */
    RT__MOMENT_REGION_BEGIN, /* task, name, stack */
    RT__MOMENT_REGION_END,   /* task, name, stack */
    RT__MOMENT_LOG,          /* task, name (category), text, len, stack */
    RT__MOMENT_HEAP_ALLOC,   /* value */
    RT__MOMENT_HEAP_GOAL,    /* value */
    RT__MOMENT_SAMPLE,       /* stack: a CPU sample. ns: see above */
    RT__MOMENT_GC_BEGIN,     /* value: number of the cycle */
    RT__MOMENT_STW_BEGIN,
    RT__MOMENT_STW_END,
    RT__MOMENT_GC_END, /* value: number of the cycle */
};

/* A thread, as its moments carry it; the same pointer in all of them. */
struct rt__track {
    uint64_t number; /* of the thread, from 1; RT__TRACK_COLLECTOR */
    uint32_t slot;   /* of the threads alive at one time no two have the same */
    pid_t tid;
    uintptr_t start_fn;
    char name[16];
    void *of_sink; /* NULL at first; the sink's to use. Not freed by the timeline */
};
#define RT__TRACK_COLLECTOR UINT64_MAX
/* The collector's slot and tid, which no thread has: the kernel's tids are below 2^22. */
#define RT__SLOT_COLLECTOR (UINT32_C(1) << 20)
#define RT__TID_COLLECTOR (1 << 22)

struct rt__moment {
    enum rt__moment_kind kind;
    uint64_t ns; /* of rt__os_now_ns */
    uint32_t stack;
    enum rt__block reason;
    uint64_t task, parent;
    const char *name; /* the site's: good for ever */
    const char *text; /* good during the call */
    size_t len;
    uint64_t value;
};

typedef void rt__moment_fn(void *sink, struct rt__track *track, const struct rt__moment *moment);

struct rt__timeline;

/* from_ns: what came before only tells the state of things. NULL when there is no memory. */
struct rt__timeline *rt__timeline_new(uint64_t from_ns, rt__moment_fn *fn, void *sink);
void rt__timeline_free(struct rt__timeline *tl);

/* A thread that lives, or lived, within the time, at best before any chunk of it: of one that ended before anybody
 * looked its chunks say enough. Again with the same number it only renews what can change: the name, and what it is
 * blocked in (since 0: it is not). Slots are below RT__SLOT_COLLECTOR, tids below RT__TID_COLLECTOR. */
struct rt__timeline_thread {
    uint64_t number;
    uint32_t slot;
    pid_t tid;
    uintptr_t start_fn;
    char name[16];
    uint64_t born_ticks;
    uint64_t blocked_since;
    enum rt__block blocked_reason;
    uintptr_t blocked_pc; /* as sites keep it: within the calling instruction */
};
void rt__timeline_thread(struct rt__timeline *tl, const struct rt__timeline_thread *t);

/* What comes after is left out from here on: to be told before the last chunks, cycles and samples. */
void rt__timeline_until(struct rt__timeline *tl, uint64_t to_ns);
/* The next chunk of its thread. One that is still being filled may come again with more in it. */
void rt__timeline_chunk(struct rt__timeline *tl, const struct rt__clock_map *clock, const struct rt__chunk_copy *c);
/* Cycles, each once, oldest first: those that ended before from_ns, and those told already, are passed over.
 * program_start_ns: what their start_ns counts from. Only whole cycles are shown. */
void rt__timeline_cycles(struct rt__timeline *tl, const struct rt_cycle *cycles, size_t n, uint64_t program_start_ns);
/* A CPU sample of the thread of that tid, if it lives. Those of threads that nothing was heard of yet are kept until
 * something is. */
void rt__timeline_sample(struct rt__timeline *tl, uint64_t ns, pid_t tid, uint32_t stack);
/* The last: threads of which nothing was heard are told now, as the state they are in from from_ns on. */
void rt__timeline_finish(struct rt__timeline *tl, const struct rt__clock_map *clock, uint64_t to_ns);

/* The address of a RT__REF_PC reference. */
uintptr_t rt__timeline_pc(const struct rt__timeline *tl, uint32_t ref);

/* From from_ns on: events that the recorder lost, as told by the chunks; and places in a thread's life where chunks are
 * missing between two others, or are unreadable. */
struct rt__timeline_losses {
    uint64_t events, gaps;
    bool no_memory; /* the timeline is not whole */
};
void rt__timeline_losses(const struct rt__timeline *tl, struct rt__timeline_losses *out);

#endif
