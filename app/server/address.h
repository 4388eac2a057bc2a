/* address.h - HOST:PORT, and the listening sockets for it. */
#ifndef APP_SERVER_ADDRESS_H
#define APP_SERVER_ADDRESS_H

#include "app/failure.h"

#include <stdbool.h>

struct address {
    char host[256]; /* without brackets */
    char port[6];   /* digits, at most 65535 */
    bool is_ipv6;   /* written in brackets */
};

/* address_parse - 127.0.0.1:8080, localhost:0 or [::1]:8080. Returns 0, or -1 when text is not of
 * that form; whether the host exists is found out by address_listen. */
int address_parse(const char *text, struct address *out);

/* What address_parse wants, as a clause for messages. */
#define ADDRESS_WANT "want HOST:PORT such as 127.0.0.1:8080 or [::1]:0"

/* address_listen - opens n listening sockets on one port, which share its connections
 * (SO_REUSEPORT); *port is the port that was taken. A port on which anybody listens already is
 * refused. Returns 0, or -1 with *err filled and no socket open. */
int address_listen(const struct address *address, int *fds, int n, int *port, struct failure *err);

#endif
