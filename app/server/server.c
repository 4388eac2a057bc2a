/* server.c - starts the loops, waits until all of them accept, and stops them.
 *
 * h2o's global configuration is made once, before the first loop, and only read after that. All
 * that the loops share are it, the store and the few fields of struct server under its lock.
 */
#include "app/server/server.h"

#include "app/server/access_log.h"
#include "app/server/loop.h"
#include "app/server/requests.h"
#include "app/server/signals.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The largest body of the interface is a few hundred bytes; h2o's own default is 1 GiB. */
#define BODY_MAX_BYTES (64 * 1024)

/* From a request's first byte (or the end of the last answer) to the end of its headers, and once
 * more to the end of its body: what a slow or idle client may hold a connection for. h2o has this
 * one span for both. Higher keeps more dead connections, lower drops slow uploads and makes
 * clients reconnect more often. h2o's own default. */
#define REQUEST_TIMEOUT_MS (10 * 1000)

/* Descriptors that are not connections: databases, logs, epoll, the runtime's. */
#define OTHER_FDS 64

enum loop_state { STARTING, RUNNING, FAILED };

struct server_loop {
    struct loop loop;
    struct server *server;
    pthread_t thread;
    int listen_fd;
    enum loop_state state; /* under the server's lock */
};

struct server {
    const struct server_options *options;
    h2o_globalconf_t conf;
    struct loop_options loop_options;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct failure failure; /* of the last loop that failed */
    struct server_loop *loops;
    h2o_socket_t *stop_socket;
};

/* Static, so that what h2o keeps of it stays valid while the process ends. */
static struct server server = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static int configure(const struct server_options *options, struct failure *err)
{
    h2o_hostconf_t *host;

    h2o_config_init(&server.conf);
    server.conf.server_name = h2o_iovec_init(H2O_STRLIT("coworkingapp/" RT_VERSION));
    server.conf.max_request_entity_size = BODY_MAX_BYTES;
    server.conf.http1.req_timeout = REQUEST_TIMEOUT_MS;
    /* This h2o's HTTP/2 lacks the mend for rapid resets; HTTP/1 is what the clients speak. */
    server.conf.http1.upgrade_to_http2 = 0;
    host = h2o_config_register_host(&server.conf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    web_mount(host, options->site);
    requests_mount(host);
    return options->access_log == NULL ? 0 : access_log_mount(host, options->access_log, err);
}

/* As many descriptors as the system allows (Go's runtime does the same), shared by the loops. */
static size_t connections_per_loop(int loops)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > 1000 * 1000)
        limit.rlim_cur = 1000 * 1000;
    if (limit.rlim_cur < 2 * OTHER_FDS)
        limit.rlim_cur = 2 * OTHER_FDS;
    return (limit.rlim_cur - OTHER_FDS) / (size_t)loops;
}

static void report(struct server_loop *loop, enum loop_state state, const struct failure *failure)
{
    pthread_mutex_lock(&server.lock);
    loop->state = state;
    if (failure != NULL)
        server.failure = *failure;
    pthread_cond_broadcast(&server.changed);
    pthread_mutex_unlock(&server.lock);
}

/* A loop from its start to its end, on its own thread. */
static bool open_loop(struct server_loop *self)
{
    struct failure failure;

    if (loop_open(&self->loop, &server.loop_options, self->listen_fd, &failure) != 0) {
        report(self, FAILED, &failure);
        return false;
    }
    report(self, RUNNING, NULL);
    return true;
}

static void *loop_main(void *arg)
{
    struct server_loop *self = arg;

    signals_block_here();
    if (open_loop(self)) {
        loop_run(&self->loop);
        loop_close(&self->loop);
    }
    return NULL;
}

static void stop_all(void)
{
    pthread_mutex_lock(&server.lock);
    for (int i = 0; i < server.options->loops; i++) {
        if (server.loops[i].state == RUNNING)
            loop_stop(&server.loops[i].loop);
    }
    pthread_mutex_unlock(&server.lock);
}

static void on_stop_fd(h2o_socket_t *socket, const char *error)
{
    (void)error;
    h2o_socket_read_stop(socket);
    stop_all();
}

/* Starts the loops after the first. Returns how many threads there are to join. */
static int start_threads(void)
{
    for (int i = 1; i < server.options->loops; i++) {
        struct server_loop *loop = &server.loops[i];
        struct failure failure;
        char name[16];
        int rc;

        snprintf(name, sizeof(name), "loop %d", i);
        rc = rt_thread_start(&loop->thread, NULL, name, loop_main, loop);
        if (rc != 0) {
            failure_set(&failure, "cannot start an event loop: %s", strerror(-rc));
            report(loop, FAILED, &failure);
            return i - 1;
        }
    }
    return server.options->loops - 1;
}

/* Waits until every started loop has said how it went; whether all of them run. */
static bool wait_started(int threads)
{
    bool all = threads == server.options->loops - 1;

    pthread_mutex_lock(&server.lock);
    for (int i = 0; i <= threads; i++) {
        while (server.loops[i].state == STARTING)
            pthread_cond_wait(&server.changed, &server.lock);
        all = all && server.loops[i].state == RUNNING;
    }
    pthread_mutex_unlock(&server.lock);
    return all;
}

static void say_listening(void)
{
    const struct address *address = server.options->address;

    fprintf(stderr, "listening on http://%s%s%s:%d\n", address->is_ipv6 ? "[" : "", address->host,
            address->is_ipv6 ? "]" : "", server.options->port);
}

/* gops and cops ask an app that serves. Without it the app serves as well; what kept CAGENT's from starting before main
 * has been told. */
static void start_agent(void)
{
    const char *variable = getenv("CAGENT");
    int rc = rt_agent_start(NULL);

    if (rc != 0 && (variable == NULL || variable[0] == '\0'))
        fprintf(stderr, "app: there is no agent: %s\n", strerror(-rc));
}

int server_run(const struct server_options *options, struct failure *err)
{
    struct server_loop *first;
    int threads;
    bool started;

    server.options = options;
    server.loop_options = (struct loop_options){.conf = &server.conf,
                                                .site = options->site,
                                                .store = options->store,
                                                .work = options->work,
                                                .debug_work = options->debug_work,
                                                .connections_max = connections_per_loop(options->loops)};
    if (configure(options, err) != 0)
        return -1;
    server.loops = calloc((size_t)options->loops, sizeof(server.loops[0]));
    if (server.loops == NULL)
        return failure_set(err, "out of memory");
    for (int i = 0; i < options->loops; i++)
        server.loops[i].listen_fd = options->listen_fds[i];

    first = &server.loops[0];
    threads = start_threads();
    open_loop(first);
    started = wait_started(threads);
    if (started) {
        server.stop_socket =
            h2o_evloop_socket_create(first->loop.ctx.loop, options->stop_fd, H2O_SOCKET_FLAG_DONT_READ);
        h2o_socket_read_start(server.stop_socket, on_stop_fd);
        start_agent();
        say_listening();
    } else {
        stop_all();
    }
    if (first->state == RUNNING) {
        loop_run(&first->loop);
        loop_close(&first->loop);
    }
    for (int i = 1; i <= threads; i++)
        pthread_join(server.loops[i].thread, NULL);
    if (!started) {
        *err = server.failure;
        return -1;
    }
    return 0;
}
