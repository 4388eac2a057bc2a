/* trace_threads.c - a trace of threads that come and go.
 *
 *     trace_threads FILE WAVES THREADS
 *
 * Writes a trace of WAVES waves of THREADS threads to FILE. Each thread runs a task with two regions, waits
 * for a mutex that all want, sleeps, allocates and logs. Prints what a reader of the trace should find:
 *
 *     {"threads":640,"tasks":640,"regions":1280,"logs":640}
 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile uint64_t sum;

NOINLINE static void spin(unsigned turns)
{
    for (unsigned i = 0; i < turns; i++) {
        sum += i;
    }
}

NOINLINE static void wait_for_the_lock(void)
{
    pthread_mutex_lock(&lock);
    spin(20000);
    pthread_mutex_unlock(&lock);
}

static void *live(void *arg)
{
    rt_task task = rt_trace_task_begin("visit", 0);
    rt_trace_region_begin("outer");
    wait_for_the_lock();
    rt_trace_region_begin("inner");
    usleep(500);
    rt_trace_logf("visitor", "number %u", (unsigned)(uintptr_t)arg);
    char *volatile p = rt_alloc_atomic(4096);
    (void)p;
    rt_trace_region_end();
    rt_trace_region_end();
    rt_trace_task_end(task);
    return NULL;
}

static void wave(unsigned threads)
{
    pthread_t ids[256];
    pthread_mutex_lock(&lock); /* so that all have to wait for it, however few run at a time */
    for (unsigned i = 0; i < threads; i++) {
        /* Every other one by itself, as a library would. */
        int error = i % 2 ? rt_thread_start(&ids[i], NULL, "visitor", live, (void *)(uintptr_t)i)
                          : -pthread_create(&ids[i], NULL, live, (void *)(uintptr_t)i);
        CHECK(error == 0, "thread %u: %s", i, strerror(-error));
    }
    pthread_mutex_unlock(&lock);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        return 2;
    }
    unsigned waves = (unsigned)atoi(argv[2]), threads = (unsigned)atoi(argv[3]);
    int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && threads <= 256, "cannot begin");
    CHECK(!rt_trace_is_enabled(), "nobody has asked for a trace yet");
    CHECK_EQUAL(rt_trace_stop(), -EINVAL, "stopping none");
    CHECK_EQUAL(rt_trace_start(fd), 0, "starting");
    CHECK_EQUAL(rt_trace_start(fd), -EBUSY, "starting a second");
    CHECK(rt_trace_is_enabled(), "it has been asked for");
    for (unsigned i = 0; i < waves; i++) {
        wave(threads);
        rt_gc();
    }
    CHECK_EQUAL(rt_trace_stop(), 0, "stopping");
    CHECK(!rt_trace_is_enabled(), "it is over");
    unsigned n = waves * threads;
    printf("{\"threads\":%u,\"tasks\":%u,\"regions\":%u,\"logs\":%u,\"cycles\":%u}\n", n, n, 2 * n, n, waves);
    return check_done();
}
