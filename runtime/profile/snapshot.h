/* snapshot.h - a profile at one moment, and what it is written as.
 *
 * Every profile - heap, CPU, mutex, threads - is collected into one struct rt__profile, which knows
 * nothing of where it came from. Differences, profile.proto and Go's text are made from it.
 *
 *   snapshot.c       building, merging, subtracting (pure)
 *   proto.c wire.c   profile.proto
 *   gzip.c           gzip
 *   text.c parts.c   Go's ?debug=1 and ?debug=2
 *   frames.c         addresses looked up, each once, for both
 *   render.c         all of it together, with the symbols of this process
 *   ids.c memory.c   hash tables and growing memory that they share
 *
 * Runs on an ordinary thread, never inside malloc or a signal handler. Where memory runs out nothing ends:
 * `failed` is set, what follows does nothing, and the caller looks once, at the end.
 */
#ifndef RT_PROFILE_SNAPSHOT_H
#define RT_PROFILE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "runtime/profile/ids.h"

struct rt_labels;
struct rt__symbol;
struct rt__symbols;
struct rt__mapping;
struct rt__bucket_copy;

#define RT__PROFILE_VALUES 4

struct rt__value_type {
    const char *type, *unit; /* static */
};

struct rt__sample {
    const uintptr_t *pcs; /* innermost first, as unwind.h; buckets' memory, or the profile's own (rt__profile_keep) */
    uint32_t depth;
    const struct rt_labels *labels; /* may be NULL */
    const char *thread;             /* a label "thread" with this value; NULL: none. The profile's own or static */
    const char *note;               /* goroutine: what stands in the brackets ("running", "epoll_wait") */
    int64_t tid;                    /* goroutine; 0 elsewhere */
    int64_t values[RT__PROFILE_VALUES];
};

enum rt__text_style { RT__TEXT_HEAP, RT__TEXT_COUNT, RT__TEXT_CONTENTION };

/* What a profile of one kind is called and made of; static data. */
struct rt__profile_kind {
    const char *name; /* "heap", also the file name of a download */
    unsigned types_count;
    struct rt__value_type types[RT__PROFILE_VALUES];
    const char *default_type; /* NULL: the last one */
    struct rt__value_type period_type;
    enum rt__text_style text;
    const char *text_title; /* of ?debug=1: "goroutine", "threadcreate", "mutex", "contention"; not of heaps */
    bool drops_runtime;     /* leave out the frames of the runtime's that a stack begins with, as Go does for heap */
};

struct rt__profile {
    const struct rt__profile_kind *kind;
    int64_t period;
    int64_t time_ns;     /* since 1970: when it was taken, or when a difference or CPU profile began */
    int64_t duration_ns; /* 0 for a moment */
    char comment[320];   /* one line; "" for none */
    struct rt__sample *samples;
    size_t count, room;
    void *kept;  /* memory of the profile's own */
    bool failed; /* memory ran out: not to be written */
};

void rt__profile_begin(struct rt__profile *p, const struct rt__profile_kind *kind);
void rt__profile_release(struct rt__profile *p);
/* Adds a zeroed sample, good until the next one is added; NULL (and failed) when there is no memory. */
struct rt__sample *rt__profile_add(struct rt__profile *p);
/* A copy of bytes that lives as long as the profile; NULL (and failed) when there is no memory. */
void *rt__profile_keep(struct rt__profile *p, const void *bytes, size_t size);
/* Adds a sample for each bucket with a value that is not 0, values rounded to whole numbers. */
void rt__profile_add_buckets(struct rt__profile *p, const struct rt__bucket_copy *copy, size_t n);

/* Adds samples to a profile so that equal ones (same stack, labels and thread) become one. */
struct rt__merge {
    struct rt__profile *into; /* gains samples by this alone */
    struct rt__ids ids;
};
/* values are added (sign 1) or taken off (-1). The stack and the thread's name are borrowed. */
void rt__merge_add(struct rt__merge *m, const struct rt__sample *sample, int sign);
void rt__merge_release(struct rt__merge *m);

/* Begins *out and makes it after - before, sample by sample (same stack, labels and thread); samples that come out all
 * 0 are left out. The result's time is before's and its duration the time between; period and comment are after's. It
 * borrows stacks and names of threads from both, which must outlive it. */
void rt__profile_subtract(struct rt__profile *out, const struct rt__profile *before, const struct rt__profile *after);

/* Bytes that grow; malloc'd. */
struct rt__bytes {
    char *data;
    size_t len, room;
    bool failed;
};
void rt__bytes_add(struct rt__bytes *b, const void *data, size_t len);
void rt__bytes_addf(struct rt__bytes *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void rt__bytes_release(struct rt__bytes *b);

/* debug 0: gzip'd profile.proto; 1 and 2: text as Go's runtime/pprof writes it. Opens its own session of symbols. *out
 * is zeroed before. Returns 0, or -ENOMEM (also for a profile that failed), and then *out is empty. */
int rt__profile_render(const struct rt__profile *p, int debug, struct rt__bytes *out);

/* What symbols.h does, as the writers reach it: tests put their own in its place. */
struct rt__symbol_source {
    struct rt__symbols *session;
    size_t (*find)(struct rt__symbols *s, uintptr_t pc, struct rt__symbol *out, size_t max);
    uintptr_t (*function_start)(struct rt__symbols *s, uintptr_t pc);
    const struct rt__mapping *(*mappings)(struct rt__symbols *s, size_t *n);
};
/* The parts of rt__profile_render; profile.proto is not gzip'd yet. Without memory out->failed is set. */
void rt__proto_write(const struct rt__profile *p, const struct rt__symbol_source *symbols, struct rt__bytes *out);
void rt__text_write(const struct rt__profile *p, int debug, const struct rt__symbol_source *symbols,
                    struct rt__bytes *out);
/* gzip of a whole, added to out. Returns 0 or -ENOMEM (and out has failed). */
int rt__gzip(const char *data, size_t len, struct rt__bytes *out);

#endif
