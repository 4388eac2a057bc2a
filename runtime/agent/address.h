/* address.h - whose an address is, and whose page a browser shows. Pure. */
#ifndef RT_AGENT_ADDRESS_H
#define RT_AGENT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

uint16_t rt__address_port(const struct sockaddr *address);

/* Whether the value of a Host header, HOST or HOST:PORT, names this machine's loopback (localhost, 127.0.0.0/8, [::1])
 * or the address that the connection came to. */
bool rt__address_is_own_host(const char *host, size_t len, const struct sockaddr *own);

#endif
