/* sched.c - see sched.h.
 *
 * The scheduler is the kernel's here, and what it tells is a state for each thread. A thread that could run counts as
 * running on one of CMAXPROCS processors as long as there is one, and as waiting for one beyond that (runqueue): which
 * of them has a processor at that moment nobody can say. Nothing spins, and nothing has a queue of its own, so Go's
 * list of queues is left out. Costs one look into /proc for each thread and line; must never hold up another thread.
 */
#include "runtime/stats/sched.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include "runtime/cruntime.h"
#include "runtime/heap/thread.h"
#include "runtime/os/os.h"

#define STACK_BYTES (128u << 10)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

static uint64_t period_ns;

int rt__sched_format(char *buf, size_t size, const struct rt__sched *s)
{
    unsigned running = s->runnable < s->max_procs ? s->runnable : s->max_procs;
    unsigned busy = s->runnable + s->waiting;
    return snprintf(buf, size,
                    "SCHED %" PRIu64 "ms: gomaxprocs=%u idleprocs=%u threads=%u spinningthreads=0 needspinning=0 "
                    "idlethreads=%u runqueue=%u\n",
                    s->elapsed_ns / NS_PER_MS, s->max_procs, s->max_procs - running, s->threads,
                    s->threads > busy ? s->threads - busy : 0, s->runnable - running);
}

static void count(pid_t tid, void *arg)
{
    struct rt__sched *s = arg;
    struct rt__os_task task;
    if (!rt__os_task_read(tid, &task)) {
        return; /* it has ended meanwhile */
    }
    s->threads++;
    s->runnable += task.state == 'R' && tid != rt__os_tid();
    s->waiting += task.state == 'D';
}

static void print_line(void)
{
    char line[256];
    struct rt__sched s = {.elapsed_ns = rt__os_now_ns() - rt__os_start_ns(), .max_procs = (unsigned)rt_max_procs()};
    rt__os_tasks(count, &s);
    rt__sched_format(line, sizeof(line), &s);
    rt__os_print("%s", line);
}

/* At multiples of the period, so that lines do not drift by what they take. */
static void *print_lines(void *unused)
{
    uint64_t start_ns = rt__os_start_ns();
    (void)unused;
    pthread_setname_np(pthread_self(), "rt-schedtrace");
    rt__self()->never_allocates = true;
    for (;;) {
        uint64_t left_ns = period_ns - (rt__os_now_ns() - start_ns) % period_ns;
        struct timespec left = {.tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S)};
        while (nanosleep(&left, &left) != 0 && errno == EINTR) { /* the profiler's signal */
        }
        print_line();
    }
    return NULL;
}

void rt__sched_start(const struct env_settings *settings)
{
    pthread_t thread;
    if (settings->schedtrace_ms == 0) {
        return;
    }
    period_ns = (uint64_t)settings->schedtrace_ms * NS_PER_MS;
    int error = rt__os_helper_start(&thread, STACK_BYTES, print_lines);
    if (error != 0) {
        rt__os_print("%s: CDEBUG=schedtrace: no thread for it (%d)\n", rt__os_program(), -error);
        return;
    }
    pthread_detach(thread);
}
