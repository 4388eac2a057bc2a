/* postgres.c - the store on a PostgreSQL server: its life, and what its sessions are asked.
 *
 * Reading order: postgres_queries.c (what is asked of the server), postgres_lane.c (how), then
 * postgres_connect.c, postgres_server.c and postgres_schema.c; postgres_rows.c makes the answers.
 *
 * A session has two connections, one that reads and one that writes: reads then never wait for a
 * commit. More would gain little, since a connection takes a whole group of operations at a time,
 * and cost a server process each: an instance on N processors already takes 2 × N of the server's
 * max_connections.
 */
#include "app/store/postgres.h"

#include "app/store/postgres_connect.h"
#include "app/store/postgres_lane.h"
#include "app/store/postgres_query.h"
#include "app/store/postgres_schema.h"
#include "app/store/postgres_server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* How often it is looked at whether something takes too long, while anything is under way. */
#define TICK_MS 500

/* What closing a session waits for writes under way; it stays below what a service manager grants. */
#define CLOSE_WAIT_MS 2000

struct postgres_store {
    struct store base;
    struct postgres_server *server;
    PGconn *conn; /* from the check at the start until the migration */
    bool overbooking;
};

struct postgres_session {
    struct store_session base;
    struct store_loop loop;
    h2o_timeout_t timeout;
    h2o_timeout_entry_t tick;
    struct postgres_lane lanes[POSTGRES_USES];
    bool overbooking;
};

static const struct store_ops postgres_ops;

/* ---- the store ------------------------------------------------------------------------------- */

/* What the parts say, with where to mend it in front. */
static int dsn_failure(struct failure *err)
{
    struct failure why = *err;

    return failure_set(err, "dsn: %s", why.text);
}

int postgres_store_open(const char *dsn, const struct store_options *options, struct store **out, struct failure *err)
{
    struct postgres_store *store = calloc(1, sizeof(*store));

    if (store == NULL)
        return failure_set(err, "dsn: out of memory");
    store->base.ops = &postgres_ops;
    store->overbooking = options->overbooking;
    if (postgres_server_new(dsn, &store->server, err) != 0) {
        free(store);
        return -1;
    }
    store->conn = postgres_connect_plain(store->server, err);
    if (store->conn == NULL) {
        postgres_ops.close(&store->base);
        return dsn_failure(err);
    }
    *out = &store->base;
    return 0;
}

static void close_store(struct store *base)
{
    struct postgres_store *store = (struct postgres_store *)base;

    PQfinish(store->conn);
    postgres_server_release(store->server);
    free(store);
}

static int migrate(struct store *base, bool reseed, struct failure *err)
{
    struct postgres_store *store = (struct postgres_store *)base;
    int result = -1;

    if (store->conn == NULL)
        store->conn = postgres_connect_plain(store->server, err);
    if (store->conn != NULL)
        result = postgres_schema_migrate(store->conn, reseed, err);
    PQfinish(store->conn);
    store->conn = NULL;
    return result == 0 ? 0 : dsn_failure(err);
}

/* ---- sessions -------------------------------------------------------------------------------- */

/* Ticks only while there is something to look at: an idle loop sleeps. */
static void tick_if_needed(struct postgres_session *session)
{
    for (int i = 0; i < POSTGRES_USES; i++) {
        const struct postgres_lane *lane = &session->lanes[i];
        bool has_no_thread = lane->conn == NULL && lane->connector == NULL;

        if ((has_no_thread || !postgres_lane_is_idle(lane)) && !h2o_timeout_is_linked(&session->tick))
            h2o_timeout_link(session->loop.events, &session->timeout, &session->tick);
    }
}

static void on_tick(h2o_timeout_entry_t *entry)
{
    struct postgres_session *session = H2O_STRUCT_FROM_MEMBER(struct postgres_session, tick, entry);

    for (int i = 0; i < POSTGRES_USES; i++)
        postgres_lane_tick(&session->lanes[i]);
    tick_if_needed(session);
}

static void session_end_turn(struct store_session *base)
{
    struct postgres_session *session = (struct postgres_session *)base;

    for (int i = 0; i < POSTGRES_USES; i++)
        postgres_lane_send(&session->lanes[i]);
    tick_if_needed(session);
}

static void session_close(struct store_session *base)
{
    struct postgres_session *session = (struct postgres_session *)base;

    for (int i = 0; i < POSTGRES_USES; i++)
        postgres_lane_close(&session->lanes[i], i == POSTGRES_WRITES ? CLOSE_WAIT_MS : 0);
    if (h2o_timeout_is_linked(&session->tick))
        h2o_timeout_unlink(&session->tick);
    h2o_timeout_dispose(session->loop.events, &session->timeout);
    free(session);
}

static int connect_lanes(struct postgres_store *store, struct postgres_session *session, struct failure *err)
{
    for (int i = 0; i < POSTGRES_USES; i++) {
        PGconn *conn = postgres_connect(store->server, session->lanes[i].use, -1, err);

        if (conn == NULL || postgres_lane_attach(&session->lanes[i], conn, err) != 0)
            return dsn_failure(err);
    }
    return 0;
}

/* Blocks: the loop does not run yet, and whoever is told that the application listens finds it ready. */
static int session_open(struct store *base, const struct store_loop *loop, struct store_session **out,
                        struct failure *err)
{
    struct postgres_store *store = (struct postgres_store *)base;
    struct postgres_session *session = calloc(1, sizeof(*session));

