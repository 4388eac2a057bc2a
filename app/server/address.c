/* address.c - see address.h.
 *
 * SO_REUSEPORT would let a second app of the same user join the port in silence and take half of
 * the connections. So the first socket binds and listens without it, which fails when anybody is
 * there, and turns it on only then; the sockets of the other loops join that one.
 */
#include "app/server/address.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A client that neither reads its answer nor closes is cut off after this; h2o 2.2 has no timeout
 * for writing. Lower would cut slow but honest links. The same span as Go servers commonly set. */
#define WRITE_STALL_MS 30000

static bool is_port(const char *text)
{
    size_t len = strspn(text, "0123456789");

    return len != 0 && len <= 5 && text[len] == '\0' && atoi(text) <= 65535;
}

int address_parse(const char *text, struct address *out)
{
    const char *colon = strrchr(text, ':');
    size_t host_len;

    if (colon == NULL || !is_port(colon + 1))
        return -1;
    host_len = (size_t)(colon - text);
    out->is_ipv6 = text[0] == '[';
    if (out->is_ipv6) {
        if (host_len < 3 || text[host_len - 1] != ']')
            return -1;
        text++;
        host_len -= 2;
    }
    if (host_len == 0 || host_len >= sizeof(out->host) || memchr(text, out->is_ipv6 ? ']' : ':', host_len) != NULL)
        return -1;
    memcpy(out->host, text, host_len);
    out->host[host_len] = '\0';
    snprintf(out->port, sizeof(out->port), "%s", colon + 1);
    return 0;
}

static void set_option(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof(value));
}

/* first: the one that makes sure that nobody else is on the port. Returns the socket or -errno. */
static int open_socket(const struct sockaddr *address, socklen_t len, bool first)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error;

    if (fd < 0)
        return -errno;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, WRITE_STALL_MS); /* accepted sockets inherit it */
    if (!first)
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (bind(fd, address, len) == 0 && listen(fd, SOMAXCONN) == 0) {
        if (first)
            set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
        return fd;
    }
    error = -errno;
    close(fd);
    return error;
}

static int open_all(struct sockaddr_storage *address, socklen_t len, int *fds, int n)
{
    for (int i = 0; i < n; i++) {
        fds[i] = open_socket((struct sockaddr *)address, len, i == 0);
        if (fds[i] < 0) {
            int error = fds[i];

            while (i-- > 0)
                close(fds[i]);
            return error;
        }
        /* With port 0 the first socket finds a port, and the others join it. */
        if (i == 0 && getsockname(fds[0], (struct sockaddr *)address, &len) != 0)
            return -errno;
    }
    return 0;
}

static int port_of(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
    return ntohs(((const struct sockaddr_in *)address)->sin_port);
}

/* "localhost" is often both ::1 and 127.0.0.1; the latter is what a client tries that asks for
 * IPv4 only, and what Go's net.Listen takes. */
static const struct addrinfo *prefer_ipv4(const struct addrinfo *list)
{
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        if (a->ai_family == AF_INET)
            return a;
    }
    return list;
}

int address_listen(const struct address *address, int *fds, int n, int *port, struct failure *err)
{
    struct addrinfo hints = {.ai_family = address->is_ipv6 ? AF_INET6 : AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    struct sockaddr_storage bound;
    const struct addrinfo *chosen;
    socklen_t len;
    int rc = getaddrinfo(address->host, address->port, &hints, &list);

    if (rc != 0)
        return failure_set(err, "listen %s: %s", address->host, gai_strerror(rc));
    chosen = prefer_ipv4(list);
    len = chosen->ai_addrlen;
    memcpy(&bound, chosen->ai_addr, len);
    freeaddrinfo(list);
    rc = open_all(&bound, len, fds, n);
    if (rc != 0)
        return failure_set(err, "listen %s%s%s:%s: %s", address->is_ipv6 ? "[" : "", address->host,
                           address->is_ipv6 ? "]" : "", address->port, strerror(-rc));
    *port = port_of(&bound);
    return 0;
}
