/* h2o_scope.c - objects that only h2o's memory, or epoll's data, point at.
 *
 *     h2o_scope [REQUESTS]        default 100
 *
 * No collector looks into h2o's pools, its timers, or the kernel. A server here does with managed
 * memory what a server does: a handler allocates in a scope, leaves all pointers in an object of
 * h2o's request pool and in a timer, cycles run and memory is churned, the timer answers from the
 * objects, and the body stays in the scope while h2o sends it piece by piece to a slow reader.
 * Every byte of every answer is checked. As a control each request also keeps an object outside of
 * any scope: under Boehm those are to be lost, or this test could not see one that is.
 * Then the same with an epoll of our own, whose event is all that knows a scope and its object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <h2o.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include "check.h"

#define PARTS 64u
#define PART_BYTES (4 * KiB)
#define BODY_BYTES (PARTS * PART_BYTES)
#define ORPHAN_BYTES 112u
#define READER_WINDOW 4096

struct part {
    struct part *next;
    unsigned number;
    char *text; /* PART_BYTES */
};

/* In h2o's request pool: malloc'd memory as far as a collector knows. */
struct answer {
    h2o_timeout_entry_t timer;
    h2o_generator_t generator;
    h2o_req_t *request;
    struct rt_scope *scope;
    struct part *first;
    uint64_t *orphan; /* the control */
    unsigned number;
};

static h2o_globalconf_t config;
static h2o_context_t context;
static h2o_accept_ctx_t accept_ctx;
static h2o_timeout_t delay;
static uint16_t port;
static bool stop; /* atomic */
static unsigned orphans_lost, answers;

static char letter(unsigned request, unsigned part, size_t i)
{
    return (char)('a' + (request * 7 + part * 3 + i) % 26);
}

static NOINLINE void wipe_stack(void)
{
    volatile char trash[32 * KiB];
    for (size_t i = 0; i < sizeof(trash); i++) {
        trash[i] = 0;
    }
}

/* Finds dead what is dead, and writes over it. */
static NOINLINE void churn(void)
{
    wipe_stack();
    rt_gc();
    for (unsigned i = 0; i < 2 * PARTS; i++) {
        memset(rt_alloc(sizeof(struct part)), 0xEE, sizeof(struct part));
        memset(rt_alloc_atomic(PART_BYTES), 0xEE, PART_BYTES);
        memset(rt_alloc(ORPHAN_BYTES), 0xEE, ORPHAN_BYTES);
    }
    rt_free(rt_alloc_atomic(BODY_BYTES));
}

/* ---- the server ------------------------------------------------------------------------------------- */

static NOINLINE void make_parts(struct answer *a)
{
    for (unsigned p = 0; p < PARTS; p++) {
        struct part *part = rt_scope_alloc(a->scope, sizeof(*part));
        part->text = rt_scope_alloc_atomic(a->scope, PART_BYTES);
        part->number = p;
        for (size_t i = 0; i < PART_BYTES; i++) {
            part->text[i] = letter(a->number, p, i);
        }
        part->next = a->first;
        a->first = part;
    }
    a->orphan = rt_alloc(ORPHAN_BYTES);
    a->orphan[0] = a->number ^ 0xC0FFEEull;
}

static void on_gone(void *p)
{
    struct answer *a = p;
    if (h2o_timeout_is_linked(&a->timer)) {
        h2o_timeout_unlink(&a->timer);
    }
    rt_scope_end(a->scope);
    answers++;
}

static void send_answer(h2o_timeout_entry_t *entry)
{
    struct answer *a = (struct answer *)((char *)entry - offsetof(struct answer, timer));
    churn();
    orphans_lost += a->orphan[0] != (a->number ^ 0xC0FFEEull);
    char *body = rt_scope_alloc_atomic(a->scope, BODY_BYTES);
    for (const struct part *p = a->first; p; p = p->next) {
        memcpy(body + p->number * PART_BYTES, p->text, PART_BYTES);
    }
    h2o_iovec_t piece = h2o_iovec_init(body, BODY_BYTES);
    a->request->res.status = 200;
    a->request->res.reason = "OK";
    a->request->res.content_length = BODY_BYTES;
    h2o_start_response(a->request, &a->generator);
    h2o_send(a->request, &piece, 1, H2O_SEND_STATE_FINAL);
}

static int on_request(h2o_handler_t *handler, h2o_req_t *req)
{
    (void)handler;
    struct answer *a = h2o_mem_alloc_shared(&req->pool, sizeof(*a), on_gone);
    memset(a, 0, sizeof(*a));
    a->request = req;
    a->number = (unsigned)strtoul(req->path.base + 1, NULL, 10);
    a->scope = rt_scope_begin();
    make_parts(a);
    churn();
    a->timer.cb = send_answer;
    h2o_timeout_link(context.loop, &delay, &a->timer);
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *error)
{
    h2o_socket_t *socket = error ? NULL : h2o_evloop_socket_accept(listener);
    if (socket) {
        h2o_accept(&accept_ctx, socket);
    }
}

