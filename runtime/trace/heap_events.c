/* heap_events.c - the heap's size and goal, as events (see heap_events.h).
 *
 * The figures are MemStats' HeapAlloc and NextGC, reckoned as there, so that a trace and the other pages agree. Threads
 * come by when they have allocated for a while and look at the account anyway, and at both ends of each cycle. Summing
 * the threads' counters takes microseconds, so looks are let through a hundred times a second; ends of
 * cycles always, as these are the corners of the curve.
 *
 * Must not allocate or wait for a lock: it runs within malloc. The one loop is that of Boehm's counts of the dead,
 * read again while they are being written, which is some sixty stores by a thread that nobody stops.
 */
#include "runtime/trace/heap_events.h"

#include <stdint.h>
#include "runtime/gc/cycle.h"
#include "runtime/heap/account.h"
#include "runtime/trace/record.h"

static uint64_t last_ticks;

/* Of several threads that come by at once, one. */
static bool is_due(uint64_t ticks)
{
    uint64_t last = __atomic_load_n(&last_ticks, __ATOMIC_RELAXED);
    int64_t interval = (int64_t)(rt__clock_ticks_per_s() / (UINT64_C(1000000000) / RT__HEAP_EVENT_NS));
    return (int64_t)(ticks - last) >= interval &&
           __atomic_compare_exchange_n(&last_ticks, &last, ticks, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static void record_heap(struct rt__trace_thread *t, uint64_t ticks)
{
    struct rt__account account;
    rt__account_read(&account);
    uint64_t bytes = account.alloc_bytes > account.free_bytes ? account.alloc_bytes - account.free_bytes : 0;
    uint64_t goal_bytes = rt__gc_goal(rt__gc_heap_bytes()).goal_bytes;
    rt__record(t, ticks, RT__EV_HEAP_ALLOC, 0, &bytes, 1);
    if (goal_bytes != UINT64_MAX) {
        rt__record(t, ticks, RT__EV_HEAP_GOAL, 0, &goal_bytes, 1);
    }
}

void rt__heap_event(bool is_forced)
{
    if (!rt__is_recording()) {
        return;
    }
    uint64_t ticks = rt__ticks();
    if (is_forced) {
        __atomic_store_n(&last_ticks, ticks, __ATOMIC_RELAXED);
    } else if (!is_due(ticks)) {
        return;
    }
    struct rt__trace_thread *t = rt__trace_self();
    if (t) {
        record_heap(t, ticks);
    }
}

void rt__heap_events_start(void)
{
    __atomic_store_n(&rt__gc_heap_watcher, rt__heap_event, __ATOMIC_RELEASE);
}
