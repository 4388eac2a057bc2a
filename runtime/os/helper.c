/* helper.c - threads of the runtime's own, and how they wait: for what may be asked of them, and no longer than until
 * their next turn.
 */
#include "runtime/os/os.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

#define NS_PER_S 1000000000

/* The program's signals are for the program's threads. libgc stops threads by two of its own, which it leaves open in
 * those that it knows; and the profiler samples this thread like any other. */
int rt__os_helper_start(pthread_t *thread, size_t stack_bytes, void *(*fn)(void *arg))
{
    pthread_attr_t attr;
    sigset_t most, old;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, stack_bytes);
    sigfillset(&most);
    sigdelset(&most, SIGPROF);
    pthread_sigmask(SIG_SETMASK, &most, &old);
    int error = pthread_create(thread, &attr, fn, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return -error;
}

bool rt__os_helper_wait(sem_t *asked, uint64_t ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    ns += (uint64_t)until.tv_nsec;
    until.tv_sec += (time_t)(ns / NS_PER_S);
    until.tv_nsec = (long)(ns % NS_PER_S);
    int result;
    do {
        result = sem_clockwait(asked, CLOCK_MONOTONIC, &until);
    } while (result != 0 && errno == EINTR);
    return result == 0;
}
