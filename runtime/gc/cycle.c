/* cycle.c - one cycle, from the decision to the trace line.
 *
 * Whoever finds the heap at its goal runs the cycle itself, under one blocking lock: those who find
 * the same meanwhile wait, and look again when they get the lock. (A try-lock let the others
 * allocate on and the heap overshoot by up to 78 % with two threads.) The backend stops the
 * world and starts it again inside collect; all the rest runs beside the program. Cycles for
 * the sake of the limit are run only as the limiter allows.
 *
 * Nothing here may allocate from either heap while the world is stopped: that is all inside the
 * backend.
 */
#include "runtime/gc/cycle.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "runtime/cruntime.h"
#include "runtime/gc/control.h"
#include "runtime/gc/gctrace.h"
#include "runtime/gc/ring.h"
#include "runtime/gc/state.h"
#include "runtime/heap/account.h"
#include "runtime/heap/backend.h"
#include "runtime/heap/managed.h"
#include "runtime/heap/process.h"
#include "runtime/os/os.h"
#include "runtime/stats/pauses.h"

#define GIVE_BACK_INTERVAL_NS 500000000u

static pthread_mutex_t cycle_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t cycles;

static void before_fork(void)
{
    pthread_mutex_lock(&cycle_lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&cycle_lock);
}

void rt__gc_start(const struct env_settings *settings)
{
    rt__gc.gc_percent = settings->gc_percent;
    rt__gc_set_limit(settings->memory_limit_bytes);
    rt__gc.procs = (uint32_t)settings->max_procs;
    rt__gc.gctrace = settings->gctrace;
    rt__gc.pacertrace = settings->gcpacertrace;
    rt__gc.scavtrace = settings->scavtrace;
    rt__gc.globals_bytes = rt__backend->globals_bytes();
    rt__gc.retain_bytes = UINT64_MAX;
    rt__gc_limiter_start(rt__gc.procs);
    pthread_atfork(before_fork, after_fork, after_fork);
    rt__look_start(settings);
}

/* ---- decisions --------------------------------------------------------------------------------- */

static bool wanted(enum rt__gc_why why, struct rt__pacer_goal goal, uint64_t heap_bytes)
{
    if (why != RT__GC_GOAL) {
        return true;
    }
    if (heap_bytes < goal.goal_bytes) {
        return false;
    }
    return !rt__gc_trim_too_soon() && (!goal.by_limit || rt__gc_limiter_allows());
}

static bool over_limit(uint64_t counted_bytes, unsigned percent)
{
    int64_t limit = rt__gc_limit();
    return limit != ENV_MEMORY_LIMIT_OFF && counted_bytes / percent >= (uint64_t)limit / 100;
}

/* Whether giving back all that is free, which takes three collections, is worth it: the managed heap, which grew
 * when the process heap was smaller, holds twice what lives in it. Where most of it lives, three would only
 * be dearer than one. */
static bool mostly_free(const struct rt__held *held)
{
    return rt__backend->collected && held->managed_held / 2 > RT__LOAD(rt__gc.live_bytes);
}

/* Memory goes back with the cycle when a call asked, when the managed heap holds more than it may
 * retain, and near the limit; otherwise the next cycle would only map it again. */
static enum rt__release what_to_release(enum rt__gc_why why, const struct rt__held *held)
{
    uint64_t counted_bytes = rt__gc_counted_bytes(held);
    if (why == RT__GC_RELEASE || (over_limit(counted_bytes, 97) && mostly_free(held))) {
        return RT__RELEASE_ALL;
    }
    bool much = held->managed_held > rt__gc_retain_bytes() || over_limit(counted_bytes, 95);
    return much ? RT__RELEASE_OLD : RT__RELEASE_NOTHING;
}

/* ---- after the collection ---------------------------------------------------------------------- */

static void take_over(const struct rt__collection *did, const struct rt_cycle *c, const struct rt__held *held)
{
    RT__STORE(rt__gc.live_bytes, did->live_bytes);
    RT__STORE(rt__gc.base_bytes, did->allocated_bytes_at_mark);
    if (rt__backend->in_process) {
        rt__look_process_reset();
    }
    RT__STORE(rt__gc.stacks_bytes, c->stacks_bytes);
    RT__STORE(rt__gc.globals_bytes, c->globals_bytes);
    uint64_t goal = rt__gc_goal(did->live_bytes).goal_bytes;
    RT__STORE(rt__gc.retain_bytes,
              rt__pacer_retain_goal(goal, c->goal_bytes, held->managed_held, RT__LOAD(rt__gc.memory_limit_bytes)));
}