    if (session == NULL)
        return failure_set(err, "dsn: out of memory");
    session->base.ops = &postgres_ops;
    session->loop = *loop;
    session->overbooking = store->overbooking;
    h2o_timeout_init(loop->events, &session->timeout, TICK_MS);
    session->tick.cb = on_tick;
    for (int i = 0; i < POSTGRES_USES; i++)
        postgres_lane_init(&session->lanes[i], (enum postgres_use)i, store->server, loop);
    if (connect_lanes(store, session, err) != 0) {
        session_close(&session->base);
        return -1;
    }
    *out = &session->base;
    return 0;
}

/* ---- operations ------------------------------------------------------------------------------ */

static struct postgres_op *new_op(struct rt_scope *scope, enum postgres_query_name name, void *arg)
{
    struct postgres_op *op = rt_scope_alloc(scope, sizeof(*op));

    op->query = &postgres_queries[name];
    op->scope = scope;
    op->arg = arg;
    return op;
}

static void submit(struct store_session *base, struct postgres_op *op)
{
    struct postgres_session *session = (struct postgres_session *)base;

    postgres_lane_submit(&session->lanes[op->query->use], op);
}

static const char *digits(struct rt_scope *scope, int64_t number)
{
    char *text = rt_scope_alloc_atomic(scope, 24);

    snprintf(text, 24, "%" PRId64, number);
    return text;
}

static void list_rooms(struct store_session *session, struct rt_scope *scope, const char *day, store_rooms_done done,
                       void *arg)
{
    struct postgres_op *op = new_op(scope, day != NULL ? POSTGRES_LIST_ROOMS_ON : POSTGRES_LIST_ROOMS, arg);

    op->done.rooms = done;
    op->params[0] = day;
    submit(session, op);
}

static void get_room(struct store_session *session, struct rt_scope *scope, const char *id, store_room_done done,
                     void *arg)
{
    struct postgres_op *op = new_op(scope, POSTGRES_GET_ROOM, arg);

    op->done.room = done;
    op->params[0] = id;
    submit(session, op);
}

static void list_photos(struct store_session *session, struct rt_scope *scope, const char *room_id,
                        store_photos_done done, void *arg)
{
    struct postgres_op *op = new_op(scope, POSTGRES_LIST_PHOTOS, arg);

    op->done.photos = done;
    op->params[0] = room_id;
    submit(session, op);
}

static void find_user(struct store_session *session, struct rt_scope *scope, const char *username, store_user_done done,
                      void *arg)
{
    struct postgres_op *op = new_op(scope, POSTGRES_FIND_USER, arg);

    op->done.user = done;
    op->params[0] = username;
    submit(session, op);
}

static void add_user(struct store_session *session, struct rt_scope *scope, const struct store_user *user,
                     store_done done, void *arg)
{
    struct postgres_op *op = new_op(scope, POSTGRES_ADD_USER, arg);

    op->done.plain = done;
    op->params[0] = user->id;
    op->params[1] = user->email;
    op->params[2] = user->username;
    op->params[3] = user->password;
    submit(session, op);
}

static void list_bookings(struct store_session *session, struct rt_scope *scope, const char *email, int64_t after,
                          size_t limit, store_bookings_done done, void *arg)
{
    struct postgres_op *op = new_op(scope, POSTGRES_LIST_BOOKINGS, arg);

    op->done.bookings = done;
    op->params[0] = email;
    op->params[1] = digits(scope, after);
    op->params[2] = digits(scope, limit < INT64_MAX ? (int64_t)limit : INT64_MAX);
    submit(session, op);
}

static void get_booking(struct store_session *session, struct rt_scope *scope, const char *email, const char *id,
                        store_booking_done done, void *arg)
{
    struct postgres_op *op = new_op(scope, POSTGRES_GET_BOOKING, arg);

    op->done.booking = done;
    op->params[0] = email;
    op->params[1] = id;
    submit(session, op);
}

static void add_booking(struct store_session *base, struct rt_scope *scope, const char *email,
                        const struct store_booking *booking, store_done done, void *arg)
{
    const struct postgres_session *session = (struct postgres_session *)base;
    struct postgres_op *op =
        new_op(scope, session->overbooking ? POSTGRES_ADD_BOOKING_ANYWAY : POSTGRES_ADD_BOOKING, arg);

    op->done.plain = done;
    op->params[0] = email;
    op->params[1] = booking->id;
    op->params[2] = booking->room_id;
    op->params[3] = booking->booked_on;
    op->params[4] = booking->created_at;
    submit(base, op);
}

static void delete_booking(struct store_session *session, struct rt_scope *scope, const char *email, const char *id,
                           store_done done, void *arg)
{
    struct postgres_op *op = new_op(scope, POSTGRES_DELETE_BOOKING, arg);

    op->done.plain = done;
    op->params[0] = email;
    op->params[1] = id;
    submit(session, op);
}

/* The reading connection is asked; the writing one has to be there. */
static void ping(struct store_session *base, struct rt_scope *scope, store_done done, void *arg)
{
    const struct postgres_session *session = (struct postgres_session *)base;
    struct postgres_op *op;

    if (!postgres_lane_is_up(&session->lanes[POSTGRES_WRITES])) {
        done(arg, (struct store_result){STORE_AWAY, "the database cannot be reached now"});
        return;
    }
    op = new_op(scope, POSTGRES_PING, arg);
    op->done.plain = done;
    submit(base, op);
}

static const struct store_ops postgres_ops = {
    .close = close_store,
    .migrate = migrate,
    .session_open = session_open,
    .session_close = session_close,
    .session_end_turn = session_end_turn,
    .list_rooms = list_rooms,
    .get_room = get_room,
    .list_photos = list_photos,
    .find_user = find_user,
    .add_user = add_user,
    .list_bookings = list_bookings,
    .get_booking = get_booking,
    .add_booking = add_booking,
    .delete_booking = delete_booking,
    .ping = ping,
};
