/* signals.c - see signals.h.
 *
 * A handler and an eventfd, not a signalfd: that one works only while every thread of the process
 * blocks the signals, and the runtime starts threads before main that this code knows nothing of.
 */
#include "app/server/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int event_fd = -1;
static atomic_int received;
static atomic_int usr2_fd = -1;

/* The counter of an eventfd that somebody reads now and then is never full. */
static void count(int fd)
{
    int saved = errno;
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof(one));

    (void)written;
    errno = saved;
}

static void on_stop(int number)
{
    if (atomic_fetch_add(&received, 1) != 0)
        _exit(128 + number);
    count(event_fd);
}

static void on_usr2(int number)
{
    int fd = atomic_load(&usr2_fd);

    (void)number;
    if (fd >= 0)
        count(fd);
}

int signals_open(int *fd, struct failure *err)
{
    struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd < 0)
        return failure_set(err, "eventfd: %s", strerror(errno));
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    *fd = event_fd;
    return 0;
}

void signals_count_usr2(int fd)
{
    struct sigaction action = {.sa_handler = on_usr2, .sa_flags = SA_RESTART};

    atomic_store(&usr2_fd, fd);
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR2, &action, NULL);
}

void signals_block_here(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}
