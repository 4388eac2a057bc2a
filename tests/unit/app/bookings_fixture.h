/* bookings_fixture.h - what the tests of bookings.c ask, and what answers them.
 *
 * An h2o in this process serves connections on loopback, the test being the client; the store is
 * made up here and answers as it is told, at once or from a timer of the loop.
 */
#ifndef TESTS_UNIT_APP_BOOKINGS_FIXTURE_H
#define TESTS_UNIT_APP_BOOKINGS_FIXTURE_H

#include "app/bookings/bookings.h"

#include <h2o/http1.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- the store ------------------------------------------------------------------------------- */

static struct {
    struct store_session session; /* first */
    bool later;                   /* answers from a timer */
    struct store_result result;   /* of every operation */
    size_t bookings;              /* how many the user has */
    size_t fail_after;            /* lists fail with result behind this position; 0: never */
    size_t asked;
    size_t limit_max;
    size_t weigh_at;                /* lists note live_bytes behind this position; 0: never */
    uint64_t live_bytes;            /* of both heaps, after a cycle */
    const struct rt_labels *labels; /* of every request */
    size_t asked_under_others;      /* operations that came under other labels */
    struct store_booking added;
    char user[64];
    char id[64];
} fake;

/* An operation that is answered by a timer. */
struct pending {
    h2o_timeout_entry_t timer;
    void (*finish)(struct pending *pending);
    store_done done;
    store_booking_done booking_done;
    store_bookings_done bookings_done;
    void *arg;
    struct store_booking *rows;
    size_t n;
    struct store_result result;
};

static h2o_context_t context;
static h2o_timeout_t soon;

static void on_timer(h2o_timeout_entry_t *entry)
{
    struct pending *pending = H2O_STRUCT_FROM_MEMBER(struct pending, timer, entry);

    pending->finish(pending);
}

static struct pending *take_operation(struct rt_scope *scope, const char *email, void *arg)
{
    struct pending *pending = rt_scope_alloc(scope, sizeof(*pending));

    fake.asked++;
    fake.asked_under_others += rt_labels_get() != fake.labels;
    snprintf(fake.user, sizeof(fake.user), "%s", email);
    pending->arg = arg;
    pending->result = fake.result;
    return pending;
}

static void finish_operation(struct pending *pending, void (*finish)(struct pending *pending))
{
    pending->finish = finish;
    if (!fake.later) {
        finish(pending);
        return;
    }
    pending->timer.cb = on_timer;
    h2o_timeout_link(context.loop, &soon, &pending->timer);
}

static void finish_done(struct pending *pending)
{
    pending->done(pending->arg, pending->result);
}

static void finish_booking(struct pending *pending)
{
    pending->booking_done(pending->arg, pending->result, pending->rows);
}

static void finish_bookings(struct pending *pending)
{
    pending->bookings_done(pending->arg, pending->result, pending->rows, pending->n);
}

static void fill_row(struct store_booking *row, char *id, int64_t position)
{
    snprintf(id, 32, "booking-%06d", (int)position);
    *row = (struct store_booking){.id = id,
                                  .room_id = "red",
                                  .booked_on = "2025-01-09",
                                  .created_at = "2025-01-01T10:11:12.000345Z",
                                  .position = position};
}

static uint64_t live_bytes(void)
{
    struct rt_memstats stats;

    rt_gc();
    rt_read_memstats(&stats);
    return stats.HeapAlloc;
}

static void fake_list(struct store_session *session, struct rt_scope *scope, const char *email, int64_t after,
                      size_t limit, store_bookings_done done, void *arg)
{
    struct pending *pending = take_operation(scope, email, arg);
    size_t left = fake.bookings - (size_t)after;

    (void)session;
    if (limit > fake.limit_max)
        fake.limit_max = limit;
    if (fake.weigh_at != 0 && (size_t)after >= fake.weigh_at)
        fake.live_bytes = live_bytes();
    pending->bookings_done = done;
    pending->n = left < limit ? left : limit;
    if (fake.fail_after != 0 && (size_t)after < fake.fail_after)
        pending->result = (struct store_result){STORE_OK, ""};
    if (pending->result.status != STORE_OK)
        pending->n = 0;
    if (pending->n != 0) {
        char *ids = rt_scope_alloc_atomic(scope, 32 * pending->n);

        pending->rows = rt_scope_alloc(scope, sizeof(pending->rows[0]) * pending->n);
        for (size_t i = 0; i < pending->n; i++)
            fill_row(&pending->rows[i], ids + 32 * i, after + (int64_t)i + 1);
    }
    finish_operation(pending, finish_bookings);
}

static void fake_get(struct store_session *session, struct rt_scope *scope, const char *email, const char *id,
                     store_booking_done done, void *arg)
{
    struct pending *pending = take_operation(scope, email, arg);

    (void)session;
    snprintf(fake.id, sizeof(fake.id), "%s", id);
    pending->booking_done = done;
    if (fake.result.status == STORE_OK) {
        pending->rows = rt_scope_alloc(scope, sizeof(pending->rows[0]));
        fill_row(pending->rows, rt_scope_alloc_atomic(scope, 32), 1);
    }
    finish_operation(pending, finish_booking);
}

