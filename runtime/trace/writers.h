/* writers.h - moments written down: the two formats, and what they share.
 *
 * A writer is a sink of timeline.h. It writes to an out, in pieces, as moments come; what it has to know at
 * the end only (the table of stacks in Go's format) it keeps until then. Errors stay in the out: the first one.
 */
#ifndef RT_TRACE_WRITERS_H
#define RT_TRACE_WRITERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "runtime/trace/timeline.h"

/* out.c: bytes to a descriptor, through a buffer. */
struct rt__out {
    int fd;
    int error; /* negative errno of the first failure; all later bytes are dropped */
    char *buf; /* malloc'd */
    size_t len, room;
    uint64_t written;
};
void rt__out_begin(struct rt__out *out, int fd);
void rt__out_write(struct rt__out *out, const void *bytes, size_t len);
void rt__out_flush(struct rt__out *out);
/* Flushes, gives the buffer back and returns the error, 0 none. */
int rt__out_end(struct rt__out *out);

/* ---- places.c: where a reference of a moment is in the program ---- */

struct rt__places;
struct rt__place {
    uintptr_t pc;
    const char *function; /* never NULL; good until rt__places_free */
    const char *file;     /* "" unknown */
    uint32_t line;
};
struct rt__places *rt__places_new(void); /* NULL: no memory */
void rt__places_free(struct rt__places *p);
/* The frames of a reference, innermost first, inlined ones included, at most max; without what libc and the runtime do
 * around a thread's own function, and without the runtime's innermost frames. When the thread's function is known
 * (start_fn, 0 unknown) the outermost frame is of it, so that a thread always has the same name: reference 0 gives that
 * frame alone. Only a site's frames are those of its one address. */
size_t rt__places_find(struct rt__places *p, const struct rt__timeline *tl, uint32_t ref, uintptr_t start_fn,
                       struct rt__place *out, size_t max);
typedef size_t rt__places_fn(struct rt__places *p, const struct rt__timeline *tl, uint32_t ref, uintptr_t start_fn,
                             struct rt__place *out, size_t max);
/* Lets others look up symbols, profiles above all, which wait for that, once none could for a second. To be called
 * often, when a writer is done with what there is for now. Frames that were found stay. True when others can. */
bool rt__places_rest(struct rt__places *p);

/* ---- the formats ---- */

/* What a writer needs to be told first. */
struct rt__writing {
    struct rt__out *out;
    struct rt__places *places;
    rt__places_fn *find; /* NULL: rt__places_find; a test has places of its own */
    uint64_t from_ns;
    uint64_t origin_ns; /* what times in the trace count from: the program's start, as gctrace's do; 0: as moments */
    unsigned procs;     /* CMAXPROCS */
};

struct rt__writer;
/* Each writes its header at once. NULL: no memory. tl, which the moments come from, may be set after (before the first
 * moment) by rt__writer_timeline. */
struct rt__writer *rt__go_writer_new(const struct rt__writing *w);
struct rt__writer *rt__chrome_writer_new(const struct rt__writing *w);

/* Both kinds begin with this. */
struct rt__writer {
    rt__moment_fn *moment; /* sink: the writer itself */
    /* Writes what is left, and the end. losses go into the trace as well. */
    void (*finish)(struct rt__writer *self, uint64_t to_ns, const struct rt__timeline_losses *losses);
    void (*free)(struct rt__writer *self);
    const struct rt__timeline *timeline;
    struct rt__writing writing;
};

#endif
