/* scavenger.c - the background thread: gives memory back, and runs the cycles that nobody else may.
 *
 * Five times a second, or when woken, it looks whether
 *   - the process heap reached a goal (CALLOCATOR=mimalloc) or passed the limit inside malloc,
 *     where no cycle can run: runs it;
 *   - nothing was collected for two minutes although something was allocated: runs a cycle;
 *   - mimalloc holds more than its live blocks and a tenth: asks every thread to give back.
 * Boehm can return memory only while it collects, so the managed heap's share goes back with a
 * cycle (cycle.c, what_to_release). Giving back costs page faults and madvise calls in the threads
 * that do it; what they report is held to 1 % of one processor by waiting longer, and an ask that
 * changed nothing is not repeated before the heap has grown.
 *
 * The thread itself must not allocate: a mimalloc heap of its own would hold a megabyte.
 */
#include "runtime/gc/cycle.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include "runtime/gc/control.h"
#include "runtime/gc/scavenge_pace.h"
#include "runtime/gc/state.h"
#include "runtime/heap/account.h"
#include "runtime/heap/backend.h"
#include "runtime/heap/managed.h"
#include "runtime/heap/thread.h"
#include "runtime/os/os.h"

#define TICK_NS 200000000
#define PERIODIC_NS (UINT64_C(120) * 1000000000) /* Go's forcegcperiod */
#define STACK_BYTES (128 << 10)

static sem_t wake;
static bool asked;   /* a wake is under way: one post is enough */
static bool running; /* in this process: a forked child has no background thread yet */

void rt__scavenger_wake(void)
{
    if (!__atomic_exchange_n(&asked, true, __ATOMIC_RELAXED)) {
        sem_post(&wake);
    }
}

static void wait_for_tick(void)
{
    rt__os_helper_wait(&wake, TICK_NS);
    __atomic_store_n(&asked, false, __ATOMIC_RELAXED);
}

static void run_due_cycle(uint64_t now_ns)
{
    uint64_t heap_bytes = rt__gc_heap_bytes();
    if (heap_bytes >= rt__gc_goal(heap_bytes).goal_bytes) {
        rt__gc_run(RT__GC_GOAL);
        return;
    }
    uint64_t last_ns = rt__gc_last_end_ns();
    bool something = heap_bytes > RT__LOAD(rt__gc.live_bytes);
    bool off = RT__LOAD(rt__gc.gc_percent) < 0 && rt__gc_limit() == ENV_MEMORY_LIMIT_OFF;
    if (something && !off && rt__os_elapsed(last_ns ? last_ns : rt__os_start_ns(), now_ns) >= PERIODIC_NS) {
        rt__gc_run(RT__GC_PERIODIC);
    }
}

static void scavenge(struct rt__scavenge_pace *pace, uint64_t now_ns)
{
    struct rt__held before, after;
    struct rt__account account;
    rt__held_read(&before);
    rt__account_read(&account);
    uint64_t live = account.alloc_bytes - account.free_bytes;
    live -= account.managed_alloc_bytes - account.managed_free_bytes;
    pace->spent_ns = rt__give_back_spent_ns();
    if (rt__scavenge_due(pace, now_ns, before.process_held, live, rt__scavenge_slack(rt__gc_limit()))) {
        rt__give_back(true);
    }
    rt__held_read(&after);
    if (pace->held_bytes > after.process_held) {
        rt__gc_note_scavenged(pace->held_bytes - after.process_held);
    }
    pace->held_bytes = after.process_held;
}

static void *background(void *unused)
{
    struct rt__scavenge_pace pace = {0};
    (void)unused;
    rt__self()->never_allocates = true;
    for (;;) {
        wait_for_tick();
        uint64_t now_ns = rt__os_now_ns();
        run_due_cycle(now_ns);
        scavenge(&pace, now_ns);
    }
    return NULL;
}

static void start_thread(void)
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all, old;
    sem_init(&wake, 0, 0);
    asked = false;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    /* The program's signals are the program's threads' business; the collector's own stay open, and the
     * profiler's. */
    sigfillset(&all);
    sigdelset(&all, SIGPWR);
    sigdelset(&all, SIGXCPU);
    sigdelset(&all, SIGPROF);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&thread, &attr, background, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    if (error == 0) {
        pthread_setname_np(thread, "rt-scavenger");
    } else {
        rt__os_print("%s: no background thread (%d): memory goes back at cycles only\n", rt__os_program(), error);
    }
}

/* Most children exec at once: no thread for those. One that goes on to allocate managed memory gets
 * its own (look.c). */
static void forget_thread(void)
{
    running = false;
}

void rt__scavenger_ensure(void)
{
    bool started = false;
    if (__atomic_compare_exchange_n(&running, &started, true, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        start_thread();
    }
}

void rt__scavenger_start(const struct env_settings *settings)
{
    (void)settings;
    rt__scavenger_ensure();
    pthread_atfork(NULL, NULL, forget_thread);
}
