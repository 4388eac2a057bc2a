/* address.c - see address.h.
 *
 * A page of another site, open in a browser on this machine, can send requests to loopback. It cannot choose what the
 * browser says in Host: either the site's own name, when that has been made to resolve to 127.0.0.1, or ours. So a name
 * that is not known to mean this machine is not this machine, whatever it resolves to.
 */
#include "runtime/agent/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include "env/address.h"

#define HOST_BYTES 64 /* longer than any address and than localhost */

uint16_t rt__address_port(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        return ntohs(v6.sin6_port);
    }
    struct sockaddr_in v4;
    memcpy(&v4, address, sizeof(v4));
    return ntohs(v4.sin_port);
}

/* As IPv6, in which an address of IPv4 has a place, too. */
static struct in6_addr widened(const struct sockaddr *address)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof(v6));
        return v6.sin6_addr;
    }
    struct sockaddr_in v4;
    memcpy(&v4, address, sizeof(v4));
    v6.sin6_addr.s6_addr[10] = v6.sin6_addr.s6_addr[11] = 0xff;
    memcpy(&v6.sin6_addr.s6_addr[12], &v4.sin_addr, sizeof(v4.sin_addr));
    return v6.sin6_addr;
}

/* host, with a port when it has none: then it is what env_parse_address takes. */
static bool with_port(char *out, const char *host, size_t len)
{
    if (len == 0 || len + strlen(":0") >= HOST_BYTES || memchr(host, '\0', len)) {
        return false;
    }
    memcpy(out, host, len);
    out[len] = '\0';
    const char *colon = strrchr(out, ':');
    if (!colon || strchr(colon, ']')) {
        strcpy(out + len, ":0");
    }
    return true;
}

bool rt__address_is_own_host(const char *host, size_t len, const struct sockaddr *own)
{
    char text[HOST_BYTES];
    struct sockaddr_storage named;
    if (!with_port(text, host, len)) {
        return false;
    }
    if (strncasecmp(text, "localhost:", strlen("localhost:")) == 0) {
        memcpy(text, "localhost", strlen("localhost"));
    }
    if (env_parse_address(text, &named) == 0) {
        return false;
    }
    if (env_address_is_loopback((const struct sockaddr *)&named)) {
        return true;
    }
    struct in6_addr theirs = widened((const struct sockaddr *)&named), ours = widened(own);
    return memcmp(&theirs, &ours, sizeof(ours)) == 0;
}
