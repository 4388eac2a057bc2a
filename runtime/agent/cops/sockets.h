/* sockets.h - the TCP and UDP sockets that a process has open. */
#ifndef COPS_SOCKETS_H
#define COPS_SOCKETS_H

#include "runtime/agent/cops/proc_text.h"

struct cops_sockets {
    struct cops_socket *all;
    size_t n;
};

/* Those whose descriptors may be looked at; none of a process that is somebody else's. */
void cops_sockets_of(int pid, struct cops_sockets *out);
void cops_sockets_free(struct cops_sockets *sockets);

/* The one that listens there, NULL when none does. */
const struct cops_socket *cops_sockets_listener(const struct cops_sockets *sockets, unsigned port);

#endif
