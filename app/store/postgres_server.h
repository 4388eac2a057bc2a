/* postgres_server.h - how the server is reached, and what stderr is told about it (see the .c file). */
#ifndef APP_STORE_POSTGRES_SERVER_H
#define APP_STORE_POSTGRES_SERVER_H

#include "app/failure.h"

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdint.h>

struct postgres_server {
    const char **keywords; /* as PQconnectdbParams takes them; end with NULL */
    const char **values;
    PQconninfoOption *options; /* owns the texts of both */
    atomic_int holders;
    atomic_int lanes_down;
    _Atomic int64_t next_line_ms; /* of "still not connected", monotonic */
};

/* postgres_server_new - reads the DSN and adds what it leaves open. Connects to nothing. */
int postgres_server_new(const char *dsn, struct postgres_server **out, struct failure *err);

/* postgres_server_hold, postgres_server_release - the last release frees it. Any thread. */
struct postgres_server *postgres_server_hold(struct postgres_server *server);
void postgres_server_release(struct postgres_server *server);

/* What an operator reads: a line when the first connection is lost, one a minute while there is none,
 * and one when all are back. Any thread. */
void postgres_server_note_lost(struct postgres_server *server, const char *why);
void postgres_server_note_still_lost(struct postgres_server *server, const char *why);
void postgres_server_note_back(struct postgres_server *server);

/* postgres_server_note_closed - a lane that is down will not come back, since its session ends. */
void postgres_server_note_closed(struct postgres_server *server);

/* postgres_now_ms - the monotonic clock. */
int64_t postgres_now_ms(void);

#endif
