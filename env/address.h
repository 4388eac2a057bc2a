/* address.h - HOST:PORT as CAGENT takes it, as the kernel does. Pure. */
#ifndef ENV_ADDRESS_H
#define ENV_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* Room for the longest, [IPv6]:65535 with an IPv4 tail, and its NUL. */
#define ENV_ADDRESS_MAX 64

/* env_parse_address - an address of IPv4, one of IPv6 in brackets, or the word localhost (127.0.0.1), a colon and
 * decimal digits from 0 to 65535. Names are not looked up: this runs before main. Returns the address's length, or 0
 * (nothing is stored). */
socklen_t env_parse_address(const char *text, struct sockaddr_storage *out);

/* env_address_is_loopback - 127.0.0.0/8, ::1, or the former as ::ffff:127.x.x.x. Others: false. */
bool env_address_is_loopback(const struct sockaddr *address);

#endif
