/* timeout.c - ends a run that takes longer than -timeout: profiles are written, then all threads' tracebacks.
 *
 * A thread waits for the end of the run or of the time, whichever is first; without -timeout there is none. It must
 * not look at a benchmark, which may be gone: what runs is noted here by name.
 */
#include "bench/harness/harness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "runtime/cruntime.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static pthread_t thread;
static bool is_running, is_over;
static struct timespec deadline;
static int64_t limit_ns;
static char running[RT__BENCH_NAME_MAX];
static int64_t running_since_ns;

void rt__bench_timeout_note(const char *name)
{
    pthread_mutex_lock(&lock);
    snprintf(running, sizeof(running), "%s", name);
    running_since_ns = rt__bench_now_ns();
    pthread_mutex_unlock(&lock);
}

static void *wait_for_deadline(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    int error = 0;
    while (!is_over && error != ETIMEDOUT) {
        error = pthread_cond_timedwait(&changed, &lock, &deadline);
    }
    if (is_over) {
        pthread_mutex_unlock(&lock);
        return NULL;
    }
    char what[RT__BENCH_NAME_MAX + 64] = "";
    if (running[0]) {
        snprintf(what, sizeof(what), "\nrunning tests:\n\t%s (%.0fs)", running,
                 (double)(rt__bench_now_ns() - running_since_ns) / 1e9);
    }
    pthread_mutex_unlock(&lock);
    rt__bench_profiles_stop();
    rt_set_traceback("all");
    rt_panic("test timed out after %gs%s", (double)limit_ns / 1e9, what);
}

void rt__bench_timeout_start(int64_t timeout_ns)
{
    pthread_condattr_t attr;
    if (timeout_ns <= 0) {
        return;
    }
    limit_ns = timeout_ns;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += timeout_ns / 1000000000;
    deadline.tv_nsec += timeout_ns % 1000000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_nsec -= 1000000000;
        deadline.tv_sec++;
    }
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attr);
    pthread_condattr_destroy(&attr);
    int error = rt_thread_start(&thread, NULL, "bench-timeout", wait_for_deadline, NULL);
    if (error != 0) {
        rt_panic("-timeout: cannot start a thread: %s", strerror(-error));
    }
    is_running = true;
}

void rt__bench_timeout_stop(void)
{
    if (!is_running) {
        return;
    }
    pthread_mutex_lock(&lock);
    is_over = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    is_running = false;
}
