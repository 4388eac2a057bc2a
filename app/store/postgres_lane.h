/* postgres_lane.h - one connection of a session, and the operations on their way through it. */
#ifndef APP_STORE_POSTGRES_LANE_H
#define APP_STORE_POSTGRES_LANE_H

#include "app/store/postgres_connect.h"
#include "app/store/postgres_group.h"
#include "app/store/postgres_query.h"
#include "app/store/postgres_server.h"
#include "app/store/store.h"

#include <h2o.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct postgres_lane {
    enum postgres_use use;
    struct postgres_server *server;
    h2o_loop_t *loop;
    /* For two kinds of message: broken, from this very thread, and the connector's, from its own. One
     * for each lane, so that closing it is safe once that lane's connector is stopped. */
    h2o_multithread_queue_t *queue;
    h2o_multithread_receiver_t receiver;
    h2o_multithread_message_t broken;
    PGconn *conn; /* NULL while there is none */
    h2o_socket_t *socket;
    struct postgres_connector *connector; /* NULL while there is a connection */
    struct postgres_ops queued;
    struct postgres_ops sent;     /* the group whose Sync is not answered yet */
    struct postgres_op *expected; /* of those sent: whose rows come next; NULL: only the Sync's answer */
    uint64_t sent_at_ms;
    unsigned int sequence;
    bool is_lost;     /* as the server's account has it: was connected once, is not now */
    bool is_broken;   /* found where no callback may run; the message is on its way */
    bool is_closing;  /* no callback runs any more */
    bool is_doubtful; /* the group is committed here, but not known to be where it has to be */
    bool has_failed;  /* an operation of the group did, so none took place */
    char sqlstate[6]; /* of that failure; "" when the server gave none */
    struct failure why;
};

/* postgres_lane_init - zeroed before, and not to be moved afterwards. */
void postgres_lane_init(struct postgres_lane *lane, enum postgres_use use, struct postgres_server *server,
                        const struct store_loop *loop);

/* postgres_lane_attach - takes a connection that postgres_connect made. Returns 0, or -1 with *err. */
int postgres_lane_attach(struct postgres_lane *lane, PGconn *conn, struct failure *err);

/* postgres_lane_submit - takes an operation on; its callback runs at once when there is no connection. */
void postgres_lane_submit(struct postgres_lane *lane, struct postgres_op *op);

/* postgres_lane_send - sends what has been collected, if it is its turn. Calls no callback. */
void postgres_lane_send(struct postgres_lane *lane);

/* postgres_lane_tick - looks for what has taken too long. */
void postgres_lane_tick(struct postgres_lane *lane);

/* postgres_lane_is_up, postgres_lane_is_idle - whether an operation has a chance; whether none is under
 * way. */
static inline bool postgres_lane_is_up(const struct postgres_lane *lane)
{
    return lane->conn != NULL && !lane->is_broken;
}

static inline bool postgres_lane_is_idle(const struct postgres_lane *lane)
{
    return lane->queued.first == NULL && lane->sent.first == NULL;
}

/* postgres_lane_close - with may_wait_ms, sends what is queued and waits for answers as long as that;
 * callbacks do not run. */
void postgres_lane_close(struct postgres_lane *lane, unsigned int may_wait_ms);

#endif
