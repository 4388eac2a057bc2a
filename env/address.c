/* address.c - see address.h.
 *
 * The grammar is strict, as that of every variable: what is half understood would listen where nobody meant it to. A
 * host that is left out, as in ":6060", means every address of the machine to some programs; here it is refused,
 * because it is so easily written by mistake. Must never allocate, nor ask anybody for names.
 */
#include "env/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* The number at the end, without a leading zero: 0 to 65535, or -1. */
static int parse_port(const char *text)
{
    int port = 0;
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 5 || text[digits] != '\0' || (text[0] == '0' && digits > 1))
        return -1;
    for (; *text != '\0'; text++)
        port = port * 10 + (*text - '0');
    return port <= 65535 ? port : -1;
}

static socklen_t parse_ipv6(const char *host, int port, struct sockaddr_storage *out)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

    if (inet_pton(AF_INET6, host, &address.sin6_addr) != 1)
        return 0;
    memcpy(out, &address, sizeof(address));
    return sizeof(address);
}

static socklen_t parse_ipv4(const char *host, int port, struct sockaddr_storage *out)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        return 0;
    memcpy(out, &address, sizeof(address));
    return sizeof(address);
}

socklen_t env_parse_address(const char *text, struct sockaddr_storage *out)
{
    char host[ENV_ADDRESS_MAX];
    const char *colon = strrchr(text, ':');
    int port = colon != NULL ? parse_port(colon + 1) : -1;
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;

    if (port < 0 || len >= sizeof(host))
        return 0;
    memcpy(host, text, len);
    host[len] = '\0';
    if (len < 2 || host[0] != '[' || host[len - 1] != ']')
        return parse_ipv4(host, port, out);
    host[len - 1] = '\0';
    return parse_ipv6(host + 1, port, out);
}

bool env_address_is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, address, sizeof(v4));
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;

        memcpy(&v6, address, sizeof(v6));
        return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == 127);
    }
    return false;
}
