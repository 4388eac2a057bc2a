/* postgres_lane.c - a connection in pipeline mode, driven by the event loop.
 *
 * Operations are collected during a turn of the loop and sent together at its end, with one Sync: a
 * group, which the server runs as one transaction with one commit. At most one Sync is under way;
 * what comes meanwhile makes the next group. Under load a commit so serves as many operations as came
 * in during the one before it, which is what makes this several times as fast as a Sync a turn. What can
 * be said for several at once, bookings, is one statement of the group (postgres_group.c).
 *
 * Nobody is told anything before the Sync is answered: until then an error, the commit's own too,
 * undoes all. After one the operations are queued again, each alone, so that only the culprit is told.
 *
 * A connection that is lost, hung (DEADLINE_MS) or of no use any more (postgres_verdict_of) is closed:
 * all that is queued or sent is told STORE_AWAY, never tried again (it may have been committed), and a
 * thread makes a new connection (postgres_connect.c).
 *
 * The socket is libpq's: h2o watches a duplicate of it and never reads.
 */
#include "app/store/postgres_lane.h"

#include "app/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The longest that somebody waits. A healthy server answers in milliseconds; a checkpoint or a standby
 * that catches up may take seconds; after ten a client has better use for a 503. */
#define DEADLINE_MS 10000

/* How often an operation is tried that is in the way of another transaction. */
#define TRIES_MAX 4

static const struct store_result away_now = {STORE_AWAY, "the database cannot be reached now"};
static const struct store_result away_lost = {STORE_AWAY, "the connection to the database was lost"};
static const struct store_result away_late = {STORE_AWAY, "the database has not answered in time"};
static const struct store_result away_doubtful = {STORE_AWAY, "the standby has not confirmed the commit"};

/* ---- telling --------------------------------------------------------------------------------- */

/* The operation is over, unless its query starts it again. */
static void finish(struct postgres_lane *lane, struct postgres_op *op, struct store_result result)
{
    PGresult *rows = op->rows;
    bool is_borrowing = op->is_borrowing; /* its query may start it again, or its request end */

    op->rows = NULL;
    rt_trace_task_end(op->behalf.task);
    if (!lane->is_closing) {
        struct behalf before = behalf_set((struct behalf){op->behalf.labels, op->whole});

        op->query->finish(op, result, result.status == STORE_OK ? rows : NULL);
        behalf_set(before);
    }
    if (!is_borrowing)
        PQclear(rows);
}

static void finish_all(struct postgres_lane *lane, struct postgres_ops *ops, struct store_result result)
{
    while (ops->first != NULL)
        finish(lane, postgres_ops_take(ops), result);
}

/* ---- losing the connection ------------------------------------------------------------------- */

static void disconnect(struct postgres_lane *lane)
{
    if (lane->socket != NULL)
        h2o_socket_close(lane->socket); /* before libpq closes what it is a duplicate of */
    lane->socket = NULL;
    PQfinish(lane->conn);
    lane->conn = NULL;
}

static void connect_again(struct postgres_lane *lane)
{
    lane->connector = postgres_connector_start(lane->server, lane->use, &lane->receiver);
}