static void fake_add(struct store_session *session, struct rt_scope *scope, const char *email,
                     const struct store_booking *booking, store_done done, void *arg)
{
    struct pending *pending = take_operation(scope, email, arg);

    (void)session;
    free((char *)fake.added.id);
    free((char *)fake.added.room_id);
    free((char *)fake.added.booked_on);
    free((char *)fake.added.created_at);
    fake.added = (struct store_booking){.id = strdup(booking->id),
                                        .room_id = strdup(booking->room_id),
                                        .booked_on = strdup(booking->booked_on),
                                        .created_at = strdup(booking->created_at)};
    pending->done = done;
    finish_operation(pending, finish_done);
}

static void fake_delete(struct store_session *session, struct rt_scope *scope, const char *email, const char *id,
                        store_done done, void *arg)
{
    struct pending *pending = take_operation(scope, email, arg);

    (void)session;
    snprintf(fake.id, sizeof(fake.id), "%s", id);
    pending->done = done;
    finish_operation(pending, finish_done);
}

static const struct store_ops fake_ops = {
    .list_bookings = fake_list, .get_booking = fake_get, .add_booking = fake_add, .delete_booking = fake_delete};

static void store_answers(enum store_status status, const char *message)
{
    fake.result = (struct store_result){status, message};
}

/* ---- the server ------------------------------------------------------------------------------ */

static h2o_globalconf_t config;
static h2o_accept_ctx_t accept_ctx;
static struct web_loop web;
static int listen_fd;

static int on_req(h2o_handler_t *handler, h2o_req_t *h2o)
{
    struct web_request *rq = web_request_begin(h2o, &web);
    bool is_get = h2o_memis(h2o->method.base, h2o->method.len, H2O_STRLIT("GET")) ||
                  h2o_memis(h2o->method.base, h2o->method.len, H2O_STRLIT("HEAD"));

    (void)handler;
    rq->user = "me@example.org";
    rt_labels_set(fake.labels);
    if (h2o_memis(h2o->path.base, h2o->path.len, H2O_STRLIT("/bookings"))) {
        if (is_get)
            bookings_list(rq);
        else
            bookings_add(rq);
    } else {
        rq->id = "some-id";
        if (is_get)
            bookings_get(rq);
        else
            bookings_delete(rq);
    }
    rt_labels_set(NULL);
    return 0;
}

static int start(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    h2o_hostconf_t *host;
    h2o_pathconf_t *path;

    (void)state;
    h2o_config_init(&config);
    config.http1.upgrade_to_http2 = 0;
    config.server_name.len = 0;
    host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    path = h2o_config_register_path(host, "/", 0);
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_req;
    h2o_context_init(&context, h2o_evloop_create(), &config);
    h2o_timeout_init(context.loop, &soon, 1);
    accept_ctx.ctx = &context;
    accept_ctx.hosts = config.hosts;
    fake.session.ops = &fake_ops;
    web.store = &fake.session;
    listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return listen_fd < 0 || bind(listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
           listen(listen_fd, 8) != 0;
}

static int reset(void **state)
{
    (void)state;
    fake.later = false;
    fake.result = (struct store_result){STORE_OK, ""};
    fake.labels = NULL;
    fake.asked_under_others = 0;
    fake.bookings = fake.fail_after = fake.asked = fake.limit_max = fake.weigh_at = 0;
    return 0;
}

static int connect_client(void)
{
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int server;

    assert_int_equal(getsockname(listen_fd, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
    server = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(server >= 0);
    fcntl(client, F_SETFL, O_NONBLOCK);
    h2o_accept(&accept_ctx, h2o_evloop_socket_create(context.loop, server, 0));
    return client;
}

/* What a client got. */
static char *got;
static size_t got_len;
static bool got_reset;

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Sends a request and takes what comes, turn by turn of the loop, until the server closes. */
static void ask(const char *request)
{
    static const size_t size = 16 * 1024 * 1024;
    double deadline = now_s() + 60;
    int client = connect_client();
    ssize_t n = -1;

    if (got == NULL)
        got = malloc(size);
    got_len = 0;
    got_reset = false;
    assert_int_equal(write(client, request, strlen(request)), strlen(request));
    while (n != 0 && !got_reset) {
        h2o_evloop_run(context.loop, 1);
        while ((n = read(client, got + got_len, size - got_len - 1)) > 0)
            got_len += (size_t)n;
        if (n < 0 && errno != EAGAIN)
            got_reset = true;
        assert_true(now_s() < deadline);
    }
    got[got_len] = '\0';
    close(client);
    assert_int_equal(web.requests, 0);
}

#define CLOSE " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
#define BODY(length) " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " length "\r\n"

static void begins(const char *text)
{
    if (strncmp(got, text, strlen(text)) != 0)
        fail_msg("should begin with \"%s\": %s", text, got);
}

static void has(const char *text)
{
    if (strstr(got, text) == NULL)
        fail_msg("should hold \"%s\": %s", text, got);
}

static void lacks(const char *text)
{
    if (strcasestr(got, text) != NULL)
        fail_msg("should not hold \"%s\": %s", text, got);
}

static char *body_of(void)
{
    char *end = strstr(got, "\r\n\r\n");

    assert_non_null(end);
    return end + 4;
}

static void answers(const char *status, const char *body)
{
    char line[128];

    snprintf(line, sizeof(line), "HTTP/1.1 %s\r\n", status);
    begins(line);
    assert_string_equal(body_of(), body);
}

#endif
