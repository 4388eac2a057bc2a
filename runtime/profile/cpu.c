/* cpu.c - the CPU profile: where the threads of the process spend their time on processors.
 *
 * Each thread has a timer on its own CPU clock, which interrupts it at each 10 ms that it has used; the
 * handler takes its stack and labels (cpu_threads.c). So a thread gets samples for what it used, whichever threads
 * run beside it, and one that sleeps costs nothing. A thread of the profiler's own looks ten times a second:
 * it moves samples from the rings to the table, finds threads that nobody announced, and lets go of those that
 * ended. What could not be sampled is said in the profile's comment (cpu_losses.c).
 *
 * The lock is never held over anything that allocates or starts a thread: new threads wait for it before they
 * do anything else.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include "runtime/os/os.h"
#include "runtime/profile/cpu_threads.h"
#include "runtime/profile/profile.h"
#include "runtime/profile/signal.h"
#include "runtime/trace/samples.h"

/* A thread puts ten samples into its ring meanwhile, a third of what the ring takes at the least. */
#define LOOK_NS 100000000u
#define STACKS_BYTES (8u << 20) /* some 30,000 stacks twenty deep */
#define THREAD_STACK_BYTES (128u << 10)

static const struct rt__profile_kind kind = {
    .name = "profile",
    .types_count = 2,
    .types = {{"samples", "count"}, {"cpu", "nanoseconds"}},
    .default_type = "cpu",
    .period_type = {"cpu", "nanoseconds"},
    .text = RT__TEXT_COUNT,
    .text_title = "profile",
};

enum state { IDLE, STARTING, RUNNING, ENDING };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum state state; /* read without the lock by new threads, written under it */
static struct rt__cpu_sums sums = {.table = {.most_bytes = STACKS_BYTES}};
static uint64_t began_ns, began_unix_ns, began_cpu_ns;
static pthread_t looker;
static sem_t end_asked;

static bool is_watching(enum state s)
{
    return s == STARTING || s == RUNNING;
}

/* True when the profile was in the one state and is in the other now. */
static bool change_state(enum state from, enum state to)
{
    pthread_mutex_lock(&lock);
    bool was = state == from;
    if (was) {
        __atomic_store_n(&state, to, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&lock);
    return was;
}

/* ---- new threads ------------------------------------------------------------------------------ */

void rt__profile_thread_begins(void)
{
    rt__signal_unblock();
    if (!is_watching(__atomic_load_n(&state, __ATOMIC_RELAXED))) {
        return;
    }
    pthread_mutex_lock(&lock);
    if (is_watching(state)) {
        rt__cpu_threads_watch(rt__os_tid());
    }
    pthread_mutex_unlock(&lock);
}

static void watch(pid_t tid, void *unused)
{
    (void)unused;
    rt__cpu_threads_watch(tid);
}

/* ---- the profiler's own thread ---------------------------------------------------------------- */

static void *look_until_the_end(void *unused)
{
    (void)unused;
    pthread_setname_np(pthread_self(), "rt-profiler");
    while (!rt__os_helper_wait(&end_asked, LOOK_NS)) {
        pthread_mutex_lock(&lock);
        rt__cpu_threads_look(&sums);
        rt__os_tasks(watch, NULL);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

/* Its own time is part of what the process uses, so it is sampled like any other. */
static int start_looker(void)
{
    sem_init(&end_asked, 0, 0);
    return rt__os_helper_start(&looker, THREAD_STACK_BYTES, look_until_the_end);
}

/* ---- fork ------------------------------------------------------------------------------------- */

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&lock);
}

/* The timers and the looker stayed with the parent. */
static void after_fork_in_child(void)
{
    rt__cpu_threads_forget();
    rt__samples_forget();
    rt__cpu_table_release(&sums.table);
    state = IDLE;
    pthread_mutex_unlock(&lock);
}

static void mind_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* ---- begin and end ---------------------------------------------------------------------------- */

static void watch_all(void)
{
    pthread_mutex_lock(&lock);
    memset(&sums.losses, 0, sizeof(sums.losses));
    began_ns = rt__os_now_ns();
    began_unix_ns = rt__os_unix_ns();
    began_cpu_ns = rt__os_process_cpu_ns();
    if (!rt__os_tasks(watch, NULL)) {
        rt__cpu_threads_watch(rt__os_tid()); /* no /proc: this thread, and those that begin from now on */
    }
    pthread_mutex_unlock(&lock);
}

static void let_go_of_all(void)
{
    pthread_mutex_lock(&lock);
    rt__cpu_threads_let_go(&sums);
    pthread_mutex_unlock(&lock);
}

int rt__cpu_profile_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, mind_forks);
    if (!change_state(IDLE, STARTING)) {
        return -EBUSY;
    }
    rt__samples_prepare();
    watch_all();
    int error = start_looker();
    if (error == 0) {
        change_state(STARTING, RUNNING);
        return 0;
    }
    change_state(STARTING, ENDING);
    let_go_of_all();
    rt__cpu_table_release(&sums.table);
    change_state(ENDING, IDLE);
    return error;
}

int rt__cpu_profile_end(struct rt__profile *p)
{
    if (!change_state(RUNNING, ENDING)) {
        return -EINVAL;
    }
    sem_post(&end_asked);
    pthread_join(looker, NULL);
    let_go_of_all();
    rt__profile_begin(p, &kind);
    p->period = RT__CPU_PERIOD_NS;
    p->time_ns = (int64_t)began_unix_ns;
    p->duration_ns = (int64_t)(rt__os_now_ns() - began_ns);
    rt__cpu_losses_comment(&sums.losses, rt__os_process_cpu_ns() - began_cpu_ns, p->comment, sizeof(p->comment));
    rt__cpu_table_write(&sums.table, p);
    rt__cpu_table_release(&sums.table);
    change_state(ENDING, IDLE);
    return 0;
}
