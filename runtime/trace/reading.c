/* reading.c - out of the recorder's memory into a writer (see reading.h).
 *
 * Copying comes first and is short; everything slow is done with the copies: looking up names, and writing to a
 * descriptor that may be a pipe nobody empties. So a trace and a snapshot, which may be taken at the same time, wait
 * for each other for some milliseconds at the most, and chunks are free for their threads again soon.
 *
 * What a thread is blocked in is read before its chunks: if it wakes in between, its chunk says so.
 */
#include "runtime/trace/reading.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/cruntime.h"
#include "runtime/os/os.h"
#include "runtime/trace/asleep.h"
#include "runtime/trace/clock.h"
#include "runtime/trace/record.h"
#include "runtime/trace/samples.h"
#include "runtime/trace/writers.h"

#define THREADS_AT_FIRST 64u
#define CYCLES_AT_FIRST 64u
#define CYCLES_MOST 4096u /* there are no more to be had */

struct rt__reading {
    struct rt__out out;
    struct rt__places *places;
    struct rt__writer *writer;
    struct rt__timeline *timeline;
    uint64_t from_ns, to_ns;
    uint64_t recorded_since;    /* ticks */
    struct rt__clock_map clock; /* of the last feeding */
    uint64_t samples_cursor;
    struct rt_cycle *cycles; /* a buffer */
    size_t cycles_room;
    uint64_t cycles_seen; /* number of the newest told */
    uint64_t *told;       /* by slot: which thread was told last */
    size_t told_room;
};

/* ---- gathering -------------------------------------------------------------------------------- */

/* The chunks have one reader at a time. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void rt__reading_forget(void)
{
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

static struct rt__timeline_thread *add_thread(struct rt__gathered *g)
{
    if (g->threads_count == g->threads_room) {
        size_t room = g->threads_room ? 2 * g->threads_room : THREADS_AT_FIRST;
        struct rt__timeline_thread *threads = realloc(g->threads, room * sizeof(*threads));
        if (!threads) {
            g->no_memory = true;
            return NULL;
        }
        g->threads = threads;
        g->threads_room = room;
    }
    return &g->threads[g->threads_count++];
}

static void gather_thread(struct rt__gathered *g, const struct rt__trace_seen *seen)
{
    struct rt__timeline_thread *to = add_thread(g);
    if (to) {
        *to = (struct rt__timeline_thread){
            .number = seen->number,
            .slot = seen->slot,
            .tid = seen->tid,
            .start_fn = seen->start_fn,
            .born_ticks = seen->born_ticks,
            .blocked_since = seen->blocked_since,
            .blocked_reason = seen->blocked_reason,
            .blocked_pc = seen->blocked_pc,
        };
    }
}

static void gather_threads(struct rt__gathered *g)
{
    struct rt__trace_thread *t = __atomic_load_n(&rt__trace_threads, __ATOMIC_ACQUIRE);
    for (; t; t = __atomic_load_n(&t->next, __ATOMIC_ACQUIRE)) {
        struct rt__trace_seen seen;
        if (rt__trace_thread_read(t, &seen)) {
            gather_thread(g, &seen);
        }
    }
}

static void gather_chunk(const struct rt__chunk_copy *copy, void *gathered)
{
    struct rt__gathered *g = gathered;
    struct rt__gathered_chunk *c = malloc(sizeof(*c) + copy->count * sizeof(uint64_t));
    if (!c) {
        g->no_memory = true;
        return;
    }
    c->next = NULL;
    c->copy = *copy;
    c->copy.words = memcpy(c->words, copy->words, copy->count * sizeof(uint64_t));
    *g->chunks_end = c;
    g->chunks_end = &c->next;
}

void rt__gather(struct rt__gathered *g, bool kept_only)
{
    *g = (struct rt__gathered){.chunks = NULL};
    g->chunks_end = &g->chunks;
    pthread_mutex_lock(&lock);
    uint64_t serial = rt__chunks_serial();
    gather_threads(g);
    rt__chunks_each(kept_only, serial, gather_chunk, g);
    pthread_mutex_unlock(&lock);
}

void rt__gathered_release(struct rt__gathered *g)
{
    free(g->threads);
    for (struct rt__gathered_chunk *c = g->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
}

/* ---- begin and end ---------------------------------------------------------------------------- */