static int listen_anywhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        perror("listen");
        exit(1);
    }
    port = ntohs(address.sin_port);
    return fd;
}

static void *serve(void *fd)
{
    h2o_hostconf_t *host;
    h2o_config_init(&config);
    host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof(h2o_handler_t))->on_req = on_request;
    h2o_context_init(&context, h2o_evloop_create(), &config);
    h2o_timeout_init(context.loop, &delay, 1);
    accept_ctx.ctx = &context;
    accept_ctx.hosts = config.hosts;
    h2o_socket_t *listener = h2o_evloop_socket_create(context.loop, (int)(intptr_t)fd, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(listener, on_accept);
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        h2o_evloop_run(context.loop, 20); /* -1 with EINTR when a cycle stopped this thread: go on */
    }
    return NULL;
}

/* ---- the client ------------------------------------------------------------------------------------- */

static int ask(unsigned number)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    char text[128];
    int window = READER_WINDOW;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int length = snprintf(text, sizeof(text), "GET /%u HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", number);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window)); /* so that h2o has to wait for us */
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || write(fd, text, (size_t)length) != length) {
        check_failed("request %u: %s", number, strerror(errno));
    }
    return fd;
}

static size_t read_answer(int fd, char *answer, size_t size)
{
    size_t length = 0;
    unsigned reads = 0;
    while (length < size) {
        ssize_t n = read(fd, answer + length, size - length);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        length += (size_t)n;
        if (reads++ == 3) {
            churn(); /* in the middle of the body */
        }
    }
    close(fd);
    return length;
}

static void check_answer(unsigned number)
{
    static char answer[BODY_BYTES + 4096];
    size_t length = read_answer(ask(number), answer, sizeof(answer) - 1);
    answer[length] = '\0';
    char *body = strstr(answer, "\r\n\r\n");
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0 || !body || length - (size_t)(body + 4 - answer) != BODY_BYTES) {
        check_failed("request %u: %zu bytes: %.40s", number, length, answer);
        return;
    }
    body += 4;
    for (size_t i = 0; i < BODY_BYTES; i++) {
        if (body[i] != letter(number, (unsigned)(i / PART_BYTES), i % PART_BYTES)) {
            check_failed("request %u: byte %zu is 0x%02x", number, i, (unsigned char)body[i]);
            return;
        }
    }
}

/* ---- epoll ------------------------------------------------------------------------------------------ */

struct connection {
    struct rt_scope *scope;
    char *name;
    unsigned number;
    int fd;
};

static NOINLINE void watch(int epoll, int fd, unsigned number)
{
    char name[32];
    struct rt_scope *s = rt_scope_begin();
    struct connection *c = rt_scope_alloc(s, sizeof(*c));
    snprintf(name, sizeof(name), "connection %u", number);
    c->scope = s;
    c->name = rt_scope_strdup(s, name);
    c->number = number;
    c->fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl: %s", strerror(errno));
}

static void check_epoll(unsigned connections)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    unsigned found = 0;
    for (unsigned i = 0; i < connections; i++) {
        watch(epoll, eventfd(1, EFD_CLOEXEC), i);
    }
    churn();
    churn();
    for (struct epoll_event event; found < connections && epoll_wait(epoll, &event, 1, 1000) == 1; found++) {
        struct connection *c = event.data.ptr;
        char name[32];
        snprintf(name, sizeof(name), "connection %u", c->number);
        CHECK(c->number < connections && strcmp(c->name, name) == 0,
              "a connection that only epoll knew lost its contents");
        close(c->fd); /* which takes it off the epoll, too */
        rt_scope_end(c->scope);
    }
    CHECK_EQUAL(found, connections, "connections that epoll gave back");
    close(epoll);
}

int main(int argc, char **argv)
{
    pthread_t server;
    unsigned requests = (unsigned)check_number(argc, argv, 1, 100);
    int fd = listen_anywhere();
    if (rt_thread_start(&server, NULL, "server", serve, (void *)(intptr_t)fd) != 0) {
        return 1;
    }
    for (unsigned i = 0; i < requests; i++) {
        check_answer(i);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    pthread_join(server, NULL);
    printf("%u answers, %u of %u objects outside of scopes were lost\n", answers, orphans_lost, requests);
    CHECK(!check_is_boehm() || orphans_lost >= requests / 10,
          "only %u of %u objects that nothing kept were lost: this test cannot see one", orphans_lost, requests);
    check_epoll(100);
    return check_done();
}
