/* postgres_connect.c - making connections away from the event loops.
 *
 * Looking up a host, TLS, SCRAM and preparing the statements take many round trips and libpq blocks
 * in some of them, so a lost connection is made again by a thread that lives as long as that takes.
 * It tries for ever, with growing pauses, and hands what it got to the loop by the loop's queue.
 *
 * libpq alone knows how to go through several hosts with a limit in time for each, and does so only
 * in the blocking call; so that call is used, and a thread that is inside of it when its session
 * closes is left to itself: it frees its own things when it comes out, at most connect_timeout for
 * each host later. All that it touches is its own or counted (postgres_server_hold).
 */
#include "app/store/postgres_connect.h"

#include "cruntime.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A server that was restarted is back within a second or two, so the first attempts come quickly;
 * 2 s at most, because that is what a client's Retry-After promises, and an attempt a loop every two
 * seconds burdens nobody. */
#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 2000

/* A server that accepted the connection but does not prepare the statements: hung, or gone again. */
#define PREPARE_MS 5000

/* 12 is the first that can be told never to plan for particular values (plan_cache_mode). */
#define SERVER_VERSION_MIN 120000

/* What the store relies on, whatever the server or the role has as its defaults.
 * enable_seqscan, plan_cache_mode: plans are made once and use the indexes; a plan made when a table
 * had ten rows would otherwise read all of it for each request after it has grown, until the next
 * ANALYZE. jit: no plan here is worth compiling. lock_timeout: below the deadline of an operation, so
 * that the server gives up before we have to drop the connection. synchronous_commit: an answer that
 * says "made" means on disk; what an operator chose beyond that is left. */
static const char settings[] =
    "SELECT set_config('enable_seqscan', 'off', false), set_config('plan_cache_mode', 'force_generic_plan', false),"
    " set_config('jit', 'off', false), set_config('lock_timeout', '5000', false),"
    " set_config('default_transaction_isolation', 'read committed', false),"
    " set_config('extra_float_digits', '1', false),"
    " set_config('synchronous_commit', CASE current_setting('synchronous_commit')"
    "  WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)";

struct postgres_connector {
    h2o_multithread_message_t message;
    h2o_multithread_receiver_t *receiver;
    struct postgres_server *server;
    enum postgres_use use;
    int stop_fd;
    PGconn *conn;
    pthread_mutex_t lock; /* over the two below, and over sending */
    bool is_done;
    bool is_left; /* by its session: whoever comes second frees it */
};

/* ---- one connection -------------------------------------------------------------------------- */

static void ignore_notice(void *arg, const PGresult *notice)
{
    (void)arg;
    (void)notice;
}

/* In SQL_ASCII a server keeps bytes as they come, and checks ours to be UTF-8 all the same. */
static int check_server(PGconn *conn, struct failure *err)
{
    const char *encoding = PQparameterStatus(conn, "server_encoding");

    if (PQserverVersion(conn) < SERVER_VERSION_MIN)
        return failure_set(err, "PostgreSQL %s: want version %d or newer", PQparameterStatus(conn, "server_version"),
                           SERVER_VERSION_MIN / 10000);
    if (encoding != NULL && strcmp(encoding, "UTF8") != 0 && strcmp(encoding, "SQL_ASCII") != 0)
        return failure_set(err, "database %s: the encoding is %s, want UTF8", PQdb(conn), encoding);
    return 0;
}

PGconn *postgres_connect_plain(const struct postgres_server *server, struct failure *err)
{
    PGconn *conn = PQconnectdbParams(server->keywords, server->values, 0);

    if (conn == NULL) {
        failure_set(err, "out of memory");
        return NULL;
    }
    PQsetNoticeReceiver(conn, ignore_notice, NULL);
    PQsetErrorVerbosity(conn, PQERRORS_TERSE);
    if (PQstatus(conn) == CONNECTION_OK && check_server(conn, err) == 0)
        return conn;
    if (PQstatus(conn) != CONNECTION_OK)
        failure_set(err, "%s", PQerrorMessage(conn));
    PQfinish(conn);
    return NULL;
}

/* Waits for events on fd (-1: for nothing). Returns whether to go on: no stop, and in time. */
static bool wait_for(int fd, short events, int stop_fd, int64_t deadline_ms)
{
    struct pollfd fds[2] = {{.fd = fd, .events = events}, {.fd = stop_fd, .events = POLLIN}};

    for (;;) {
        int64_t left_ms = deadline_ms - postgres_now_ms();
        int n = poll(fds, 2, left_ms > 0 ? (int)left_ms : 0);

        rt_thread_poll();
        if (n < 0 && errno == EINTR) /* the collector stops threads with signals */
            continue;
        return n > 0 && fds[1].revents == 0;
    }
}

static bool send_all(PGconn *conn, int stop_fd, int64_t deadline_ms)
{
    int more;

    while ((more = PQflush(conn)) == 1) {
        if (!wait_for(PQsocket(conn), POLLIN | POLLOUT, stop_fd, deadline_ms) || !PQconsumeInput(conn))
            return false;
    }
    return more == 0;
}

/* Reads up to the answer to our Sync. */
static int read_prepared(PGconn *conn, int stop_fd, int64_t deadline_ms, struct failure *err)
{
    bool is_refused = false;

    for (;;) {
        PGresult *result;
        ExecStatusType status;

        while (PQisBusy(conn)) {
            if (!wait_for(PQsocket(conn), POLLIN, stop_fd, deadline_ms))
                return failure_set(err, "the server does not answer");
            if (!PQconsumeInput(conn))
                return failure_set(err, "%s", PQerrorMessage(conn));
        }
        result = PQgetResult(conn);
        status = PQresultStatus(result);
        if (result != NULL && status == PGRES_FATAL_ERROR && !is_refused) {
            is_refused = true;
            failure_set(err, "%s", PQresultErrorMessage(result));
        }
        PQclear(result);
        if (status == PGRES_PIPELINE_SYNC)
            return is_refused ? -1 : 0;
        if (PQstatus(conn) != CONNECTION_OK)
            return is_refused ? -1 : failure_set(err, "%s", PQerrorMessage(conn));
    }
}

