/* timeline.c - see timeline.h: what goes in, and the end.
 *
 * For each thread it is kept how far its chunks were read, so that one that comes again goes on where it was left, and
 * a missing one is noticed. What an event then does is in timeline_events.c.
 *
 * Must never rely on what it is fed: a chunk may be of a thread that nobody told of, may come twice or in the wrong
 * order, may hold words that are no events and times that go back. The worst that may happen is that things are
 * left out.
 */
#include "runtime/trace/timeline_parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

bool rt__tl_room(struct rt__timeline *tl, void *array, size_t *room, size_t count, size_t size)
{
    void *old, *more;
    if (count < *room) {
        return true;
    }
    size_t wanted = *room > 0 ? *room * 2 : 16;
    memcpy(&old, array, sizeof(old)); /* array points to a pointer, of whatever type */
    more = reallocarray(old, wanted, size);
    if (!more) {
        tl->losses.no_memory = true;
        return false;
    }
    memcpy(array, &more, sizeof(more));
    *room = wanted;
    return true;
}

struct rt__timeline *rt__timeline_new(uint64_t from_ns, rt__moment_fn *fn, void *sink)
{
    struct rt__timeline *tl = calloc(1, sizeof(*tl));
    if (tl) {
        tl->from_ns = from_ns;
        tl->until_ns = UINT64_MAX;
        tl->fn = fn;
        tl->sink = sink;
    }
    return tl;
}

static void free_seats(struct rt__tl_map *seats)
{
    for (size_t i = 0; i < seats->room; i++) {
        free(seats->entries[i].value);
    }
    rt__tl_map_free(seats);
}

void rt__timeline_free(struct rt__timeline *tl)
{
    if (!tl) {
        return;
    }
    for (size_t i = 0; i < tl->thread_count; i++) {
        rt__tl_thread_free(tl->threads[i]);
    }
    free(tl->threads);
    free(tl->pcs);
    free_seats(&tl->slots);
    free_seats(&tl->tids);
    rt__tl_map_free(&tl->numbers);
    rt__tl_map_free(&tl->tasks);
    rt__tl_map_free(&tl->pc_refs);
    free(tl);
}

/* ---- time ---- */

/* Between the pairs that the ticks are between; false: they are not. As rt__clock_ns does it. */
static bool find_stretch(struct rt__tl_clock *c, uint64_t ticks)
{
    const struct rt__clock_pair *p = c->map->pairs;
    size_t low = 0;
    size_t high = c->map->n - 1;
    if (ticks < p[low].ticks || ticks >= p[high].ticks) {
        return false;
    }
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        *(ticks < p[mid].ticks ? &high : &low) = mid;
    }
    c->ticks = p[low].ticks;
    c->ns = p[low].ns;
    c->span_ticks = p[high].ticks - p[low].ticks;
    c->span_ns = p[high].ns - p[low].ns;
    return true;
}

uint64_t rt__tl_ns(struct rt__timeline *tl, uint64_t ticks)
{
    struct rt__tl_clock *c = &tl->clock;
    uint64_t product;
    if (ticks - c->ticks >= c->span_ticks && !find_stretch(c, ticks)) {
        return rt__clock_ns(c->map, ticks);
    }
    uint64_t since = ticks - c->ticks;
    if (__builtin_mul_overflow(since, c->span_ns, &product)) {
        return c->ns + (uint64_t)((unsigned __int128)since * c->span_ns / c->span_ticks);
    }
    return c->ns + product / c->span_ticks;
}

static void set_clock(struct rt__timeline *tl, const struct rt__clock_map *map)
{
    tl->clock = (struct rt__tl_clock){.map = map};
}

void rt__timeline_until(struct rt__timeline *tl, uint64_t to_ns)
{
    tl->until_ns = to_ns > tl->from_ns ? to_ns : tl->from_ns;
}

/* ---- threads ---- */

/* One that was not known yet. */
static struct rt__tl_thread *add_thread(struct rt__timeline *tl, const struct rt__timeline_thread *told)
{
    if (told->number == 0 || told->number == RT__TRACK_COLLECTOR || told->slot >= RT__SLOT_COLLECTOR || told->tid < 0 ||
        told->tid >= RT__TID_COLLECTOR) {
        return NULL;
    }
    return rt__tl_thread_new(tl, told);
}

void rt__timeline_thread(struct rt__timeline *tl, const struct rt__timeline_thread *told)
{
    struct rt__tl_thread *t = rt__tl_map_get(&tl->numbers, told->number);
    if (!t) {
        t = add_thread(tl, told);
    }
    if (t) {
        memcpy(t->track.name, told->name, sizeof(t->track.name));
        t->track.name[sizeof(t->track.name) - 1] = '\0';
        t->blocked_since = told->blocked_since;
        t->blocked_reason = told->blocked_reason < RT__BLOCK_REASONS ? told->blocked_reason : RT__BLOCK_IDLE;
        t->blocked_pc = told->blocked_pc;
    }
}

/* Of a thread that nobody told of its chunks say enough. When the first of them is gone, it was born before. */
static struct rt__tl_thread *thread_of(struct rt__timeline *tl, const struct rt__chunk_copy *c)
{
    struct rt__tl_thread *t = rt__tl_map_get(&tl->numbers, c->thread);
    struct rt__timeline_thread told = {.number = c->thread,
                                       .slot = c->slot,
                                       .tid = c->tid,
                                       .start_fn = (uintptr_t)c->start_fn,
                                       .born_ticks = c->index == 0 ? c->base : 0};
    return t ? t : add_thread(tl, &told);
}

/* ---- chunks ---- */

