/* timeline_events.c - events as changes of a track's state.
 *
 * Before from_ns they change what we know of the thread, and the sink hears nothing. From then on each is a moment or
 * two, if the track's state allows it: what was lost before may have left an end without a begin, or a region that
 * never ends. Such are left out, or closed as soon as it is known that something is missing. Tasks are the one thing
 * that threads share: an id that is in use cannot begin again.
 */
#include "runtime/trace/timeline_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include "runtime/trace/sites.h"

static uint32_t site_ref(uint32_t site)
{
    return site ? RT__REF_SITE | site : 0;
}

/* ---- regions ---- */

static void emit_region(struct rt__timeline *tl, struct rt__tl_thread *t, enum rt__moment_kind kind, uint64_t ns,
                        const struct rt__tl_region *r)
{
    struct rt__moment m = {.kind = kind, .ns = ns, .task = r->task, .name = r->name, .stack = site_ref(r->site)};
    rt__tl_emit(tl, t, &m);
}

/* Pops down to that depth, and tells the sink of the ends of those that it knows of. */
static void close_regions(struct rt__timeline *tl, struct rt__tl_thread *t, unsigned depth, uint64_t ns)
{
    while (t->depth > depth) {
        const struct rt__tl_region *r = &t->regions[--t->depth];
        if (r->is_shown && t->state == RT__TL_RUNNING && ns <= tl->until_ns) {
            emit_region(tl, t, RT__MOMENT_REGION_END, ns, r);
        }
    }
}

static void begin_region(struct rt__timeline *tl, struct rt__tl_thread *t, uint32_t site, uint64_t ns, bool shown)
{
    if (!t->regions) {
        t->regions = malloc(RT__REGIONS_MOST * sizeof(*t->regions));
        if (!t->regions) {
            tl->losses.no_memory = true;
            return;
        }
    }
    if (t->depth == RT__REGIONS_MOST) {
        return;
    }
    struct rt__tl_region *r = &t->regions[t->depth++];
    *r = (struct rt__tl_region){.task = t->task, .name = rt__site_name(site), .site = site, .is_shown = shown};
    if (shown) {
        emit_region(tl, t, RT__MOMENT_REGION_BEGIN, ns, r);
    }
}

/* Where in the stack the innermost region of the site is; t->depth: nowhere. */
static unsigned find_region(const struct rt__tl_thread *t, uint32_t site)
{
    for (unsigned i = t->depth; i > 0; i--) {
        if (t->regions[i - 1].site == site) {
            return i - 1;
        }
    }
    return t->depth;
}

static void end_region(struct rt__timeline *tl, struct rt__tl_thread *t, uint32_t site, uint64_t ns)
{
    struct rt__tl_region unknown = {.task = t->task, .name = rt__site_name(site), .site = site};
    unsigned i = find_region(t, site);
    if (i < t->depth) {
        unknown.task = t->regions[i].task;
        bool was_shown = t->regions[i].is_shown;
        close_regions(tl, t, i, ns);
        if (was_shown) {
            return;
        }
    } else if (!t->is_cut || (t->depth > 0 && t->regions[t->depth - 1].is_shown)) {
        return;
    }
    emit_region(tl, t, RT__MOMENT_REGION_END, ns, &unknown);
}

/* ---- losses ---- */

void rt__tl_gap(struct rt__timeline *tl, struct rt__tl_thread *t, uint64_t ns)
{
    if (t->state == RT__TL_UNSEEN && ns < tl->from_ns) {
        t->depth = 0; /* what is open now began before from_ns all the same */
        return;
    }
    if (ns <= tl->until_ns && !rt__tl_runs(tl, t, ns)) {
        return;
    }
    close_regions(tl, t, 0, ns);
    t->is_cut = false;
}

static void say_lost(struct rt__timeline *tl, struct rt__tl_thread *t, uint64_t ns, uint64_t count)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "%llu event%s lost here", (unsigned long long)count,
                       count == 1 ? " was" : "s were");
    struct rt__moment m = {
        .kind = RT__MOMENT_LOG, .ns = ns, .task = t->task, .name = "cruntime", .text = text, .len = (size_t)len};
    tl->losses.events += count;
    rt__tl_gap(tl, t, ns);
    if (rt__tl_runs(tl, t, ns)) {
        rt__tl_emit(tl, t, &m);
    }
}