static void fill_times(struct rt_cycle *c, const struct rt__collection *did)
{
    c->stop_ns = did->stop_ns;
    c->concurrent_ns = did->concurrent_ns;
    c->pause_mark_ns = did->mark_ns;
    c->sweep_ns = did->sweep_ns;
    c->stop_cpu_ns = did->stop_cpu_ns;
    c->assist_cpu_ns = did->assist_cpu_ns;
    c->background_cpu_ns = did->background_cpu_ns;
    c->heap_end_bytes = did->heap_end_bytes;
    c->heap_live_bytes = did->live_bytes;
}

static void print_gctrace(const struct rt_cycle *c)
{
    char line[512];
    if (rt__gc.gctrace > 0) {
        rt_gctrace_format(line, sizeof(line), c);
        rt__os_print("%s", line);
    }
    if (rt__gc.gctrace > 1) {
        rt__backend->describe(line, sizeof(line));
        rt__os_print("gc %llu %s\n", (unsigned long long)c->number, line);
    }
}

static void print_pacertrace(const struct rt_cycle *c, uint64_t cpu_ns)
{
    static uint64_t last_ns;
    char line[512];
    uint64_t now_ns = rt__os_now_ns();
    uint64_t available_ns = (now_ns - (last_ns ? last_ns : rt__os_start_ns())) * rt__gc.procs;
    struct rt__pacer_trace t = {
        .cpu_percent = (uint32_t)(cpu_ns * 100 / (available_ns ? available_ns : 1)),
        .cpu_percent_expected = 50,
        .heap_scan_bytes = c->heap_live_bytes,
        .stack_scan_bytes = c->stacks_bytes,
        .globals_scan_bytes = c->globals_bytes,
        .scan_expected_bytes = c->heap_start_bytes + c->stacks_bytes + c->globals_bytes,
        .trigger_bytes = c->heap_start_bytes,
        .live_bytes = c->heap_live_bytes,
        .goal_delta_bytes = (int64_t)(c->heap_start_bytes - c->goal_bytes),
    };
    last_ns = now_ns;
    rt__pacertrace_format(line, sizeof(line), &t);
    rt__os_print("%s", line);
}

static void print_scavtrace(const struct rt_cycle *c, const struct rt__held *held, uint64_t eager_bytes)
{
    static uint64_t background_before;
    char line[256];
    struct rt__gc_state state;
    rt__gc_state_read(&state);
    uint64_t used = held->heap_held - held->heap_free;
    struct rt__scav_trace t = {
        .background_bytes = state.scavenged_background_bytes - background_before,
        .eager_bytes = eager_bytes,
        .released_bytes = held->heap_sys - held->heap_held,
        .util_percent = held->heap_held ? (uint32_t)(used * 100 / held->heap_held) : 0,
        .forced = c->forced,
    };
    background_before = state.scavenged_background_bytes;
    rt__scavtrace_format(line, sizeof(line), &t);
    rt__os_print("%s", line);
}

static void print_traces(const struct rt_cycle *c, const struct rt__held *held, uint64_t eager_bytes, uint64_t cpu_ns)
{
    print_gctrace(c);
    if (rt__gc.pacertrace) {
        print_pacertrace(c, cpu_ns);
    }
    if (rt__gc.scavtrace) {
        print_scavtrace(c, held, eager_bytes);
    }
}

static void finish(struct rt_cycle *c, const struct rt__collection *did, const struct rt__held *before)
{
    struct rt__held held;
    rt__held_read(&held);
    take_over(did, c, &held);
    uint64_t cpu_ns = did->stop_cpu_ns + did->assist_cpu_ns + did->background_cpu_ns + did->sweep_cpu_ns;
    /* A stopped world takes every processor, whatever the markers used of them. */
    rt__gc_limiter_note(rt__backend->collected ? (did->stop_ns + did->mark_ns) * rt__gc.procs + did->sweep_cpu_ns
                                               : cpu_ns);
    uint64_t now_ns = rt__os_now_ns();
    uint64_t available_ns = (now_ns - rt__os_start_ns()) * rt__gc.procs;
    c->gc_cpu_permille = available_ns ? (uint32_t)((rt__gc_cpu_total_ns() + cpu_ns) * 1000 / available_ns) : 0;
    c->end_unix_ns = rt__os_unix_ns();
    uint64_t eager_bytes = before->heap_held > held.heap_held ? before->heap_held - held.heap_held : 0;
    rt__gc_state_note(c, cpu_ns, eager_bytes);
    rt__pauses_add(c->stop_ns + c->pause_mark_ns);
    rt__ring_add(c);
    RT__STORE(rt__gc.last_end_ns, now_ns);
    print_traces(c, &held, eager_bytes, cpu_ns);
}