/* Whether there is something new in it. */
static bool open_chunk(struct rt__timeline *tl, struct rt__tl_thread *t, const struct rt__chunk_copy *c)
{
    if (t->has_chunk && c->index <= t->index) {
        bool goes_on = c->index == t->index && !t->is_unreadable && c->count >= t->at;
        t->was_owned = goes_on ? c->is_owned : t->was_owned;
        return goes_on;
    }
    bool is_gap = t->has_chunk && (c->index != t->index + 1 || t->was_owned || t->is_unreadable);
    t->has_chunk = true;
    t->index = c->index;
    t->was_owned = c->is_owned;
    t->is_unreadable = false;
    t->base = c->base;
    t->at = 0;
    t->task = c->task;
    if (is_gap) {
        uint64_t ns = rt__tl_ns(tl, c->base);
        tl->losses.gaps += ns >= tl->from_ns && ns <= tl->until_ns;
        rt__tl_gap(tl, t, ns);
    }
    return true;
}

void rt__timeline_chunk(struct rt__timeline *tl, const struct rt__clock_map *clock, const struct rt__chunk_copy *c)
{
    if (tl->is_finished) {
        return;
    }
    set_clock(tl, clock);
    struct rt__tl_thread *t = thread_of(tl, c);
    if (!t || t->state == RT__TL_OVER || !open_chunk(tl, t, c)) {
        return;
    }
    struct rt__event_reader r = {.words = c->words, .count = c->count, .at = t->at, .base = t->base};
    struct rt__event e;
    while (rt__event_next(&r, &e)) {
        rt__tl_event(tl, t, &e);
    }
    t->at = r.at;
    t->base = r.base;
    t->is_unreadable = r.at < r.count;
}

/* ---- samples ---- */

void rt__timeline_sample(struct rt__timeline *tl, uint64_t ns, pid_t tid, uint32_t stack)
{
    const struct rt__tl_seat *seat = rt__tl_map_get(&tl->tids, (uint64_t)tid);
    struct rt__tl_thread *t = seat ? seat->told : NULL;
    struct rt__tl_sample s = {ns, stack};
    if (!t || t->state == RT__TL_OVER || tl->is_finished || ns < tl->from_ns) {
        return;
    }
    if (t->state != RT__TL_UNSEEN) {
        rt__tl_sample(tl, t, &s);
    } else if (rt__tl_room(tl, &t->samples, &t->sample_room, t->sample_count, sizeof(s))) {
        t->samples[t->sample_count++] = s;
    }
}

/* ---- the end ---- */

uint32_t rt__tl_pc_ref(struct rt__timeline *tl, uintptr_t pc)
{
    uintptr_t known = (uintptr_t)rt__tl_map_get(&tl->pc_refs, pc);
    if (pc == 0 || known) {
        return pc == 0 ? 0 : RT__REF_PC | (uint32_t)(known - 1);
    }
    if (!rt__tl_room(tl, &tl->pcs, &tl->pc_room, tl->pc_count, sizeof(*tl->pcs)) ||
        !rt__tl_map_put(&tl->pc_refs, pc, (void *)(tl->pc_count + 1))) {
        tl->losses.no_memory = true;
        return 0;
    }
    tl->pcs[tl->pc_count] = pc;
    return RT__REF_PC | (uint32_t)tl->pc_count++;
}

uintptr_t rt__timeline_pc(const struct rt__timeline *tl, uint32_t ref)
{
    uint32_t i = ref & ~RT__REF_PC;
    return (ref & RT__REF_PC) && i < tl->pc_count ? tl->pcs[i] : 0;
}

/* The state that it was told to be in last, unless its events say that this is over. */
static void finish_thread(struct rt__timeline *tl, struct rt__tl_thread *t)
{
    bool is_blocked = t->blocked_since && t->last_ticks <= t->blocked_since;
    struct rt__tl_wait wait = {.reason = t->blocked_reason};
    if (is_blocked) {
        wait.ns = rt__tl_ns(tl, t->blocked_since);
        wait.stack = rt__tl_pc_ref(tl, t->blocked_pc);
        is_blocked = wait.ns <= tl->until_ns;
    }
    if (t->state == RT__TL_UNSEEN) {
        /* Of those with one seat only the last can live; and those born later are no part of this. */
        if (t->slot->told != t || t->tid->told != t || (t->born_ticks && rt__tl_ns(tl, t->born_ticks) > tl->until_ns)) {
            return;
        }
        if (is_blocked && wait.ns > tl->from_ns) {
            rt__tl_runs(tl, t, wait.ns);
        } else {
            rt__tl_show_found(tl, t, tl->until_ns, is_blocked ? &wait : NULL);
        }
    }
    if (t->state == RT__TL_RUNNING && is_blocked) {
        rt__tl_wait(tl, t, &wait);
    }
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = (*(struct rt__tl_thread *const *)a)->track.number;
    uint64_t y = (*(struct rt__tl_thread *const *)b)->track.number;
    return (x > y) - (x < y);
}

void rt__timeline_finish(struct rt__timeline *tl, const struct rt__clock_map *clock, uint64_t to_ns)
{
    if (tl->is_finished) {
        return;
    }
    set_clock(tl, clock);
    if (tl->until_ns > to_ns) {
        rt__timeline_until(tl, to_ns);
    }
    if (tl->thread_count > 0) {
        qsort(tl->threads, tl->thread_count, sizeof(*tl->threads), by_number);
    }
    for (size_t i = 0; i < tl->thread_count; i++) {
        finish_thread(tl, tl->threads[i]);
    }
    tl->is_finished = true;
}

void rt__timeline_losses(const struct rt__timeline *tl, struct rt__timeline_losses *out)
{
    *out = tl->losses;
}