/* ---- blocks ---- */

static void block(struct rt__timeline *tl, struct rt__tl_thread *t, const struct rt__event *e, uint64_t ns)
{
    uint64_t reason = e->words[1] & 0xff;
    uint64_t wake_ticks = e->words[1] >> 8;
    uint64_t end_ticks = e->words[0] > e->ticks ? e->words[0] : e->ticks;
    uint64_t end_ns = rt__tl_ns(tl, end_ticks);
    if (reason >= RT__BLOCK_REASONS) {
        return;
    }
    struct rt__tl_wait wait = {.ns = ns, .reason = (enum rt__block)reason, .stack = e->arg};
    if (t->state == RT__TL_UNSEEN && ns < tl->from_ns) {
        if (end_ns < tl->from_ns || !rt__tl_show_found(tl, t, tl->from_ns, &wait)) {
            return;
        }
    } else if (rt__tl_runs(tl, t, ns)) {
        rt__tl_wait(tl, t, &wait);
    } else {
        return;
    }
    if (end_ns <= tl->until_ns) {
        uint64_t blocked_ticks = end_ticks - e->ticks;
        rt__tl_wake(tl, t, rt__tl_ns(tl, end_ticks - (wake_ticks < blocked_ticks ? wake_ticks : blocked_ticks)),
                    end_ns);
    }
}

/* ---- tasks ---- */

static bool is_task(uint64_t id)
{
    return id != 0 && id != UINT64_MAX;
}

static void begin_task(struct rt__timeline *tl, struct rt__tl_thread *t, const struct rt__event *e, uint64_t ns)
{
    uint64_t id = e->words[0];
    if (!is_task(id)) {
        return;
    }
    t->task = id;
    if (rt__tl_map_get(&tl->tasks, id)) {
        return;
    }
    if (!rt__tl_map_put(&tl->tasks, id, tl)) {
        tl->losses.no_memory = true;
        return;
    }
    struct rt__moment m = {.kind = RT__MOMENT_TASK_BEGIN,
                           .ns = ns,
                           .stack = site_ref(e->arg),
                           .task = id,
                           .parent = e->words[1],
                           .name = rt__site_name(e->arg)};
    rt__tl_emit(tl, t, &m);
}

static void end_task(struct rt__timeline *tl, struct rt__tl_thread *t, const struct rt__event *e, uint64_t ns)
{
    uint64_t id = e->words[0];
    if (!is_task(id)) {
        return;
    }
    struct rt__moment m = {.kind = RT__MOMENT_TASK_END, .ns = ns, .stack = site_ref(e->arg), .task = id};
    rt__tl_emit(tl, t, &m);
    rt__tl_map_remove(&tl->tasks, id);
    if (t->task == id) {
        t->task = 0;
    }
}

/* ---- all ---- */

static void emit_log(struct rt__timeline *tl, struct rt__tl_thread *t, const struct rt__event *e, uint64_t ns)
{
    struct rt__moment m = {.kind = RT__MOMENT_LOG,
                           .ns = ns,
                           .stack = site_ref(e->arg),
                           .task = t->task,
                           .name = rt__site_name(e->arg),
                           .text = e->text ? e->text : "",
                           .len = e->text ? (size_t)e->words[0] : 0};
    if (m.len <= RT__LOG_MOST) {
        rt__tl_emit(tl, t, &m);
    }
}

static void emit_value(struct rt__timeline *tl, struct rt__tl_thread *t, enum rt__moment_kind kind, uint64_t ns,
                       uint64_t value)
{
    struct rt__moment m = {.kind = kind, .ns = ns, .value = value};
    rt__tl_emit(tl, t, &m);
}

