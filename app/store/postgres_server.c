/* postgres_server.c - how the PostgreSQL server is reached: the DSN with our defaults.
 *
 * The DSN is parsed by libpq, so whatever libpq knows is accepted: URIs, key=value, several hosts,
 * services, TLS. Where it says nothing (and no environment variable of libpq does) we add what a
 * service needs: limits in time, and the one server of several that takes writes.
 *
 * A DSN holds a password, and libpq's messages quote pieces of what they could not read. None of
 * that may reach stderr or a log, so quoted text is taken out unless the DSN can hold no password.
 */
#include "app/store/postgres_server.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* While there is no connection the operator is told why, this often. */
#define STILL_LOST_LINE_MS 60000

struct addition {
    const char *keyword;
    const char *value;
    bool always; /* whatever the DSN says */
};

/* Seconds are libpq's unit here, except for tcp_user_timeout. connect_timeout counts for each host
 * in turn. The keep-alive finds a vanished server on an idle connection within about 25 s; a busy one
 * has its own deadline (postgres_lane.c). GSS encryption is off unless asked for: it buffers decrypted
 * bytes where no poll sees them, and trying it costs every connection a look for Kerberos tickets. */
static const struct addition additions[] = {
    {"connect_timeout", "5", false},
    {"target_session_attrs", "read-write", false},
    {"fallback_application_name", "coworkingapp", false},
    {"tcp_user_timeout", "10000", false},
    {"keepalives_idle", "10", false},
    {"keepalives_interval", "5", false},
    {"keepalives_count", "3", false},
    {"gssencmode", "disable", false},
    {"client_encoding", "UTF8", true},
};
#define ADDITIONS (sizeof(additions) / sizeof(additions[0]))

/* ---- the DSN --------------------------------------------------------------------------------- */

/* Whether what libpq quotes cannot be a piece of a password: the DSN has none, or so it looks. */
static bool may_quote(const char *dsn)
{
    return strchr(dsn, '@') == NULL && strstr(dsn, "pass") == NULL;
}

/* libpq's message with what stands between its first and its last quote left out. */
static void dsn_failure(struct failure *err, const char *dsn, char *message)
{
    const char *what = message != NULL ? message : "out of memory";
    char *first = message != NULL ? strchr(message, '"') : NULL;
    char *last = message != NULL ? strrchr(message, '"') : NULL;

    if (first != NULL && last - first > 3 && !may_quote(dsn)) {
        memcpy(first + 1, "...", 3);
        memmove(first + 4, last, strlen(last) + 1);
    } else if (first != NULL && last > first && !may_quote(dsn)) {
        memmove(first + 1, last, strlen(last) + 1);
    }
    failure_set(err, "dsn: want postgres://USER:PASSWORD@HOST/DATABASE or libpq's key=value: %s", what);
    PQfreemem(message);
}

static void put(struct postgres_server *server, size_t *n, const char *keyword, const char *value)
{
    server->keywords[*n] = keyword;
    server->values[*n] = value;
    ++*n;
}

/* Only an option that this libpq knows may be named; one from the environment is libpq's to read. */
static bool is_open(const PQconninfoOption *options, const struct addition *addition)
{
    for (const PQconninfoOption *o = options; o->keyword != NULL; o++) {
        if (strcmp(o->keyword, addition->keyword) == 0)
            return addition->always || (o->val == NULL && (o->envvar == NULL || secure_getenv(o->envvar) == NULL));
    }
    return false;
}

static bool is_overruled(const char *keyword)
{
    for (size_t i = 0; i < ADDITIONS; i++) {
        if (additions[i].always && strcmp(additions[i].keyword, keyword) == 0)
            return true;
    }
    return false;
}

static int fill(struct postgres_server *server, struct failure *err)
{
    size_t n = 0;

    for (const PQconninfoOption *o = server->options; o->keyword != NULL; o++)
        n++;
    server->keywords = calloc(n + ADDITIONS + 1, sizeof(char *));
    server->values = calloc(n + ADDITIONS + 1, sizeof(char *));
    if (server->keywords == NULL || server->values == NULL)
        return failure_set(err, "dsn: out of memory");
    n = 0;
    for (const PQconninfoOption *o = server->options; o->keyword != NULL; o++) {
        if (o->val != NULL && !is_overruled(o->keyword))
            put(server, &n, o->keyword, o->val);
    }
    for (size_t i = 0; i < ADDITIONS; i++) {
        if (is_open(server->options, &additions[i]))
            put(server, &n, additions[i].keyword, additions[i].value);
    }
    return 0;
}

int postgres_server_new(const char *dsn, struct postgres_server **out, struct failure *err)
{
    struct postgres_server *server = calloc(1, sizeof(*server));
    char *message = NULL;

    if (server == NULL)
        return failure_set(err, "dsn: out of memory");
    atomic_init(&server->holders, 1);
    server->options = PQconninfoParse(dsn, &message);
    if (server->options == NULL)
        dsn_failure(err, dsn, message);
    else if (fill(server, err) == 0) {
        *out = server;
        return 0;
    }
    postgres_server_release(server);
    return -1;
}

struct postgres_server *postgres_server_hold(struct postgres_server *server)
{
    atomic_fetch_add(&server->holders, 1);
    return server;
}

void postgres_server_release(struct postgres_server *server)
{
    if (atomic_fetch_sub(&server->holders, 1) != 1)
        return;
    free(server->keywords);
    free(server->values);
    PQconninfoFree(server->options);
    free(server);
}

/* ---- what the operator is told --------------------------------------------------------------- */

int64_t postgres_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Messages of libpq end with a newline and may have several lines; a failure has one. */
static void print_line(const char *what, const char *why)
{
    struct failure line;

    failure_set(&line, "%s%s", what, why);
    fprintf(stderr, "app: %s\n", line.text);
}

void postgres_server_note_lost(struct postgres_server *server, const char *why)
{
    if (atomic_fetch_add(&server->lanes_down, 1) != 0)
        return;
    if (*why == '\0')
        why = "libpq gives no reason";
    atomic_store(&server->next_line_ms, postgres_now_ms() + STILL_LOST_LINE_MS);
    print_line("database: connection lost, trying to get it back: ", why);
}

void postgres_server_note_still_lost(struct postgres_server *server, const char *why)
{
    int64_t now = postgres_now_ms();
    int64_t due = atomic_load(&server->next_line_ms);

    if (now >= due && atomic_compare_exchange_strong(&server->next_line_ms, &due, now + STILL_LOST_LINE_MS))
        print_line("database: still not connected: ", why);
}

void postgres_server_note_back(struct postgres_server *server)
{
    if (atomic_fetch_sub(&server->lanes_down, 1) == 1)
        print_line("database: connected again", "");
}

void postgres_server_note_closed(struct postgres_server *server)
{
    atomic_fetch_sub(&server->lanes_down, 1);
}