static void free_reading(struct rt__reading *r)
{
    if (r->timeline) {
        rt__timeline_free(r->timeline);
    }
    if (r->writer) {
        r->writer->free(r->writer);
    }
    if (r->places) {
        rt__places_free(r->places);
    }
    free(r->cycles);
    free(r->told);
    free(r);
}

static bool make_parts(struct rt__reading *r, enum rt__trace_format format)
{
    r->places = rt__places_new();
    if (!r->places) {
        return false;
    }
    struct rt__writing writing = {.out = &r->out,
                                  .places = r->places,
                                  .from_ns = r->from_ns,
                                  .origin_ns = rt__os_start_ns(),
                                  .procs = (unsigned)rt_max_procs()};
    r->writer = format == RT__TRACE_CHROME ? rt__chrome_writer_new(&writing) : rt__go_writer_new(&writing);
    if (!r->writer) {
        return false;
    }
    r->timeline = rt__timeline_new(r->from_ns, r->writer->moment, r->writer);
    r->writer->timeline = r->timeline;
    return r->timeline != NULL;
}

void rt__reading_abandon(struct rt__reading *r)
{
    r->out.len = 0;
    rt__out_end(&r->out);
    free_reading(r);
}

struct rt__reading *rt__reading_begin(int fd, enum rt__trace_format format, uint64_t from_ns, uint64_t recorded_since)
{
    struct rt__reading *r = calloc(1, sizeof(*r));
    if (!r) {
        return NULL;
    }
    r->from_ns = from_ns;
    r->recorded_since = recorded_since;
    r->to_ns = UINT64_MAX;
    rt__out_begin(&r->out, fd);
    if (!make_parts(r, format)) {
        rt__reading_abandon(r);
        return NULL;
    }
    return r;
}

void rt__reading_until(struct rt__reading *r, uint64_t to_ns)
{
    r->to_ns = to_ns;
    rt__timeline_until(r->timeline, to_ns);
}

int rt__reading_error(const struct rt__reading *r)
{
    return r->out.error;
}

int rt__reading_end(struct rt__reading *r)
{
    struct rt__timeline_losses losses;
    rt__timeline_finish(r->timeline, &r->clock, r->to_ns);
    rt__timeline_losses(r->timeline, &losses);
    r->writer->finish(r->writer, r->to_ns, &losses);
    int error = rt__out_end(&r->out);
    free_reading(r);
    return error;
}

/* ---- feeding ---------------------------------------------------------------------------------- */

/* Whether the thread was the last that was told of its slot; it is now. Without memory it is told each time, which only
 * takes longer. */
static bool was_told(struct rt__reading *r, const struct rt__timeline_thread *t)
{
    if (t->slot >= r->told_room) {
        size_t room = (size_t)t->slot + 64;
        uint64_t *told = realloc(r->told, room * sizeof(*told));
        if (!told) {
            return false;
        }
        memset(told + r->told_room, 0, (room - r->told_room) * sizeof(*told));
        r->told = told;
        r->told_room = room;
    }
    bool was = r->told[t->slot] == t->number;
    r->told[t->slot] = t->number;
    return was;
}

/* A thread that is not known to be blocked, and is, has been since before its blocks were recorded. Or it waits in some
 * way that is not recorded: then what it did before says that it has not waited for so long. */
static void look_at(const struct rt__reading *r, struct rt__timeline_thread *t)
{
    struct rt__os_task task;
    if (!rt__os_task_read(t->tid, &task)) {
        return;
    }
    memcpy(t->name, task.name, sizeof(t->name));
    if (!t->blocked_since && t->born_ticks < r->recorded_since && rt__asleep(&task, &t->blocked_reason)) {
        t->blocked_since = r->recorded_since;
        t->blocked_pc = 0;
    }
}

