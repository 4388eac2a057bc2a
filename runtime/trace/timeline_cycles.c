/* timeline_cycles.c - the collector's track.
 *
 * Cycles come from the ring of cycles, not from events, so that a begin always has its end. The collector waits
 * between them. A cycle that is not wholly within the time is left out.
 */
#include "runtime/trace/timeline_parts.h"

#include "runtime/cruntime.h"

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void wake_collector(struct rt__timeline *tl, struct rt__tl_thread *t, uint64_t ns)
{
    if (t->state == RT__TL_UNSEEN) {
        t->track = (struct rt__track){
            .number = RT__TRACK_COLLECTOR, .slot = RT__SLOT_COLLECTOR, .tid = RT__TID_COLLECTOR, .name = "collector"};
        t->last_ns = tl->from_ns;
        struct rt__moment m = {.kind = RT__MOMENT_EXISTS_WAITING, .ns = tl->from_ns, .reason = RT__BLOCK_IDLE};
        rt__tl_emit(tl, t, &m);
    }
    rt__tl_wake(tl, t, ns, ns);
}

static void show_cycle(struct rt__timeline *tl, const struct rt_cycle *c, uint64_t start_ns, uint64_t runs_ns,
                       uint64_t end_ns)
{
    struct rt__tl_thread *t = &tl->collector;
    struct rt__moment m = {.kind = RT__MOMENT_GC_BEGIN, .ns = start_ns, .value = c->number};
    struct rt__tl_wait wait = {.ns = end_ns, .reason = RT__BLOCK_IDLE};
    wake_collector(tl, t, start_ns);
    rt__tl_emit(tl, t, &m);
    if (!c->trim) { /* which stops nobody */
        rt__tl_emit_kind(tl, t, RT__MOMENT_STW_BEGIN, start_ns);
        rt__tl_emit_kind(tl, t, RT__MOMENT_STW_END, runs_ns);
    }
    m.kind = RT__MOMENT_GC_END;
    m.ns = end_ns;
    rt__tl_emit(tl, t, &m);
    rt__tl_wait(tl, t, &wait);
}

void rt__timeline_cycles(struct rt__timeline *tl, const struct rt_cycle *cycles, size_t n, uint64_t program_start_ns)
{
    for (size_t i = 0; i < n && !tl->is_finished; i++) {
        const struct rt_cycle *c = &cycles[i];
        if (c->number <= tl->last_cycle) {
            continue;
        }
        tl->last_cycle = c->number;
        uint64_t start_ns = add(program_start_ns, c->start_ns);
        uint64_t runs_ns = add(add(add(start_ns, c->stop_ns), c->concurrent_ns), c->pause_mark_ns);
        uint64_t end_ns = add(runs_ns, c->sweep_ns);
        if (start_ns >= tl->from_ns && start_ns >= tl->collector.last_ns && end_ns < UINT64_MAX &&
            end_ns <= tl->until_ns) {
            show_cycle(tl, c, start_ns, runs_ns, end_ns);
        }
    }
}