static int prepare(PGconn *conn, enum postgres_use use, int stop_fd, struct failure *err)
{
    int64_t deadline_ms = postgres_now_ms() + PREPARE_MS;
    bool is_sent = PQsetnonblocking(conn, 1) == 0 && PQenterPipelineMode(conn) == 1 &&
                   PQsendQueryParams(conn, settings, 0, NULL, NULL, NULL, NULL, 0) == 1;

    for (int i = 0; i < POSTGRES_QUERIES && is_sent; i++) {
        const struct postgres_query *q = &postgres_queries[i];

        if (q->use == use)
            is_sent = PQsendPrepare(conn, q->name, q->sql, q->params, NULL) == 1;
    }
    if (!is_sent || PQpipelineSync(conn) != 1 || !send_all(conn, stop_fd, deadline_ms))
        return failure_set(err, "%s",
                           *PQerrorMessage(conn) != '\0' ? PQerrorMessage(conn) : "the server does not answer");
    return read_prepared(conn, stop_fd, deadline_ms, err);
}

PGconn *postgres_connect(const struct postgres_server *server, enum postgres_use use, int stop_fd, struct failure *err)
{
    PGconn *conn = postgres_connect_plain(server, err);

    if (conn != NULL && prepare(conn, use, stop_fd, err) != 0) {
        PQfinish(conn);
        return NULL;
    }
    return conn;
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* Doubles from the least to the most; the upper half of it is by chance, so that many loops and many
 * instances do not come back in step. */
unsigned int postgres_connect_pause_ms(int failures, unsigned int random)
{
    unsigned int pause_ms = PAUSE_MIN_MS;

    for (int i = 1; i < failures && pause_ms < PAUSE_MAX_MS; i++)
        pause_ms *= 2;
    if (pause_ms > PAUSE_MAX_MS)
        pause_ms = PAUSE_MAX_MS;
    return pause_ms / 2 + random % (pause_ms / 2 + 1);
}

static void free_connector(struct postgres_connector *c)
{
    PQfinish(c->conn);
    postgres_server_release(c->server);
    pthread_mutex_destroy(&c->lock);
    if (c->stop_fd != -1)
        close(c->stop_fd);
    free(c);
}

static bool is_stopped(const struct postgres_connector *c, unsigned int pause_ms)
{
    struct pollfd stop = {.fd = c->stop_fd, .events = POLLIN};

    wait_for(-1, 0, c->stop_fd, postgres_now_ms() + pause_ms);
    return poll(&stop, 1, 0) != 0;
}

static void *connect_until_done(void *arg)
{
    struct postgres_connector *c = arg;
    unsigned int seed = (unsigned int)postgres_now_ms() ^ (unsigned int)(uintptr_t)c;
    struct failure err;
    bool is_left;

    for (int failures = 1; (c->conn = postgres_connect(c->server, c->use, c->stop_fd, &err)) == NULL; failures++) {
        postgres_server_note_still_lost(c->server, err.text);
        if (is_stopped(c, postgres_connect_pause_ms(failures, (unsigned int)rand_r(&seed))))
            break;
    }
    pthread_mutex_lock(&c->lock);
    c->is_done = true;
    is_left = c->is_left;
    if (!is_left)
        h2o_multithread_send_message(c->receiver, &c->message);
    pthread_mutex_unlock(&c->lock);
    if (is_left)
        free_connector(c);
    return NULL;
}

static int start_thread(struct postgres_connector *c)
{
    pthread_attr_t attr;
    pthread_t thread;
    int result;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    result = rt_thread_start(&thread, &attr, "postgres", connect_until_done, c);
    pthread_attr_destroy(&attr);
    return result;
}

struct postgres_connector *postgres_connector_start(struct postgres_server *server, enum postgres_use use,
                                                    h2o_multithread_receiver_t *receiver)
{
    struct postgres_connector *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->receiver = receiver;
    c->server = postgres_server_hold(server);
    c->use = use;
    pthread_mutex_init(&c->lock, NULL);
    c->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->stop_fd != -1 && start_thread(c) == 0)
        return c;
    free_connector(c);
    return NULL;
}

struct postgres_connector *postgres_connector_of(h2o_multithread_message_t *message)
{
    return H2O_STRUCT_FROM_MEMBER(struct postgres_connector, message, message);
}

PGconn *postgres_connector_take(struct postgres_connector *c)
{
    PGconn *conn = c->conn;

    /* The thread sends under the lock: once we have it, it has nothing left to do with us. */
    pthread_mutex_lock(&c->lock);
    c->conn = NULL;
    pthread_mutex_unlock(&c->lock);
    free_connector(c);
    return conn;
}

void postgres_connector_stop(struct postgres_connector *c)
{
    uint64_t one = 1;
    bool is_done;

    pthread_mutex_lock(&c->lock);
    c->is_left = true;
    is_done = c->is_done;
    if (!is_done && write(c->stop_fd, &one, sizeof(one)) != sizeof(one))
        abort(); /* cannot be: an eventfd takes it unless it is closed or full */
    pthread_mutex_unlock(&c->lock);
    if (is_done) {
        h2o_linklist_unlink(&c->message.link);
        free_connector(c);
    }
}