static void lose(struct postgres_lane *lane, const char *why, struct store_result result)
{
    struct postgres_ops lost;

    postgres_server_note_lost(lane->server, why); /* first: why may be libpq's */
    disconnect(lane);
    postgres_ops_clear(&lost);
    postgres_ops_append_all(&lost, &lane->sent);
    postgres_ops_append_all(&lost, &lane->queued);
    lane->expected = NULL;
    lane->is_broken = false;
    lane->is_lost = true;
    if (!lane->is_closing)
        connect_again(lane);
    finish_all(lane, &lost, result);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void on_writable(h2o_socket_t *socket, const char *error);

static bool flush(struct postgres_lane *lane)
{
    int more = PQflush(lane->conn);

    if (more == 1 && lane->socket != NULL && !h2o_socket_is_writing(lane->socket))
        h2o_socket_notify_write(lane->socket, on_writable);
    return more >= 0;
}

static bool send_statement(PGconn *conn, const struct postgres_op *op)
{
    const struct postgres_query *query = op->query;
    const char *arrays[POSTGRES_PARAMS_MAX];
    char *text;
    bool is_sent;

    if (op->batch == 1)
        return PQsendQueryPrepared(conn, query->name, query->params, op->params, NULL, NULL, 0) == 1;
    text = postgres_batch_arrays(op, arrays);
    if (text == NULL)
        return false;
    is_sent = PQsendQueryPrepared(conn, postgres_queries[query->many].name, query->params, arrays, NULL, NULL, 0) == 1;
    free(text);
    return is_sent;
}

static bool send_group(struct postgres_lane *lane)
{
    postgres_group_take(&lane->queued, &lane->sent);
    lane->expected = lane->sent.first;
    lane->sent_at_ms = h2o_now(lane->loop);
    lane->has_failed = false;
    lane->is_doubtful = false;
    for (struct postgres_op *op = lane->sent.first; op != NULL; op = postgres_batch_end(op)) {
        postgres_batch_begin(op);
        if (!send_statement(lane->conn, op))
            return false;
    }
    return PQpipelineSync(lane->conn) == 1 && flush(lane);
}

void postgres_lane_send(struct postgres_lane *lane)
{
    bool is_sent;

    if (!postgres_lane_is_up(lane) || lane->sent.first != NULL || lane->queued.first == NULL)
        return;
    rt_trace_region_begin("database"); /* of no task: a group is several requests' */
    is_sent = send_group(lane);
    rt_trace_region_end();
    if (is_sent)
        return;
    lane->is_broken = true;
    if (lane->is_closing)
        return;
    h2o_multithread_send_message(&lane->receiver, &lane->broken);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void note_failure(struct postgres_lane *lane, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (lane->has_failed)
        return;
    lane->has_failed = true;
    failure_set(&lane->why, "%s", message != NULL ? message : PQresultErrorMessage(result));
    snprintf(lane->sqlstate, sizeof(lane->sqlstate), "%s", sqlstate != NULL ? sqlstate : "");
}

static bool may_try_again(const struct postgres_lane *lane, struct postgres_op *op)
{
    return ++op->tries < TRIES_MAX && h2o_now(lane->loop) - op->queued_at_ms < DEADLINE_MS;
}

/* All that was sent has been undone. */
static void group_failed(struct postgres_lane *lane)
{
    enum postgres_verdict verdict = postgres_verdict_of(lane->sqlstate);
    struct postgres_op *op = lane->sent.first;

    if (verdict == POSTGRES_DROP) {
        lose(lane, lane->why.text, away_lost);
    } else if (op->next != NULL || (verdict == POSTGRES_RETRY && may_try_again(lane, op))) {
        postgres_group_undo(&lane->sent, &lane->queued);
    } else {
        postgres_ops_clear(&lane->sent);
        finish(lane, op, (struct store_result){verdict == POSTGRES_FAIL ? STORE_FAILED : STORE_AWAY, lane->why.text});
    }
}

/* The Sync is answered. From here on the group is no longer the lane's: callbacks may submit more. */
static void group_done(struct postgres_lane *lane)
{
    struct postgres_ops done;

    if (lane->has_failed) {
        group_failed(lane);
        return;
    }
    if (lane->expected != NULL) {
        lose(lane, "the server left a statement unanswered", away_lost);
        return;
    }
    postgres_ops_clear(&done);
    postgres_ops_append_all(&done, &lane->sent);
    finish_all(lane, &done, lane->is_doubtful ? away_doubtful : (struct store_result){STORE_OK, ""});
}

/* Takes over result. In pipeline mode there is one for each statement, and one for the Sync; an error
 * with all statements answered is the commit's. */
static void take_result(struct postgres_lane *lane, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_TUPLES_OK && lane->expected != NULL) {
        postgres_batch_answered(lane->expected, result);
        lane->expected = postgres_batch_end(lane->expected);
        return;
    }
    if (status == PGRES_PIPELINE_SYNC) {
        PQclear(result);
        group_done(lane);
        return;
    }
    if (status != PGRES_PIPELINE_ABORTED)
        note_failure(lane, result);
    if (lane->expected != NULL)
        lane->expected = postgres_batch_end(lane->expected);
    PQclear(result);
}

/* What is complete is handled. libpq separates statements by a NULL; two of them mean that it expects
 * nothing while we do. */
static void read_results(struct postgres_lane *lane)
{
    int nulls = 0;

    while (lane->conn != NULL && lane->sent.first != NULL && !PQisBusy(lane->conn)) {
        PGresult *result = PQgetResult(lane->conn);

        if (result != NULL) {
            nulls = 0;
            take_result(lane, result);
        } else if (++nulls > 1 || PQstatus(lane->conn) != CONNECTION_OK) {
            lose(lane, lane->has_failed ? lane->why.text : PQerrorMessage(lane->conn), away_lost);
        }
    }
}

/* TLS may have decrypted more than libpq took; no poll would tell of that. */
static bool has_more(const struct postgres_lane *lane)
{
    SSL *ssl = lane->conn != NULL && PQsslInUse(lane->conn) ? PQsslStruct(lane->conn, "OpenSSL") : NULL;

    return ssl != NULL && SSL_pending(ssl) > 0;
}

static void read_lane(struct postgres_lane *lane)
{
    do {
        if (PQconsumeInput(lane->conn) != 1) {
            read_results(lane); /* what came before the end, an error of the server's for one */
            if (lane->conn != NULL)
                lose(lane, lane->has_failed ? lane->why.text : PQerrorMessage(lane->conn), away_lost);
            return;
        }
        read_results(lane);
    } while (has_more(lane));
}

static void on_readable(h2o_socket_t *socket, const char *error)
{
    struct postgres_lane *lane = socket->data;

    (void)error; /* libpq finds out for itself */
    if (lane->socket == socket && !lane->is_broken)
        read_lane(lane);
}

static void on_writable(h2o_socket_t *socket, const char *error)
{
    struct postgres_lane *lane = socket->data;

    (void)error;
    if (lane->socket == socket && !lane->is_broken && !flush(lane))
        lose(lane, PQerrorMessage(lane->conn), away_lost);
}

/* ---- submitting ------------------------------------------------------------------------------ */

#ifdef STORE_ONE_BY_ONE
/* What grouping gains is measured against this: each operation with a Sync of its own, and the loop
 * waits for the answer. */
static void run_now(struct postgres_lane *lane)
{
    while (postgres_lane_is_up(lane) && !postgres_lane_is_idle(lane)) {
        struct pollfd fd = {.fd = PQsocket(lane->conn), .events = POLLIN};

        postgres_lane_send(lane);
        if (!postgres_lane_is_up(lane))
            return;
        if (!flush(lane))
            lose(lane, PQerrorMessage(lane->conn), away_lost);
        else if (poll(&fd, 1, DEADLINE_MS) == 0)
            lose(lane, "no answer", away_late);
        else
            read_lane(lane);
    }
}
#endif

void postgres_lane_submit(struct postgres_lane *lane, struct postgres_op *op)
{
    op->lane = lane;
    op->whole = rt_trace_task_get();
    op->behalf = behalf_part("database");
    op->queued_at_ms = h2o_now(lane->loop);
    op->sequence = lane->sequence++;
    for (int i = 0; i < op->query->params; i++) {
        if (!utf8_is_valid(op->params[i], strlen(op->params[i]))) {
            finish(lane, op,
                   (struct store_result){op->query->not_text, op->query->not_text == STORE_FAILED ? "not UTF-8" : ""});
            return;
        }
    }
    if (!postgres_lane_is_up(lane)) {
        finish(lane, op, away_now);
        return;
    }
    postgres_ops_append(&lane->queued, op);
#ifdef STORE_ONE_BY_ONE
    run_now(lane);
#endif
}

/* ---- deadlines ------------------------------------------------------------------------------- */

void postgres_lane_tick(struct postgres_lane *lane)
{
    uint64_t now_ms = h2o_now(lane->loop);
    struct postgres_ops late;

    if (lane->conn == NULL) {
        if (lane->connector == NULL)
            connect_again(lane); /* no thread could be started */
        return;
    }
    if (lane->is_broken)
        return;
    if (lane->sent.first != NULL && now_ms - lane->sent_at_ms >= DEADLINE_MS) {
        lose(lane, "no answer in 10 seconds", away_late);
        return;
    }
    postgres_ops_clear(&late);
    while (lane->queued.first != NULL && now_ms - lane->queued.first->queued_at_ms >= DEADLINE_MS)
        postgres_ops_append(&late, postgres_ops_take(&lane->queued));
    finish_all(lane, &late, away_late);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* A commit whose wait for a synchronous standby was cancelled succeeds, with a warning: it is in this
 * server only. The function's name is not translated, the text is. */
static void on_notice(void *arg, const PGresult *notice)
{
    struct postgres_lane *lane = arg;
    const char *function = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);

    if (function != NULL && strcmp(function, "SyncRepWaitForLSN") == 0)
        lane->is_doubtful = true;
}

int postgres_lane_attach(struct postgres_lane *lane, PGconn *conn, struct failure *err)
{
    int fd = fcntl(PQsocket(conn), F_DUPFD_CLOEXEC, 0);

    if (fd == -1) {
        failure_set(err, "%s", strerror(errno));
        PQfinish(conn);
        return -1;
    }
    PQsetNoticeReceiver(conn, on_notice, lane);
    lane->conn = conn;
    lane->socket = h2o_evloop_socket_create(lane->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    lane->socket->data = lane;
    h2o_socket_read_start(lane->socket, on_readable);
    return 0;
}

static void take_connection(struct postgres_lane *lane, struct postgres_connector *connector)
{
    PGconn *conn = postgres_connector_take(connector);
    struct failure err;

    lane->connector = NULL;
    if (postgres_lane_attach(lane, conn, &err) != 0) {
        connect_again(lane);
        return;
    }
    lane->is_lost = false;
    postgres_server_note_back(lane->server);
}

static void on_message(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    struct postgres_lane *lane = H2O_STRUCT_FROM_MEMBER(struct postgres_lane, receiver, receiver);

    while (!h2o_linklist_is_empty(messages)) {
        h2o_multithread_message_t *message = H2O_STRUCT_FROM_MEMBER(h2o_multithread_message_t, link, messages->next);

        h2o_linklist_unlink(&message->link);
        if (message != &lane->broken)
            take_connection(lane, postgres_connector_of(message));
        else if (lane->is_broken)
            lose(lane, PQerrorMessage(lane->conn), away_lost);
    }
}

void postgres_lane_init(struct postgres_lane *lane, enum postgres_use use, struct postgres_server *server,
                        const struct store_loop *loop)
{
    lane->use = use;
    lane->server = server;
    lane->loop = loop->events;
    lane->queue = loop->queue;
    postgres_ops_clear(&lane->queued);
    postgres_ops_clear(&lane->sent);
    h2o_multithread_register_receiver(lane->queue, &lane->receiver, on_message);
}

/* Goes on until nothing is under way; the loop runs no more, so it is polled here. */
static void wait_until_idle(struct postgres_lane *lane, unsigned int may_wait_ms)
{
    int64_t deadline_ms = postgres_now_ms() + may_wait_ms;

    while (postgres_lane_is_up(lane) && !postgres_lane_is_idle(lane)) {
        struct pollfd fd = {.events = POLLIN};
        int64_t now_ms = postgres_now_ms();
        int more;

        postgres_lane_send(lane);
        if (!postgres_lane_is_up(lane) || (more = PQflush(lane->conn)) < 0 || now_ms >= deadline_ms)
            return;
        fd.fd = PQsocket(lane->conn);
        fd.events = (short)(more != 0 ? POLLIN | POLLOUT : POLLIN);
        if (poll(&fd, 1, (int)(deadline_ms - now_ms)) > 0 && (fd.revents & ~POLLOUT) != 0)
            read_lane(lane);
    }
}

void postgres_lane_close(struct postgres_lane *lane, unsigned int may_wait_ms)
{
    lane->is_closing = true;
    if (lane->socket != NULL)
        h2o_socket_close(lane->socket);
    lane->socket = NULL;
    wait_until_idle(lane, may_wait_ms);
    finish_all(lane, &lane->sent, away_now); /* only gives the rows back: no callback runs */
    finish_all(lane, &lane->queued, away_now);
    if (lane->connector != NULL)
        postgres_connector_stop(lane->connector);
    lane->connector = NULL;
    /* Nobody else sends to this receiver now, so its list needs no lock; it has to be empty to go. */
    while (!h2o_linklist_is_empty(&lane->receiver._messages))
        h2o_linklist_unlink(lane->receiver._messages.next);
    h2o_multithread_unregister_receiver(lane->queue, &lane->receiver);
    if (lane->is_lost)
        postgres_server_note_closed(lane->server);
    disconnect(lane);
}
