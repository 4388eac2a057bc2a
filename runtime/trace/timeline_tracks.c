/* timeline_tracks.c - the tracks of threads: how they begin, wait and end.
 *
 * A track begins when something is to be told of its thread, not before: only then is it known whether the thread ran,
 * waited or was not yet born at from_ns. It takes two seats then, its slot and its tid, and whoever still sits there
 * has ended without our hearing of it. A thread that comes to a seat after a later one has taken it comes too late to
 * be shown at all.
 *
 * All moments of threads pass rt__tl_emit, which lets no time go back. Whoever calls has seen to it that the moment may
 * come in the track's state.
 */
#include "runtime/trace/timeline_parts.h"

#include <stdlib.h>
#include <string.h>

/* The seat of a slot or tid, made when it is new. */
static struct rt__tl_seat *seat_of(struct rt__timeline *tl, struct rt__tl_map *map, uint64_t key)
{
    struct rt__tl_seat *seat = rt__tl_map_get(map, key);
    if (seat) {
        return seat;
    }
    seat = calloc(1, sizeof(*seat));
    if (!seat || !rt__tl_map_put(map, key, seat)) {
        free(seat);
        tl->losses.no_memory = true;
        return NULL;
    }
    return seat;
}

static void tell_seat(struct rt__tl_seat *seat, struct rt__tl_thread *t)
{
    if (!seat->told || seat->told->track.number < t->track.number) {
        seat->told = t;
    }
}

struct rt__tl_thread *rt__tl_thread_new(struct rt__timeline *tl, const struct rt__timeline_thread *told)
{
    if (!rt__tl_room(tl, &tl->threads, &tl->thread_room, tl->thread_count, sizeof(struct rt__tl_thread *))) {
        return NULL;
    }
    struct rt__tl_seat *slot = seat_of(tl, &tl->slots, told->slot);
    struct rt__tl_seat *tid = seat_of(tl, &tl->tids, (uint64_t)told->tid);
    struct rt__tl_thread *t = slot && tid ? calloc(1, sizeof(*t)) : NULL;
    if (!t || !rt__tl_map_put(&tl->numbers, told->number, t)) {
        free(t);
        tl->losses.no_memory = true;
        return NULL;
    }
    t->track =
        (struct rt__track){.number = told->number, .slot = told->slot, .tid = told->tid, .start_fn = told->start_fn};
    memcpy(t->track.name, told->name, sizeof(t->track.name));
    t->born_ticks = told->born_ticks;
    t->first.since = told->blocked_since;
    t->first.reason = told->blocked_reason < RT__BLOCK_REASONS ? told->blocked_reason : RT__BLOCK_IDLE;
    t->first.pc = told->blocked_pc;
    t->last_ns = tl->from_ns;
    t->slot = slot;
    t->tid = tid;
    tell_seat(slot, t);
    tell_seat(tid, t);
    tl->threads[tl->thread_count++] = t;
    return t;
}

void rt__tl_thread_free(struct rt__tl_thread *t)
{
    rt__tl_over(t);
    free(t);
}

/* The track itself stays: sinks may still point to it. */
void rt__tl_over(struct rt__tl_thread *t)
{
    t->state = RT__TL_OVER;
    free(t->regions);
    free(t->samples);
    t->regions = NULL;
    t->samples = NULL;
    t->depth = 0;
    t->sample_count = t->sample_room = 0;
}

void rt__tl_emit(struct rt__timeline *tl, struct rt__tl_thread *t, struct rt__moment *m)
{
    if (m->ns < t->last_ns) {
        m->ns = t->last_ns;
    }
    t->last_ns = m->ns;
    tl->fn(tl->sink, &t->track, m);
}

void rt__tl_emit_kind(struct rt__timeline *tl, struct rt__tl_thread *t, enum rt__moment_kind kind, uint64_t ns)
{
    struct rt__moment m = {.kind = kind, .ns = ns};
    rt__tl_emit(tl, t, &m);
}

void rt__tl_wait(struct rt__timeline *tl, struct rt__tl_thread *t, const struct rt__tl_wait *wait)
{
    struct rt__moment m = {.kind = RT__MOMENT_WAITING, .ns = wait->ns, .reason = wait->reason, .stack = wait->stack};
    rt__tl_emit(tl, t, &m);
    t->state = RT__TL_WAITING;
}

void rt__tl_wake(struct rt__timeline *tl, struct rt__tl_thread *t, uint64_t free_ns, uint64_t ns)
{
    rt__tl_emit_kind(tl, t, RT__MOMENT_UNBLOCK, free_ns);
    rt__tl_emit_kind(tl, t, RT__MOMENT_RUN, ns);
    t->state = RT__TL_RUNNING;
}

void rt__tl_end(struct rt__timeline *tl, struct rt__tl_thread *t, uint64_t ns)
{
    if (t->state == RT__TL_WAITING) {
        rt__tl_wake(tl, t, ns, ns);
    }
    rt__tl_emit_kind(tl, t, RT__MOMENT_END, ns);
    rt__tl_over(t);
}

