/* postgres_connect.h - making connections, which blocks: at start, or on a thread of its own. */
#ifndef APP_STORE_POSTGRES_CONNECT_H
#define APP_STORE_POSTGRES_CONNECT_H

#include "app/failure.h"
#include "app/store/postgres_query.h"
#include "app/store/postgres_server.h"

#include <h2o.h>
#include <libpq-fe.h>

/* postgres_connect_plain - a blocking connection, checked to be one that this program can use. NULL,
 * with *err filled, when there is none. */
PGconn *postgres_connect_plain(const struct postgres_server *server, struct failure *err);

/* postgres_connect - a non-blocking connection in pipeline mode with the statements of that use
 * prepared. Gives up early when stop_fd (or -1) becomes readable. */
PGconn *postgres_connect(const struct postgres_server *server, enum postgres_use use, int stop_fd, struct failure *err);

/* postgres_connect_pause_ms - how long to wait after that many failed attempts (from 1). */
unsigned int postgres_connect_pause_ms(int failures, unsigned int random);

/* A thread that connects, however long it takes. It sends one message, when it has; the receiver finds
 * the connector with postgres_connector_of. */
struct postgres_connector;

/* postgres_connector_start - NULL when no thread could be started. */
struct postgres_connector *postgres_connector_start(struct postgres_server *server, enum postgres_use use,
                                                    h2o_multithread_receiver_t *receiver);
struct postgres_connector *postgres_connector_of(h2o_multithread_message_t *message);

/* postgres_connector_take - after its message: the connection; the connector is gone. */
PGconn *postgres_connector_take(struct postgres_connector *connector);

/* postgres_connector_stop - no message will come. On the thread of the receiver, to which no other
 * thread may be sending. */
void postgres_connector_stop(struct postgres_connector *connector);

#endif
