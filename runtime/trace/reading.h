/* reading.h - what was recorded, taken out of the recorder's memory and written down: what a trace and a snapshot of
 * the flight recorder have in common.
 *
 *     rt__gather(&g, ...);                    a moment's threads and chunks, copied
 *     r = rt__reading_begin(fd, format, from_ns, recorded_since);
 *     rt__reading_feed(r, &g, ...);           again and again, or once
 *     rt__gathered_release(&g);
 *     rt__reading_until(r, to_ns);            before the last feeding
 *     error = rt__reading_end(r);
 */
#ifndef RT_TRACE_READING_H
#define RT_TRACE_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "runtime/trace/chunk.h"
#include "runtime/trace/timeline.h"
#include "runtime/trace/trace.h"

/* A chunk's copy, with its words. */
struct rt__gathered_chunk {
    struct rt__gathered_chunk *next;
    struct rt__chunk_copy copy;
    uint64_t words[];
};

struct rt__gathered {
    struct rt__timeline_thread *threads; /* that live, without their names */
    size_t threads_count, threads_room;
    struct rt__gathered_chunk *chunks, **chunks_end; /* by thread and index */
    bool no_memory;                                  /* some are missing */
};

/* Copies what threads there are, what they are blocked in, and chunks: those that a trace has still to write (which are
 * let go), or all. Waits for nothing that takes long. */
void rt__gather(struct rt__gathered *g, bool kept_only);
void rt__gathered_release(struct rt__gathered *g);

struct rt__reading;

/* recorded_since: ticks, when recording began; what has blocked since before that, the kernel is asked. NULL: no
 * memory. */
struct rt__reading *rt__reading_begin(int fd, enum rt__trace_format format, uint64_t from_ns, uint64_t recorded_since);

/* Which threads are looked at, of those gathered: the new ones, also those born after recording began (most name
 * themselves when they begin), or, for the last time, all. */
enum rt__reading_threads { RT__READING_NEW, RT__READING_YOUNG, RT__READING_ALL };
/* What was gathered, and the samples and cycles since the last time. */
void rt__reading_feed(struct rt__reading *r, const struct rt__gathered *g, enum rt__reading_threads which);
/* What comes later than that is left out from now on. */
void rt__reading_until(struct rt__reading *r, uint64_t to_ns);
/* The first error of writing, 0 none: there is no use in going on. */
int rt__reading_error(const struct rt__reading *r);
/* Writes what is left, up to the time of rt__reading_until, frees r, and returns the error. */
int rt__reading_end(struct rt__reading *r);
/* Frees r; nothing has been written when nothing was fed. */
void rt__reading_abandon(struct rt__reading *r);

/* In the child of a fork: the one who was copying stayed with the parent. */
void rt__reading_forget(void);

#endif