/* The seats are t's from *ns on, which is put later when somebody was there for longer. */
static bool take_seats(struct rt__timeline *tl, struct rt__tl_thread *t, uint64_t *ns, bool *is_first)
{
    struct rt__tl_thread *others[] = {t->slot->shown, t->tid->shown};
    *is_first = true;
    for (int i = 0; i < 2; i++) {
        if (!others[i]) {
            continue;
        }
        if (others[i]->track.number > t->track.number) {
            return false;
        }
        *is_first = false;
        if (*ns < others[i]->last_ns) {
            *ns = others[i]->last_ns;
        }
    }
    if (*ns > tl->until_ns) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (others[i] && others[i]->state != RT__TL_OVER) {
            rt__tl_end(tl, others[i], *ns);
        }
    }
    t->slot->shown = t->tid->shown = t;
    return true;
}

static void flush_samples(struct rt__timeline *tl, struct rt__tl_thread *t)
{
    for (size_t i = 0; i < t->sample_count; i++) {
        rt__tl_sample(tl, t, &t->samples[i]);
    }
    free(t->samples);
    t->samples = NULL;
    t->sample_count = t->sample_room = 0;
}

/* The first moments of a track. existed: it was there at from_ns. */
static bool show(struct rt__timeline *tl, struct rt__tl_thread *t, bool existed, const struct rt__moment *made,
                 uint64_t ns, const struct rt__tl_wait *wait)
{
    bool is_first;
    if (!take_seats(tl, t, &ns, &is_first)) {
        rt__tl_over(t);
        return false;
    }
    t->state = RT__TL_RUNNING;
    t->is_cut = existed;
    t->runs_ns = ns;
    if (existed && is_first) {
        struct rt__moment m = {.kind = wait ? RT__MOMENT_EXISTS_WAITING : RT__MOMENT_EXISTS_RUNNING,
                               .ns = tl->from_ns,
                               .reason = wait ? wait->reason : 0,
                               .stack = wait ? wait->stack : 0};
        rt__tl_emit(tl, t, &m);
        t->state = wait ? RT__TL_WAITING : RT__TL_RUNNING;
    } else {
        struct rt__moment m = *made;
        rt__tl_emit(tl, t, &m);
        rt__tl_emit_kind(tl, t, RT__MOMENT_RUN, ns);
        if (wait) {
            rt__tl_wait(tl, t, wait);
        }
    }
    flush_samples(tl, t);
    return true;
}

bool rt__tl_show_born(struct rt__timeline *tl, struct rt__tl_thread *t, uint64_t made_ns, uint64_t ns, uint32_t stack)
{
    struct rt__moment made = {.kind = RT__MOMENT_CREATED, .ns = made_ns < ns ? made_ns : ns, .stack = stack};
    return show(tl, t, false, &made, ns, NULL);
}

bool rt__tl_show_found(struct rt__timeline *tl, struct rt__tl_thread *t, uint64_t ns, const struct rt__tl_wait *wait)
{
    uint64_t born_ns = t->born_ticks ? rt__tl_ns(tl, t->born_ticks) : 0;
    bool existed = born_ns <= tl->from_ns;
    if (existed) {
        ns = tl->from_ns;
    } else if (born_ns < ns) {
        ns = born_ns;
    }
    struct rt__moment made = {.kind = RT__MOMENT_CREATED, .ns = ns};
    return show(tl, t, existed, &made, ns, wait);
}

/* By what was told first: later tellings are of later times. */
static bool show_as_told(struct rt__timeline *tl, struct rt__tl_thread *t, uint64_t ns)
{
    struct rt__tl_wait wait = {.ns = t->first.since ? rt__tl_ns(tl, t->first.since) : UINT64_MAX,
                               .reason = t->first.reason};
    if (wait.ns > tl->from_ns) {
        return rt__tl_show_found(tl, t, ns, NULL);
    }
    wait.stack = rt__tl_pc_ref(tl, t->first.pc);
    if (!rt__tl_show_found(tl, t, ns, &wait)) {
        return false;
    }
    rt__tl_wake(tl, t, ns, ns);
    return true;
}

bool rt__tl_runs(struct rt__timeline *tl, struct rt__tl_thread *t, uint64_t ns)
{
    return t->state == RT__TL_RUNNING || (t->state == RT__TL_UNSEEN && show_as_told(tl, t, ns));
}

void rt__tl_sample(struct rt__timeline *tl, struct rt__tl_thread *t, const struct rt__tl_sample *s)
{
    if (s->ns >= t->runs_ns && s->ns <= tl->until_ns) {
        struct rt__moment m = {.kind = RT__MOMENT_SAMPLE, .ns = s->ns, .stack = s->stack};
        tl->fn(tl->sink, &t->track, &m);
    }
}
