/* intern.h - things kept once and found by what they are: names with their places, stacks.
 *
 * A table only grows. Memory comes in pieces as it is needed, because a program with a small CMEMLIMIT must not notice
 * it. A thing is written first and then shown, by one exchange of a word: whoever is stopped or interrupted in between
 * holds up nobody, and has at worst used up its room in vain. Any context, signal handlers included; errno is kept.
 */
#ifndef RT_TRACE_INTERN_H
#define RT_TRACE_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RT__INTERN_PIECE_BYTES (16u << 10)
#define RT__INTERN_PIECES 128u
#define RT__INTERN_LEVELS 4u

struct rt__intern {
    uint32_t pieces_most;            /* the bound; at most RT__INTERN_PIECES */
    uint32_t used;                   /* atomic: units of 8 bytes that were taken */
    uint64_t lost;                   /* atomic: how often there was no room */
    void *pieces[RT__INTERN_PIECES]; /* atomic */
    void *levels[RT__INTERN_LEVELS]; /* atomic */
};

/* What is looked for: how to know it, and how to write it down (zeroed memory, `bytes` of it). */
struct rt__intern_key {
    uint32_t hash;
    size_t bytes;
    const void *what;
    bool (*is)(const void *kept, const void *what);
    void (*write)(void *kept, const void *what);
};

/* The id, 1 and up, below 2^18; 0 when it is not there and does not fit, which is counted. */
uint32_t rt__intern(struct rt__intern *t, const struct rt__intern_key *key);
/* What was kept under an id that was given; NULL for 0 and for ids that never were. */
const void *rt__intern_get(const struct rt__intern *t, uint32_t id);

/* For hash: mixes len bytes into h. */
uint32_t rt__intern_hash(uint64_t h, const void *bytes, size_t len);

#endif
