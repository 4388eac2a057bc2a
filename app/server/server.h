/* server.h - the HTTP server: event loops, from the first connection to a clean end. */
#ifndef APP_SERVER_SERVER_H
#define APP_SERVER_SERVER_H

#include "app/failure.h"
#include "app/server/address.h"
#include "app/store/store.h"
#include "app/web/web.h"
#include "app/workers/work.h"

struct server_options {
    const struct address *address; /* for the line that says where it listens */
    int port;
    const int *listen_fds; /* one per loop */
    int loops;
    int stop_fd; /* readable when the server is to stop */
    struct store *store;
    struct work *work;
    struct work *debug_work; /* for profiles */
    struct snapshots *snapshots;
    const struct web_site *site;
    const char *access_log; /* a file; NULL: none */
};

/* server_run - starts a loop per listening socket, the first on the calling thread, says on stderr
 * where it listens once all of them accept, and returns 0 when it was stopped and has drained, or
 * -1 with *err filled when it could not start. Called once in a process. */
int server_run(const struct server_options *options, struct failure *err);

#endif