/* Under mimalloc the pacer's clock (live + allocated since) is no heap: what was freed is gone. */
static uint64_t live_now(void)
{
    struct rt__account account;
    rt__account_read(&account);
    return account.alloc_bytes - account.free_bytes;
}

/* The process heap's free pages, with a cycle that releases. Near a limit such cycles can come hundreds
 * a second, and each purge costs a thread some 10 us and the page faults after it: twice a second will do. */
static void give_back_process(const struct rt_cycle *c)
{
    static uint64_t last_ns;
    if (c->forced || c->start_ns - last_ns >= GIVE_BACK_INTERVAL_NS) {
        last_ns = c->start_ns;
        rt__give_back(true);
    }
}

/* ---- the cycle ---------------------------------------------------------------------------------- */

static void collect(struct rt_cycle *c, enum rt__gc_why why)
{
    struct rt__held held;
    struct rt__collection did;
    memset(&did, 0, sizeof(did));
    rt__held_read(&held);
    c->number = ++cycles;
    c->procs = rt__gc.procs;
    c->forced = why == RT__GC_FORCED || why == RT__GC_RELEASE;
    c->trim = !rt__backend->collected;
    c->stacks_bytes = rt__stacks_bytes();
    c->globals_bytes = rt__backend->globals_bytes();
    c->start_ns = rt__os_now_ns() - rt__os_start_ns();
    c->heap_start_bytes = rt__backend->in_process ? live_now() : rt__gc_heap_bytes();
    rt__gc_heap_changes(true);
    enum rt__release release = what_to_release(why, &held);
    rt__backend->collect(&did, release);
    if (release != RT__RELEASE_NOTHING && !rt__backend->in_process) {
        give_back_process(c);
    }
    if (why == RT__GC_RELEASE) {
        rt__process_held_again();
    }
    fill_times(c, &did);
    finish(c, &did, &held);
    rt__gc_heap_changes(true); /* the account has the frees that the cycle found, and the goal is the next one */
}

static void run_locked(enum rt__gc_why why)
{
    uint64_t heap_bytes = rt__gc_heap_bytes();
    struct rt__pacer_goal goal = rt__gc_goal(heap_bytes);
    if (!wanted(why, goal, heap_bytes)) {
        return;
    }
    struct rt_cycle c;
    memset(&c, 0, sizeof(c));
    c.goal_bytes = goal.goal_bytes;
    rt__hooks_run(RT_HOOK_CYCLE_START);
    rt__pools_age();
    collect(&c, why);
    rt__hooks_run(RT_HOOK_CYCLE_END);
}

void rt__gc_run(enum rt__gc_why why)
{
    struct rt__thread *t = rt__self();
    if (!t || t->in_runtime) {
        return; /* from a hook, or from a thread that has ended */
    }
    t->in_runtime = true;
    rt__backend->thread_start(t);
    pthread_mutex_lock(&cycle_lock);
    run_locked(why);
    pthread_mutex_unlock(&cycle_lock);
    if (rt__gc_limit() != ENV_MEMORY_LIMIT_OFF) {
        struct rt__held held;
        rt__held_read(&held);
        if (over_limit(rt__gc_counted_bytes(&held), 100)) {
            rt__hooks_run(RT_HOOK_PRESSURE);
        }
    }
    t->in_runtime = false;
}

/* ---- public ------------------------------------------------------------------------------------- */

RT_API void rt_gc(void)
{
    rt__gc_run(RT__GC_FORCED);
}

RT_API void rt_free_os_memory(void)
{
    rt__gc_run(RT__GC_RELEASE);
}

RT_API size_t rt_cycles_read(struct rt_cycle *out, size_t n)
{
    return rt__ring_read(out, n);
}
