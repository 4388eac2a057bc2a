/* timeline_parts.h - what the files of the timeline share. Private to them.
 *
 *   timeline.c         what goes in: threads, chunks, samples; and the end
 *   timeline_tracks.c  the tracks: how they begin, wait and end; every moment of a thread passes here
 *   timeline_events.c  events as changes of a track's state, before from_ns silently
 *   timeline_cycles.c  the collector's track
 *   timeline_map.c     hash tables
 */
#ifndef RT_TRACE_TIMELINE_PARTS_H
#define RT_TRACE_TIMELINE_PARTS_H

#include "runtime/trace/record.h"
#include "runtime/trace/timeline.h"
#include "runtime/trace/timeline_map.h"

enum rt__tl_state {
    RT__TL_UNSEEN,  /* the sink does not know of it */
    RT__TL_RUNNING, /* as the sink sees it */
    RT__TL_WAITING,
    RT__TL_OVER, /* ended, or nothing that can be shown: whatever comes is dropped */
};

struct rt__tl_region {
    uint64_t task;
    const char *name;
    uint32_t site;
    bool is_shown; /* the sink was told of its begin */
};

struct rt__tl_sample {
    uint64_t ns;
    uint32_t stack;
};

/* A slot or a tid: one thread after the other has it. */
struct rt__tl_seat {
    struct rt__tl_thread *told;  /* the last thread with it that was told of */
    struct rt__tl_thread *shown; /* the last that the sink knows of */
};

struct rt__tl_thread {
    struct rt__track track;
    enum rt__tl_state state;
    uint64_t last_ns; /* of its last moment, samples aside; from_ns at first */
    uint64_t runs_ns; /* when it ran first */
    struct rt__tl_seat *slot, *tid;
    /* As told; what it was blocked in at first, and last. */
    uint64_t born_ticks;
    struct {
        uint64_t since;
        enum rt__block reason;
        uintptr_t pc;
    } first;
    uint64_t blocked_since;
    enum rt__block blocked_reason;
    uintptr_t blocked_pc;
    /* As its chunks tell. */
    uint64_t last_ticks; /* the latest time of any event */
    uint64_t task;
    struct rt__tl_region *regions; /* RT__REGIONS_MOST of them, innermost last; NULL: it has had none */
    unsigned depth;
    bool is_cut; /* there may be open regions of which we do not know the begin */
    /* The chunk that was read last, and how far. */
    bool has_chunk, was_owned, is_unreadable;
    uint64_t index;
    uint64_t base;
    size_t at;
    /* Until it is shown. */
    struct rt__tl_sample *samples;
    size_t sample_count, sample_room;
};

/* Ticks to nanoseconds, with the stretch between two pairs that the last ticks fell into. */
struct rt__tl_clock {
    const struct rt__clock_map *map;
    uint64_t ticks, ns;           /* its begin */
    uint64_t span_ticks, span_ns; /* 0: there is none yet */
};

struct rt__timeline {
    uint64_t from_ns, until_ns;
    rt__moment_fn *fn;
    void *sink;
    bool is_finished;
    struct rt__tl_clock clock;
    struct rt__timeline_losses losses;
    struct rt__tl_thread **threads;
    size_t thread_count, thread_room;
    struct rt__tl_map numbers; /* threads */
    struct rt__tl_map slots;   /* seats */
    struct rt__tl_map tids;    /* seats */
    struct rt__tl_map tasks;   /* begun and not ended, as the sink sees it */
    struct rt__tl_map pc_refs; /* addresses: index in pcs, and 1 */
    uintptr_t *pcs;
    size_t pc_count, pc_room;
    struct rt__tl_thread collector;
    uint64_t last_cycle;
};

/* Makes room for one more in an array; false, and noted, when there is none. */
bool rt__tl_room(struct rt__timeline *tl, void *array, size_t *room, size_t count, size_t size);
uint64_t rt__tl_ns(struct rt__timeline *tl, uint64_t ticks);

/* ---- timeline_tracks.c ---- */

/* A thread with its seats; NULL, and noted, when there is no memory. */
struct rt__tl_thread *rt__tl_thread_new(struct rt__timeline *tl, const struct rt__timeline_thread *told);
void rt__tl_thread_free(struct rt__tl_thread *t);

/* Nothing more is shown of it. */
void rt__tl_over(struct rt__tl_thread *t);
/* m->ns is put right when it is before the last moment. */
void rt__tl_emit(struct rt__timeline *tl, struct rt__tl_thread *t, struct rt__moment *m);
void rt__tl_emit_kind(struct rt__timeline *tl, struct rt__tl_thread *t, enum rt__moment_kind kind, uint64_t ns);

/* What a thread waits for. */
struct rt__tl_wait {
    uint64_t ns;
    enum rt__block reason;
    uint32_t stack;
};
/* Its track begins with its birth. These three: false, and it is over, when it cannot be shown. */
bool rt__tl_show_born(struct rt__timeline *tl, struct rt__tl_thread *t, uint64_t made_ns, uint64_t ns, uint32_t stack);
/* It is heard of first at ns, and its birth was not recorded, or before from_ns. wait: what it waited for at from_ns,
 * NULL nothing. */
bool rt__tl_show_found(struct rt__timeline *tl, struct rt__tl_thread *t, uint64_t ns, const struct rt__tl_wait *wait);
/* As that, when it is not shown yet; and true only when it runs. What it was told to have waited for at from_ns it has
 * waited for until then: of a wait that began before recording there is no event. */
bool rt__tl_runs(struct rt__timeline *tl, struct rt__tl_thread *t, uint64_t ns);
void rt__tl_wait(struct rt__timeline *tl, struct rt__tl_thread *t, const struct rt__tl_wait *wait);
void rt__tl_wake(struct rt__timeline *tl, struct rt__tl_thread *t, uint64_t free_ns, uint64_t ns);
void rt__tl_end(struct rt__timeline *tl, struct rt__tl_thread *t, uint64_t ns);
void rt__tl_sample(struct rt__timeline *tl, struct rt__tl_thread *t, const struct rt__tl_sample *s);

/* ---- timeline.c ---- */

/* The reference of an address, 0 for 0. */
uint32_t rt__tl_pc_ref(struct rt__timeline *tl, uintptr_t pc);

/* ---- timeline_events.c ---- */

void rt__tl_event(struct rt__timeline *tl, struct rt__tl_thread *t, const struct rt__event *e);
/* Some of its events before ns are not known. */
void rt__tl_gap(struct rt__timeline *tl, struct rt__tl_thread *t, uint64_t ns);

#endif