/* Not shown yet, and before from_ns. */
static void before(struct rt__timeline *tl, struct rt__tl_thread *t, const struct rt__event *e, uint64_t ns)
{
    switch (e->type) {
    case RT__EV_END:
        rt__tl_over(t);
        break;
    case RT__EV_BLOCK:
        block(tl, t, e, ns);
        break;
    case RT__EV_TASK_BEGIN:
    case RT__EV_TASK_SET:
        t->task = e->words[0];
        break;
    case RT__EV_TASK_END:
        if (t->task == e->words[0]) {
            t->task = 0;
        }
        break;
    case RT__EV_REGION_BEGIN:
        begin_region(tl, t, e->arg, ns, false);
        break;
    case RT__EV_REGION_END:
        t->depth = find_region(t, e->arg);
        break;
    case RT__EV_LOST:
        rt__tl_gap(tl, t, ns);
        break;
    default:
        break;
    }
}

static bool is_taken(const struct rt__tl_seat *seat)
{
    return seat->shown && seat->shown->state != RT__TL_OVER;
}

/* After until_ns. It lived all the time, if it was not born since then, as one was of which we have no birth and whose
 * seat another had to the last. */
static void after(struct rt__timeline *tl, struct rt__tl_thread *t, const struct rt__event *e)
{
    if (t->state != RT__TL_UNSEEN) {
        return;
    }
    bool is_born_since = e->type == RT__EV_BEGIN;
    if (t->born_ticks) {
        is_born_since |= rt__tl_ns(tl, t->born_ticks) > tl->until_ns;
    } else {
        is_born_since |= is_taken(t->slot) || is_taken(t->tid);
    }
    if (is_born_since) {
        rt__tl_over(t);
    } else {
        rt__tl_show_found(tl, t, tl->until_ns, NULL);
    }
}

/* The track runs. */
static void during(struct rt__timeline *tl, struct rt__tl_thread *t, const struct rt__event *e, uint64_t ns)
{
    switch (e->type) {
    case RT__EV_END:
        rt__tl_end(tl, t, ns);
        break;
    case RT__EV_TASK_BEGIN:
        begin_task(tl, t, e, ns);
        break;
    case RT__EV_TASK_END:
        end_task(tl, t, e, ns);
        break;
    case RT__EV_REGION_BEGIN:
        begin_region(tl, t, e->arg, ns, true);
        break;
    case RT__EV_REGION_END:
        end_region(tl, t, e->arg, ns);
        break;
    case RT__EV_LOG:
        emit_log(tl, t, e, ns);
        break;
    case RT__EV_HEAP_ALLOC:
        emit_value(tl, t, RT__MOMENT_HEAP_ALLOC, ns, e->words[0]);
        break;
    case RT__EV_HEAP_GOAL:
        emit_value(tl, t, RT__MOMENT_HEAP_GOAL, ns, e->words[0]);
        break;
    case RT__EV_LOST:
        say_lost(tl, t, ns, e->words[0]);
        break;
    default:
        break;
    }
}

static void begin(struct rt__timeline *tl, struct rt__tl_thread *t, const struct rt__event *e, uint64_t ns)
{
    if (t->state != RT__TL_UNSEEN) {
        return;
    }
    if (!t->track.start_fn) {
        t->track.start_fn = (uintptr_t)e->words[1];
    }
    rt__tl_show_born(tl, t, e->words[0] ? rt__tl_ns(tl, e->words[0]) : ns, ns, e->arg);
}

void rt__tl_event(struct rt__timeline *tl, struct rt__tl_thread *t, const struct rt__event *e)
{
    uint64_t ns = rt__tl_ns(tl, e->ticks);
    uint64_t last_ticks = e->type == RT__EV_BLOCK && e->words[0] > e->ticks ? e->words[0] : e->ticks;
    if (t->last_ticks < last_ticks) {
        t->last_ticks = last_ticks;
    }
    if (t->state == RT__TL_UNSEEN && ns < tl->from_ns) {
        before(tl, t, e, ns);
        return;
    }
    if (ns < t->last_ns) {
        ns = t->last_ns;
    }
    if (ns > tl->until_ns) {
        after(tl, t, e);
    } else if (e->type == RT__EV_BEGIN) {
        begin(tl, t, e, ns);
    } else if (e->type == RT__EV_BLOCK) {
        block(tl, t, e, ns);
    } else if (e->type == RT__EV_TASK_SET) {
        t->task = e->words[0];
    } else if (rt__tl_runs(tl, t, ns)) {
        during(tl, t, e, ns);
    }
}
