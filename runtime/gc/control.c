/* control.c - the collector's state: knobs, the pacer fed with live figures, the limiter, and what
 * the statistics are told. cycle.c runs cycles; pacer.c and limiter.c hold the arithmetic.
 *
 * Two small locks, each held for a few instructions and never over an allocation or a collection:
 * one for the limiter, one for the statistics' copy.
 */
#include "runtime/gc/control.h"

#include <pthread.h>
#include <string.h>
#include "runtime/cruntime.h"
#include "runtime/gc/cycle.h"
#include "runtime/gc/state.h"
#include "runtime/heap/account.h"
#include "runtime/heap/backend.h"
#include "runtime/heap/process.h"
#include "runtime/os/os.h"

/* Where the kernel makes huge pages by itself (Debian's default), its thread may turn the few touched
 * pages of each 2 MiB into whole ones: a few a thread, which matters below some hundred megabytes. */
#define NO_HUGE_PAGES_BELOW (INT64_C(1) << 30)

struct rt__gc rt__gc;

static pthread_mutex_t limiter_lock = PTHREAD_MUTEX_INITIALIZER;
static struct rt__limiter limiter;

static pthread_mutex_t told_lock = PTHREAD_MUTEX_INITIALIZER;
static struct rt__gc_state told;

/* ---- limiter --------------------------------------------------------------------------------- */

static void before_fork(void)
{
    pthread_mutex_lock(&limiter_lock);
    pthread_mutex_lock(&told_lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&told_lock);
    pthread_mutex_unlock(&limiter_lock);
}

void rt__gc_limiter_start(uint32_t procs)
{
    rt__limiter_init(&limiter, procs, rt__os_now_ns());
    pthread_atfork(before_fork, after_fork, after_fork);
}

bool rt__gc_limiter_allows(void)
{
    pthread_mutex_lock(&limiter_lock);
    bool allowed = rt__limiter_allows(&limiter, rt__os_now_ns());
    pthread_mutex_unlock(&limiter_lock);
    return allowed;
}

void rt__gc_limiter_note(uint64_t gc_ns)
{
    pthread_mutex_lock(&limiter_lock);
    rt__limiter_update(&limiter, rt__os_now_ns(), gc_ns);
    pthread_mutex_unlock(&limiter_lock);
}

/* ---- the pacer's inputs ----------------------------------------------------------------------- */

uint64_t rt__gc_heap_bytes(void)
{
    if (rt__backend->in_process) {
        return RT__LOAD(rt__gc.live_bytes) + rt__look_process_since();
    }
    uint64_t allocated = rt__managed_bytes_all(), base = RT__LOAD(rt__gc.base_bytes);
    return RT__LOAD(rt__gc.live_bytes) + (allocated > base ? allocated - base : 0);
}

uint64_t rt__gc_counted_bytes(const struct rt__held *held)
{
    uint64_t own = 0;
    for (int use = 0; use < RT__OS_USES; use++) {
        own += rt__os_mapped(use);
    }
    return held->heap_held + held->collector_own + own;
}

static void limit_input(struct rt__pacer_input *in, uint64_t heap_bytes)
{
    struct rt__held held;
    rt__held_read(&held);
    uint64_t counted = rt__gc_counted_bytes(&held);
    uint64_t not_objects = heap_bytes + held.heap_free;
    if (counted >= not_objects) {
        in->nonheap_bytes = counted - not_objects;
        return;
    }
    /* Freed blocks that mimalloc handed out again count in its heap twice, so more may be
     * allocated before a cycle than the limit leaves: by just the difference. */
    uint64_t reused = not_objects - counted;
    if (reused < (uint64_t)INT64_MAX - (uint64_t)in->memory_limit_bytes) {
        in->memory_limit_bytes += (int64_t)reused;
    } else {
        in->memory_limit_bytes = INT64_MAX - 1;
    }
}

struct rt__pacer_goal rt__gc_goal(uint64_t heap_bytes)
{
    struct rt__pacer_input in = {
        .gc_percent = RT__LOAD(rt__gc.gc_percent),
        .memory_limit_bytes = RT__LOAD(rt__gc.memory_limit_bytes),
        .live_bytes = RT__LOAD(rt__gc.live_bytes),
        .stacks_bytes = RT__LOAD(rt__gc.stacks_bytes),
        .globals_bytes = RT__LOAD(rt__gc.globals_bytes),
    };
    if (in.memory_limit_bytes != ENV_MEMORY_LIMIT_OFF) {
        limit_input(&in, heap_bytes);
    }
    return rt__pacer_goal(&in);
}

