/* record.c - events into the calling thread's chunk.
 *
 * Only the thread itself writes into its chunk, and what it has written becomes visible with one store of `used`,
 * so there is nothing to wait for. The one-word event that fits is inlined in record.h; all else comes here: longer
 * events, the TIME event before one that is far from its base, and the next chunk. When there is no chunk to be had the
 * event is counted as lost, and the next event looks again only after a while: looking means going through the whole
 * pool.
 *
 * The clock is synchronised here, with each TIME event (at least every two seconds, in a thread that records) and each
 * chunk. So there is a pair near every event, and none is far from what the conversion rests upon.
 */
#include "runtime/trace/record.h"

#include <errno.h>
#include <string.h>

/* A writer that cannot keep up lets many chunks go at once, every few milliseconds; looking through a pool of
 * thousands takes some 10 us, a tenth of this. */
#define RETRIES_PER_S 10000u

#define TIME_WORDS 2u

static uint64_t events; /* of chunks that were given up */
static uint64_t lost;

void rt__record_counts(struct rt__trace_counts *out)
{
    out->events = __atomic_load_n(&events, __ATOMIC_RELAXED);
    out->lost = __atomic_load_n(&lost, __ATOMIC_RELAXED);
}

/* Release for each word: see chunk.c. */
static void store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* There is room. */
static void append(struct rt__trace_thread *t, uint64_t first, const uint64_t *words, unsigned n)
{
    uint64_t *to = &t->chunk->words[t->used];
    store(&to[0], first);
    for (unsigned i = 0; i < n; i++) {
        store(&to[1 + i], words[i]);
    }
    t->used += 1 + n;
    t->extra += n;
    store(&t->chunk->used, t->used);
}

static void append_time(struct rt__trace_thread *t, uint64_t ticks)
{
    append(t, rt__event_word(RT__EV_TIME, 0, 0), &ticks, 1);
    t->extra++;
    t->base = ticks;
    rt__clock_sync(false);
}

static void append_lost(struct rt__trace_thread *t)
{
    if (t->lost > 0) {
        append(t, rt__event_word(RT__EV_LOST, 0, 0), &t->lost, 1);
        t->extra++;
        t->lost = 0;
    }
}

static void give_up(struct rt__trace_thread *t)
{
    bool keep = (__atomic_load_n(&rt__recording, __ATOMIC_RELAXED) & RT__RECORD_TRACE) != 0;
    __atomic_add_fetch(&events, t->used - t->extra, __ATOMIC_RELAXED);
    rt__chunk_give_up(t->chunk, rt__ticks(), keep);
    t->chunk = NULL;
}

static void begin_chunk(struct rt__trace_thread *t, struct rt__chunk *c, uint64_t ticks)
{
    store(&c->thread, t->number);
    store(&c->owner, (uint64_t)t->slot << 32 | (uint32_t)t->tid);
    store(&c->start_fn, t->start_fn);
    store(&c->index, t->index++);
    store(&c->base, ticks);
    store(&c->task, t->task);
    t->chunk = c;
    t->base = ticks;
    t->used = t->extra = 0;
    append_lost(t);
}

static bool next_chunk(struct rt__trace_thread *t, uint64_t ticks)
{
    if (ticks < t->retry_ticks) {
        return false;
    }
    int saved_errno = errno;
    struct rt__chunk *c = rt__chunk_take();
    errno = saved_errno;
    if (!c) {
        t->retry_ticks = ticks + rt__clock_ticks_per_s() / RETRIES_PER_S;
        return false;
    }
    begin_chunk(t, c, ticks);
    rt__clock_sync(false);
    return true;
}

/* For that many words of an event of that time. */
static bool make_room(struct rt__trace_thread *t, uint64_t ticks, unsigned words)
{
    if (t->chunk) {
        bool is_far = ticks - t->base > UINT32_MAX;
        if (t->used + words + (is_far ? TIME_WORDS : 0) <= RT__CHUNK_WORDS) {
            if (is_far) {
                append_time(t, ticks);
            }
            return true;
        }
        give_up(t);
    }
    return next_chunk(t, ticks);
}

static void lose(struct rt__trace_thread *t)
{
    t->lost++;
    __atomic_add_fetch(&lost, 1, __ATOMIC_RELAXED);
}

/* False in a signal handler that has interrupted a thread in between: its chunk is not to be touched. One that then
 * leaves by longjmp takes the word with it for good; no handler may call anything after that which is not
 * async-signal-safe, so such programs do not get far. */
static bool enter(struct rt__trace_thread *t)
{
    if (t->is_busy) {
        return false;
    }
    t->is_busy = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return true;
}

static void leave(struct rt__trace_thread *t)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    t->is_busy = false;
}

void rt__record(struct rt__trace_thread *t, uint64_t ticks, enum rt__event_type type, uint32_t arg,
                const uint64_t *words, unsigned n)
{
    if (!t || !rt__is_recording()) {
        return;
    }
    if (!enter(t)) {
        lose(t);
        return;
    }
    if (ticks < t->base) {
        ticks = t->base;
    }
    if (make_room(t, ticks, 1 + n)) {
        append(t, rt__event_word(type, arg, (uint32_t)(ticks - t->base)), words, n);
    } else {
        lose(t);
    }
    leave(t);
}

void rt__record_slow(struct rt__trace_thread *t, uint64_t ticks, enum rt__event_type type, uint32_t arg)
{
    rt__record(t, ticks, type, arg, NULL, 0);
}

void rt__record_log(struct rt__trace_thread *t, uint64_t ticks, uint32_t site, const char *text, size_t len)
{
    uint64_t words[RT__EVENT_WORDS_MOST - 1];
    size_t kept = len < RT__LOG_MOST ? len : RT__LOG_MOST;
    size_t n = 1 + (kept + 7) / 8;
    words[n - 1] = 0; /* of which the text's end may fill a part */
    words[0] = kept;
    memcpy(&words[1], text, kept);
    rt__record(t, ticks, RT__EV_LOG, site, words, (unsigned)n);
}

void rt__record_flush(void)
{
    struct rt__trace_thread *t = rt__trace_self_ptr;
    if (t && enter(t)) {
        if (t->chunk) {
            give_up(t);
        }
        leave(t);
    }
}
