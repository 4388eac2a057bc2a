/* timeline_tape.h - recordings made by hand: events of several threads in chunks, as threads would have written them.
 */
#ifndef TESTS_UNIT_TRACE_TIMELINE_TAPE_H
#define TESTS_UNIT_TRACE_TIMELINE_TAPE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/trace/chunk.h"
#include "runtime/trace/clock.h"
#include "runtime/trace/event.h"
#include "runtime/trace/timeline.h"

struct tape_chunk {
    struct rt__chunk_copy copy; /* words: those below */
    uint64_t ticks;             /* that the next event counts from */
    bool is_full;
    uint64_t words[RT__CHUNK_WORDS];
};

/* Chunks in the order of their serials. */
struct tape {
    struct tape_chunk **chunks;
    size_t count;
    size_t words_most; /* that fit a chunk */
};

static inline struct tape_chunk *tape_newest(const struct tape *tape, uint64_t thread)
{
    for (size_t i = tape->count; i > 0; i--) {
        if (tape->chunks[i - 1]->copy.thread == thread) {
            return tape->chunks[i - 1];
        }
    }
    return NULL;
}

static inline struct tape_chunk *tape_add_chunk(struct tape *tape, uint64_t thread, uint64_t index, uint64_t ticks,
                                                uint64_t task)
{
    struct tape_chunk *c = calloc(1, sizeof(*c));
    tape->chunks = realloc(tape->chunks, (tape->count + 1) * sizeof(*tape->chunks));
    assert_true(c && tape->chunks);
    tape->chunks[tape->count++] = c;
    c->copy = (struct rt__chunk_copy){
        .serial = tape->count, .thread = thread, .index = index, .base = ticks, .task = task, .words = c->words};
    c->ticks = ticks;
    return c;
}

/* The thread's next chunk is another. */
static inline void tape_cut(struct tape *tape, uint64_t thread)
{
    struct tape_chunk *c = tape_newest(tape, thread);
    if (c) {
        c->is_full = true;
    }
}

static inline void tape_words(struct tape *tape, struct tape_chunk *c, const uint64_t *words, size_t n)
{
    assert_true(c->copy.count + n <= tape->words_most);
    for (size_t i = 0; i < n; i++) {
        c->words[c->copy.count++] = words[i];
    }
}

/* The chunk for an event of n words; task: that the thread works for before it. */
static inline struct tape_chunk *tape_room(struct tape *tape, uint64_t thread, uint64_t ticks, uint64_t task, size_t n)
{
    struct tape_chunk *c = tape_newest(tape, thread);
    if (!c || c->is_full || c->copy.count + n + 2 > tape->words_most) {
        uint64_t index = c ? c->copy.index + 1 : 0;
        tape_cut(tape, thread);
        c = tape_add_chunk(tape, thread, index, ticks, task);
    }
    if (ticks - c->ticks > UINT32_MAX) {
        tape_words(tape, c, (uint64_t[]){rt__event_word(RT__EV_TIME, 0, 0), ticks}, 2);
        c->ticks = ticks;
    }
    return c;
}

static inline void tape_event(struct tape *tape, uint64_t thread, uint64_t ticks, uint64_t task,
                              enum rt__event_type type, uint32_t arg, const uint64_t *more, size_t n)
{
    struct tape_chunk *c = tape_room(tape, thread, ticks, task, n + 1);
    uint64_t word = rt__event_word(type, arg, (uint32_t)(ticks - c->ticks));
    tape_words(tape, c, &word, 1);
    tape_words(tape, c, more, n);
}

static inline void tape_log(struct tape *tape, uint64_t thread, uint64_t ticks, uint64_t task, uint32_t site,
                            const char *text)
{
    uint64_t more[1 + (RT__LOG_MOST + 7) / 8] = {strlen(text)};
    assert_true(more[0] <= RT__LOG_MOST);
    memcpy(&more[1], text, more[0]);
    tape_event(tape, thread, ticks, task, RT__EV_LOG, site, more, 1 + (more[0] + 7) / 8);
}

static inline void tape_feed(const struct tape *tape, struct rt__timeline *tl, const struct rt__clock_map *clock)
{
    for (size_t i = 0; i < tape->count; i++) {
        rt__timeline_chunk(tl, clock, &tape->chunks[i]->copy);
    }
}

static inline void tape_erase(struct tape *tape)
{
    for (size_t i = 0; i < tape->count; i++) {
        free(tape->chunks[i]);
    }
    free(tape->chunks);
    *tape = (struct tape){.words_most = tape->words_most};
}

#endif
