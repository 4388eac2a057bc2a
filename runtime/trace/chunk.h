/* chunk.h - the memory that threads record into: chunks, each filled by one thread at a time.
 *
 * There is a bound on their number. A thread whose chunk is full takes the next free one, or lets one be made, or takes
 * the oldest full one again, passing over those that a trace still has to write (kept). All with atomic words:
 * nobody waits. Readers copy a chunk while its thread may be writing, and know by the count of its lives whether the
 * copy is good.
 */
#ifndef RT_TRACE_CHUNK_H
#define RT_TRACE_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RT__CHUNK_BYTES 8192u
#define RT__CHUNK_HEAD_WORDS 10u
#define RT__CHUNK_WORDS (RT__CHUNK_BYTES / 8 - RT__CHUNK_HEAD_WORDS)

/* Atomic words throughout: the owner stores, readers load. What becomes of a chunk is a word of the pool's own. */
struct rt__chunk {
    uint64_t place;      /* in the pool */
    uint64_t serial;     /* 1, 2, 3... in the order in which chunks were taken, of all threads */
    uint64_t thread;     /* number of the owner (record.h) */
    uint64_t owner;      /* its tid in the low 32 bits, the slot of its record above */
    uint64_t start_fn;   /* its function; 0 unknown */
    uint64_t index;      /* 0, 1, 2...: which of its thread's chunks; a gap means that one was taken again */
    uint64_t base;       /* ticks that the first event counts from */
    uint64_t task;       /* that the thread worked for when the chunk began */
    uint64_t last_ticks; /* when it was given up */
    uint64_t used;       /* words that are whole; stored with release */
    uint64_t words[RT__CHUNK_WORDS];
};
_Static_assert(sizeof(struct rt__chunk) == RT__CHUNK_BYTES, "a chunk is two pages");

/* The bound (512 MiB at most), and for how long (in ticks) what is full is left alone while there is room for more
 * chunks: 0 ever. Lowering the bound leaves chunks unused, and gives no memory back. Any time. */
void rt__chunks_set(size_t most_bytes, uint64_t age_ticks);
/* Bytes mapped, and the bound. */
size_t rt__chunks_bytes(void);
size_t rt__chunks_most_bytes(void);

/* A chunk for the calling thread, empty; NULL when there is none. The caller fills in the head (thread...task), with
 * release as it does the words, before it stores used. */
struct rt__chunk *rt__chunk_take(void);
/* The owner is done with it, at that time; `keep`: it is not taken again before it was read as a kept one. */
void rt__chunk_give_up(struct rt__chunk *c, uint64_t ticks, bool keep);

/* ---- readers, one at a time ---- */

/* Of the newest chunk taken. */
uint64_t rt__chunks_serial(void);
/* Ticks of the newest events that are gone, as their chunk was taken again: nothing is missing of what came later, but
 * for what was lost for want of any chunk. */
uint64_t rt__chunks_overwritten(void);

/* A copy of a chunk. */
struct rt__chunk_copy {
    uint64_t serial, thread, index, base, task;
    uint64_t start_fn; /* the thread's, as are the next two: it may have ended, and its record be another's */
    uint32_t slot;
    pid_t tid;
    bool is_owned; /* its thread may go on writing */
    uint32_t count;
    const uint64_t *words; /* the copier's */
};
/* Called with each chunk that has events: with kept ones up to that serial, in the order of serials, each of which is
 * let go after the call; or with all (serial_most is of no account then), by thread and index. So each thread's come
 * in order, and with a serial that was read before, none comes before an earlier one that is yet to come. The copy is
 * good during the call. Returns how many were passed over, as they were taken again meanwhile or there was no memory.
 */
typedef void rt__chunk_fn(const struct rt__chunk_copy *copy, void *arg);
size_t rt__chunks_each(bool kept_only, uint64_t serial_most, rt__chunk_fn *fn, void *arg);
/* Lets go of all that is kept: the trace has ended. */
void rt__chunks_unkeep(void);
/* In the child of a fork: all are free. */
void rt__chunks_forget(void);

#endif
