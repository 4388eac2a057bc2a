/* net.c - see net.h. */
#include "runtime/agent/cops/net.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_MS 5000

/* More than any profile or trace of ours; an end there must be, as the other side decides what it sends. */
#define ANSWER_LIMIT ((size_t)1 << 30)

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Whether the descriptor was ready before that long had passed; signals do not shorten it. */
static bool wait_for(int fd, short events, int64_t ms)
{
    struct pollfd p = {.fd = fd, .events = events};
    int64_t end = now_ms() + ms;
    for (;;) {
        int64_t left = end - now_ms();
        int n = poll(&p, 1, left > 0 ? (int)left : 0);
        if (n > 0)
            return true;
        if (n == 0 || errno != EINTR)
            return false;
    }
}

/* A non-blocking socket that is connected, or -1 with errno. */
static int connect_one(const struct addrinfo *a)
{
    int error = 0;
    socklen_t len = sizeof error;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (fd < 0)
        return -1;
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0)
        error = errno;
    if (error == EINPROGRESS) {
        error = ETIMEDOUT;
        if (wait_for(fd, POLLOUT, CONNECT_MS) && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
            error = errno;
    }
    if (error == 0)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

static void put_address(const struct addrinfo *a, char address[COPS_ADDRESS_TEXT])
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
        snprintf(address, COPS_ADDRESS_TEXT, "localhost");
    else
        snprintf(address, COPS_ADDRESS_TEXT, strchr(host, ':') ? "[%.60s]:%.8s" : "%.60s:%.8s", host, port);
}

bool cops_net_connect(const struct cops_target *target, char address[COPS_ADDRESS_TEXT], int *fd,
                      struct cops_error *error)
{
    struct addrinfo want = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *all;
    int failure = 0;
    int wrong = getaddrinfo(target->host, target->port, &want, &all);
    if (wrong != 0)
        return cops_error(error, "%s: %s", target->name, wrong == EAI_SYSTEM ? strerror(errno) : gai_strerror(wrong));
    *fd = -1;
    for (const struct addrinfo *a = all; a && *fd < 0; a = a->ai_next) {
        *fd = connect_one(a);
        failure = errno;
        if (*fd >= 0)
            put_address(a, address);
    }
    freeaddrinfo(all);
    return *fd >= 0 || cops_error(error, "%s: cannot connect: %s", target->name, strerror(failure));
}

bool cops_net_send(const struct cops_target *target, int fd, const void *bytes, size_t len, struct cops_error *error)
{
    const char *next = bytes;
    while (len > 0) {
        ssize_t n = send(fd, next, len, MSG_NOSIGNAL);
        if (n >= 0) {
            next += n;
            len -= (size_t)n;
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return true;
        } else if (errno == EAGAIN) {
            if (!wait_for(fd, POLLOUT, COPS_PATIENCE_S * 1000))
                return cops_error(error, "%s: takes no question", target->name);
        } else if (errno != EINTR) {
            return cops_error(error, "%s: cannot send: %s", target->name, strerror(errno));
        }
    }
    return true;
}

bool cops_net_receive(const struct cops_target *target, int fd, unsigned patience_s, struct cops_text *answer,
                      struct cops_error *error)
{
    for (;;) {
        ssize_t n = recv(fd, cops_text_room(answer, 65536), 65536, 0);
        if (n == 0)
            return true;
        if (n > 0) {
            answer->len += (size_t)n;
            answer->bytes[answer->len] = '\0';
            if (answer->len > ANSWER_LIMIT)
                return cops_error(error, "%s: its answer does not end", target->name);
        } else if (errno == EAGAIN) {
            if (!wait_for(fd, POLLIN, (int64_t)patience_s * 1000))
                return cops_error(error, "%s: no answer within %u s", target->name, patience_s);
        } else if (errno != EINTR) {
            return cops_error(error, "%s: the answer broke off: %s", target->name, strerror(errno));
        }
    }
}

bool cops_net_ask(const struct cops_target *target, const void *question, size_t len, unsigned patience_s,
                  struct cops_text *answer, struct cops_error *error)
{
    char address[COPS_ADDRESS_TEXT];
    int fd;
    if (!cops_net_connect(target, address, &fd, error))
        return false;
    bool ok =
        cops_net_send(target, fd, question, len, error) && cops_net_receive(target, fd, patience_s, answer, error);
    close(fd);
    return ok;
}