uint64_t rt__gc_last_end_ns(void)
{
    return RT__LOAD(rt__gc.last_end_ns);
}

uint64_t rt__gc_retain_bytes(void)
{
    return RT__LOAD(rt__gc.retain_bytes);
}

int64_t rt__gc_limit(void)
{
    return RT__LOAD(rt__gc.memory_limit_bytes);
}

/* Trims keep this apart. Marking finds what died since; a trim finds whole free pages, which come slowly,
 * and costs every thread a collection of its mimalloc heap and, near a limit, a purge and the faults
 * after it. Unhindered, replacing 5 MB of live objects trimmed 6,000 times a second and cost a sixth
 * of malloc's speed; 40 MiB live under a limit of 10 MiB left a sixth of the program's. */
#define TRIM_INTERVAL_NS 10000000u

bool rt__gc_trim_too_soon(void)
{
    return !rt__backend->collected && rt__os_elapsed(rt__gc_last_end_ns(), rt__os_now_ns()) < TRIM_INTERVAL_NS;
}

/* ---- knobs ------------------------------------------------------------------------------------ */

int32_t rt__gc_set_percent(int32_t percent)
{
    return __atomic_exchange_n(&rt__gc.gc_percent, percent < 0 ? ENV_GC_PERCENT_OFF : percent, __ATOMIC_RELAXED);
}

int64_t rt__gc_set_limit(int64_t limit_bytes)
{
    rt__backend->grow_in_small_steps(limit_bytes != ENV_MEMORY_LIMIT_OFF);
    if (limit_bytes < NO_HUGE_PAGES_BELOW) {
        rt__process_no_huge_pages();
    }
    return __atomic_exchange_n(&rt__gc.memory_limit_bytes, limit_bytes, __ATOMIC_RELAXED);
}

/* ---- what the statistics are told -------------------------------------------------------------- */

void rt__gc_state_note(const struct rt_cycle *c, uint64_t gc_cpu_ns, uint64_t eager_bytes)
{
    uint64_t pause_ns = c->stop_ns + c->pause_mark_ns;
    pthread_mutex_lock(&told_lock);
    unsigned slot = told.cycles % 256;
    told.cycles++;
    told.forced_cycles += c->forced;
    told.last_end_unix_ns = c->end_unix_ns;
    told.pause_total_ns += pause_ns;
    told.pause_ns[slot] = pause_ns;
    told.pause_end_unix_ns[slot] = c->end_unix_ns;
    told.gc_cpu_ns += gc_cpu_ns;
    told.scavenged_eager_bytes += eager_bytes;
    pthread_mutex_unlock(&told_lock);
}

void rt__gc_note_scavenged(uint64_t background_bytes)
{
    pthread_mutex_lock(&told_lock);
    told.scavenged_background_bytes += background_bytes;
    pthread_mutex_unlock(&told_lock);
}

uint64_t rt__gc_cpu_total_ns(void)
{
    pthread_mutex_lock(&told_lock);
    uint64_t ns = told.gc_cpu_ns;
    pthread_mutex_unlock(&told_lock);
    return ns;
}

void rt__gc_state_read(struct rt__gc_state *out)
{
    pthread_mutex_lock(&told_lock);
    *out = told;
    pthread_mutex_unlock(&told_lock);
    pthread_mutex_lock(&limiter_lock);
    out->limiter_on = limiter.limiting;
    out->limiter_refusals = limiter.limited_cycles;
    pthread_mutex_unlock(&limiter_lock);
    out->heap_bytes = rt__gc_heap_bytes();
    out->goal_bytes = rt__gc_goal(out->heap_bytes).goal_bytes;
    out->live_bytes = RT__LOAD(rt__gc.live_bytes);
    out->globals_bytes = RT__LOAD(rt__gc.globals_bytes);
    out->stacks_bytes = RT__LOAD(rt__gc.stacks_bytes);
    out->gc_percent = RT__LOAD(rt__gc.gc_percent);
    out->memory_limit_bytes = RT__LOAD(rt__gc.memory_limit_bytes);
    double available_ns = (double)(rt__os_now_ns() - rt__os_start_ns()) * (double)rt__gc.procs;
    out->gc_cpu_fraction = available_ns > 0 ? (double)out->gc_cpu_ns / available_ns : 0;
}
