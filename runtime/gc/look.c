/* look.c - what a thread does each time it has spent its budget of bytes: see how the account
 * stands, run the cycle that is due, do what was asked of it, and take a new budget.
 *
 * A look at the managed heap (from rt_alloc) runs cycles itself. A look at the process heap (from
 * malloc) must not: the caller may hold any lock, and hooks and pools are the program's. It wakes
 * the background thread instead, and only gives back its own free pages, which mimalloc can do
 * wherever malloc is allowed.
 */
#include "runtime/gc/cycle.h"
#include "runtime/gc/state.h"
#include "runtime/cruntime.h"
#include "runtime/heap/account.h"
#include "runtime/heap/backend.h"
#include "runtime/heap/managed.h"
#include "runtime/heap/process.h"
#include "runtime/heap/watcher.h"
#include "runtime/os/os.h"

/* Bytes of malloc between looks. With no limit and the managed heap elsewhere a look only does what
 * was asked: rarely will do. Counting toward a goal or a limit wants it oftener; at 256 KiB a
 * look (finding the goal takes some 20 ns, with a limit 0.4 us) is lost in the allocations' own cost. */
#define IDLE_INTERVAL (1 << 20)
#define PROCESS_INTERVAL (256 << 10)
#define LIMIT_INTERVAL (64 << 10)

/* The limiter refused the cycle, or there was nothing to find: asking again at once would only cost. */
#define REFUSED_INTERVAL (32 << 10)

/* Over the limit free pages go back from within malloc at most this often: a purge is followed by page
 * faults. */
#define RELIEF_INTERVAL_NS 500000000u

void (*rt__gc_heap_watcher)(bool is_cycle);

static int64_t stress_every;
static uint64_t stress_count;
static uint64_t process_since;
static uint64_t last_relief_ns;

uint64_t rt__look_process_since(void)
{
    return RT__LOAD(process_since);
}

void rt__look_process_reset(void)
{
    RT__STORE(process_since, 0);
}

static void note_stack(struct rt__thread *t)
{
    if (t->stack_base == 0) {
        RT__STORE(t->stack_base, (uintptr_t)rt__os_stack_base());
    }
    RT__STORE(t->stack_low, (uintptr_t)__builtin_frame_address(0));
}

static int64_t look_managed(struct rt__thread *t)
{
    note_stack(t);
    rt__scavenger_ensure();
    t->in_runtime = true;
    rt__gc_heap_changes(false);
    rt__give_back_if_asked(t);
    t->in_runtime = false;
    if (stress_every > 0) {
        /* Every allocation looks: the budget stays spent. */
        if (__atomic_add_fetch(&stress_count, 1, __ATOMIC_RELAXED) % (uint64_t)stress_every == 0) {
            rt__gc_run(RT__GC_STRESS);
        }
        return 0;
    }
    uint64_t heap_bytes = rt__gc_heap_bytes();
    struct rt__pacer_goal goal = rt__gc_goal(heap_bytes);
    if (heap_bytes >= goal.goal_bytes) {
        rt__gc_run(RT__GC_GOAL);
        heap_bytes = rt__gc_heap_bytes();
        goal = rt__gc_goal(heap_bytes);
        if (heap_bytes >= goal.goal_bytes) {
            return REFUSED_INTERVAL;
        }
    }
    return rt__backend->in_process
               ? PROCESS_INTERVAL
               : (int64_t)rt__pacer_check_interval(heap_bytes, goal.goal_bytes, rt__threads_count());
}

/* Over the limit nothing waits for the background thread: free pages go back from here. */
static void relieve(void)
{
    struct rt__held held;
    rt__held_read(&held);
    if (rt__gc_counted_bytes(&held) < (uint64_t)rt__gc_limit()) {
        return;
    }
    uint64_t now_ns = rt__os_now_ns(), last_ns = RT__LOAD(last_relief_ns);
    if (rt__os_elapsed(last_ns, now_ns) >= RELIEF_INTERVAL_NS &&
        __atomic_compare_exchange_n(&last_relief_ns, &last_ns, now_ns, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        rt__give_back(true);
        rt__scavenger_wake();
    }
}

static int64_t look_process(struct rt__thread *t, uint64_t bytes)
{
    bool limited = rt__gc_limit() != ENV_MEMORY_LIMIT_OFF;
    note_stack(t);
    t->in_runtime = true;
    rt__gc_heap_changes(false);
    rt__give_back_if_asked(t);
    if (limited) {
        relieve();
    }
    t->in_runtime = false;
    if (!rt__backend->in_process) {
        return limited ? LIMIT_INTERVAL : IDLE_INTERVAL;
    }
    __atomic_add_fetch(&process_since, bytes, __ATOMIC_RELAXED);
    uint64_t heap_bytes = rt__gc_heap_bytes();
    if (heap_bytes >= rt__gc_goal(heap_bytes).goal_bytes && !rt__gc_trim_too_soon()) {
        rt__scavenger_wake();
    }
    return limited ? LIMIT_INTERVAL : PROCESS_INTERVAL;
}

void rt__look_start(const struct env_settings *settings)
{
    stress_every = settings->gcstress;
    rt__watcher.managed_bytes = look_managed;
    rt__watcher.process_bytes = look_process;
}

RT_API void rt_thread_poll(void)
{
    struct rt__thread *t = rt__self();
    if (t && !t->in_runtime) {
        t->in_runtime = true;
        rt__give_back_if_asked(t);
        t->in_runtime = false;
    }
}
