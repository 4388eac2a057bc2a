/* conn.c - see conn.h.
 *
 * Sockets block: a thread answers one client, and the writers of profiles and traces know plain write(2). The kernel
 * ends a send that makes no progress; reading is by poll, against a moment and not a span, so that a client that sends
 * a byte now and then gains nothing. SIGPIPE is blocked in the threads that come by here (serve.c).
 */
#include "runtime/agent/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "runtime/os/os.h"

#define NS_PER_S UINT64_C(1000000000)
/* Loopback takes megabytes in milliseconds, and a slow link takes something each second. A client that took nothing for
 * so long has been stopped or forgotten, and it holds one of a few threads. */
#define SEND_TIMEOUT_S 10
#define FINISH_NS NS_PER_S
#define LINE_BYTES 512
#define FIRST_FD 3

int rt__conn_take(int fd)
{
    struct timeval timeout = {.tv_sec = SEND_TIMEOUT_S};
    if (fd < FIRST_FD) {
        int other = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
        close(fd);
        fd = other;
    }
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    }
    return fd;
}

/* Whether there is something to read, or the end. */
static int wait_readable(int fd, uint64_t until_ns)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint64_t now_ns = rt__os_now_ns();
    uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    struct timespec left = {.tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S)};
    int n = ppoll(&p, 1, &left, NULL);
    if (n < 0) {
        return -errno;
    }
    return n > 0 ? 0 : -ETIMEDOUT;
}

ssize_t rt__conn_read(int fd, void *buf, size_t size, uint64_t until_ns)
{
    for (;;) {
        int error = wait_readable(fd, until_ns);
        if (error != 0 && error != -EINTR) {
            return error;
        }
        ssize_t n = recv(fd, buf, size, MSG_DONTWAIT);
        if (n >= 0) {
            return n;
        }
        if (errno != EINTR && errno != EAGAIN) {
            return -errno;
        }
    }
}

int rt__conn_write(int fd, const void *data, size_t len)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int rt__conn_print(int fd, const char *fmt, ...)
{
    char line[LINE_BYTES];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(line)) {
        return -EMSGSIZE;
    }
    return rt__conn_write(fd, line, (size_t)len);
}

int rt__conn_send_file(int fd, int file, uint64_t len)
{
    off_t at = 0;
    while ((uint64_t)at < len) {
        ssize_t n = sendfile(fd, file, &at, len - (uint64_t)at);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n == 0) {
            return -EIO;
        }
    }
    return 0;
}

void rt__conn_finish(int fd)
{
    char unread[512];
    uint64_t until_ns = rt__os_now_ns() + FINISH_NS;
    if (shutdown(fd, SHUT_WR) != 0) {
        return;
    }
    /* A client that sends without end is read until the time is over, not after it. */
    while (rt__os_now_ns() < until_ns && rt__conn_read(fd, unread, sizeof(unread), until_ns) > 0) {
    }
}
