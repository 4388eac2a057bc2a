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

static void on_signal(int number)
{
    int saved = errno;
    uint64_t one = 1;
    ssize_t written;

    if (atomic_fetch_add(&received, 1) != 0)
        _exit(128 + number);
    written = write(event_fd, &one, sizeof(one));
    (void)written; /* the counter of a fresh eventfd cannot be full */
    errno = saved;
}

int signals_open(int *fd, struct failure *err)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
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

void signals_block_here(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}