static void feed_living(struct rt__reading *r, const struct rt__gathered *g, enum rt__reading_threads which)
{
    for (size_t i = 0; i < g->threads_count; i++) {
        struct rt__timeline_thread t = g->threads[i];
        bool is_young = t.born_ticks >= r->recorded_since;
        if (!was_told(r, &t) || which == RT__READING_ALL || (which == RT__READING_YOUNG && is_young)) {
            look_at(r, &t);
            rt__timeline_thread(r->timeline, &t);
        }
    }
}

static bool is_living(const struct rt__gathered *g, uint64_t number)
{
    for (size_t i = 0; i < g->threads_count; i++) {
        if (g->threads[i].number == number) {
            return true;
        }
    }
    return false;
}

/* Of threads that have ended, or began after the others were looked at, what their chunks say. One whose first chunk is
 * gone was born before all that is shown. The timeline reads as much out of a chunk itself, but that comes after the
 * samples, and those of a thread that nobody has told of are nobody's. */
static void feed_others(struct rt__reading *r, const struct rt__gathered *g)
{
    uint64_t last = 0;
    for (const struct rt__gathered_chunk *c = g->chunks; c; last = c->copy.thread, c = c->next) {
        struct rt__timeline_thread t = {
            .number = c->copy.thread,
            .slot = c->copy.slot,
            .tid = c->copy.tid,
            .start_fn = c->copy.start_fn,
            .born_ticks = c->copy.index == 0 ? c->copy.base : 0,
        };
        if (t.number != last && !is_living(g, t.number) && !was_told(r, &t)) {
            rt__timeline_thread(r->timeline, &t);
        }
    }
}

static void feed_sample(uint64_t ticks, pid_t tid, uint32_t stack, void *arg)
{
    struct rt__reading *r = arg;
    rt__timeline_sample(r->timeline, rt__clock_ns(&r->clock, ticks), tid, stack);
}

/* Whether older cycles than those n read may be wanted: all are newer than what was told, and than the begin. */
static bool want_more_cycles(const struct rt__reading *r, size_t n)
{
    return n == r->cycles_room && n < CYCLES_MOST && r->cycles[0].number > r->cycles_seen + 1 &&
           rt__os_start_ns() + r->cycles[0].start_ns > r->from_ns;
}

static bool make_room_for_cycles(struct rt__reading *r)
{
    size_t room = r->cycles_room ? 4 * r->cycles_room : CYCLES_AT_FIRST;
    struct rt_cycle *cycles = realloc(r->cycles, room * sizeof(*cycles));
    if (cycles) {
        r->cycles = cycles;
        r->cycles_room = room;
    }
    return cycles != NULL;
}

static void feed_cycles(struct rt__reading *r)
{
    size_t n = 0;
    if (!r->cycles && !make_room_for_cycles(r)) {
        return;
    }
    do {
        n = rt_cycles_read(r->cycles, r->cycles_room);
    } while (n > 0 && want_more_cycles(r, n) && make_room_for_cycles(r));
    if (n > 0) {
        rt__timeline_cycles(r->timeline, r->cycles, n, rt__os_start_ns());
        r->cycles_seen = r->cycles[n - 1].number;
    }
}

/* Samples before chunks: a sample is put among the events of its thread, and what was gathered before has none that are
 * later than the samples of now. What a thread waits for in the end after them: its first event asks for what it waited
 * for in the beginning. */
void rt__reading_feed(struct rt__reading *r, const struct rt__gathered *g, enum rt__reading_threads which)
{
    rt__clock_read(&r->clock);
    feed_others(r, g);
    feed_living(r, g, which == RT__READING_ALL ? RT__READING_NEW : which);
    rt__samples_each(&r->samples_cursor, feed_sample, r);
    for (const struct rt__gathered_chunk *c = g->chunks; c; c = c->next) {
        rt__timeline_chunk(r->timeline, &r->clock, &c->copy);
    }
    if (which == RT__READING_ALL) {
        feed_living(r, g, which);
    }
    feed_cycles(r);
    rt__places_rest(r->places);
}
