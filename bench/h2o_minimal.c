/* h2o_minimal.c - the smallest h2o server that answers GET /rooms and POST /bookings: the yardstick of bench/run-http
 * and bench/run-booking.
 *
 * One event loop a thread with its own SO_REUSEPORT listener, as the app has, and a handler that
 * sends a constant: no runtime, no database, no JSON, no log. What the app does beyond this is the
 * app's own cost. The body is the app's answer on the seed data (547 bytes), so both move the same
 * bytes. It must never do more than h2o needs, or the comparison would flatter the app.
 */
#define H2O_USE_LIBUV 0
#define H2O_USE_EPOLL 1
#include <arpa/inet.h>
#include <errno.h>
#include <h2o.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOPS_MAX 64
#define BACKLOG 1024 /* many more than wrk opens at once: a refused connection would end the run */

static const char rooms[] =
    "[{\"id\":\"79ca06f8-1163-48e8-b279-23fca5669623\",\"name\":\"Green\",\"cost\":12.5,\"number_of_seats\":4,"
    "\"category\":\"Open Space\",\"main_photo\":\"/green_0001.jpg\",\"IsAvailable\":true,\"Photos\":null},"
    "{\"id\":\"e6cc9546-52a1-45bc-8e0c-9af9a2b235c1\",\"name\":\"Red\",\"cost\":100,\"number_of_seats\":50,"
    "\"category\":\"Conference Hall\",\"main_photo\":\"/red_0001.jpg\",\"IsAvailable\":true,\"Photos\":null},"
    "{\"id\":\"2b34dd2e-7ea4-45f8-a330-30e3fcaf3cc2\",\"name\":\"Yellow\",\"cost\":4.5,\"number_of_seats\":1,"
    "\"category\":\"Shared Desk\",\"main_photo\":\"/yellow_0001.jpg\",\"IsAvailable\":true,\"Photos\":null}]";
_Static_assert(sizeof rooms - 1 == 547, "the app's GET /rooms is 547 bytes on the seed data");
static const char booking[] = "{\"id\":\"4b0f4f8e-55a5-4d1e-9f0e-1c1f6f3a7a11\"}";

struct loop {
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    pthread_t thread;
};

static h2o_globalconf_t config;
static struct loop loops[LOOPS_MAX];

static void die(const char *what)
{
    fprintf(stderr, "h2o_minimal: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int answer(h2o_req_t *req, int status, const char *reason, const char *body, size_t len)
{
    req->res.status = status;
    req->res.reason = reason;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json; charset=utf-8"));
    req->res.content_length = len;
    h2o_send_inline(req, body, len);
    return 0;
}

static int on_rooms(h2o_handler_t *handler, h2o_req_t *req)
{
    (void)handler;
    return answer(req, 200, "OK", rooms, sizeof rooms - 1);
}

static int on_bookings(h2o_handler_t *handler, h2o_req_t *req)
{
    (void)handler;
    return answer(req, 201, "Created", booking, sizeof booking - 1);
}

static void on_accept(h2o_socket_t *listener, const char *error)
{
    struct loop *loop = listener->data;
    h2o_socket_t *socket;

    if (error != NULL)
        return;
    socket = h2o_evloop_socket_accept(listener);
    if (socket != NULL)
        h2o_accept(&loop->accept, socket);
}

/* Opens a loop's own listener. *port is 0 for the first one, which then learns the port. */
static int listen_on(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t length = sizeof address;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        die("listen");
    *port = ntohs(address.sin_port);
    return fd;
}

static void start_config(void)
{
    h2o_hostconf_t *host;

    h2o_config_init(&config);
    config.http1.upgrade_to_http2 = 0;
    host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_create_handler(h2o_config_register_path(host, "/rooms", 0), sizeof(h2o_handler_t))->on_req = on_rooms;
    h2o_create_handler(h2o_config_register_path(host, "/bookings", 0), sizeof(h2o_handler_t))->on_req = on_bookings;
}

static void start_loop(struct loop *loop, int fd)
{
    h2o_socket_t *listener;

    h2o_context_init(&loop->context, h2o_evloop_create(), &config);
    loop->accept.ctx = &loop->context;
    loop->accept.hosts = config.hosts;
    listener = h2o_evloop_socket_create(loop->context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->data = loop;
    h2o_socket_read_start(listener, on_accept);
}

static void *run_loop(void *arg)
{
    struct loop *loop = arg;

    while (h2o_evloop_run(loop->context.loop, INT32_MAX) == 0 || errno == EINTR)
        ;
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : (unsigned long)sysconf(_SC_NPROCESSORS_ONLN);
    uint16_t port = 0;

    if (argc > 2 || count < 1 || count > LOOPS_MAX) {
        fprintf(stderr, "usage: h2o_minimal [loops]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    start_config();
    for (unsigned long i = 0; i < count; i++)
        start_loop(&loops[i], listen_on(&port));
    fprintf(stderr, "listening on http://127.0.0.1:%u\n", (unsigned)port);
    for (unsigned long i = 1; i < count; i++)
        if ((errno = pthread_create(&loops[i].thread, NULL, run_loop, &loops[i])) != 0)
            die("pthread_create");
    run_loop(&loops[0]);
    return 0;
}
