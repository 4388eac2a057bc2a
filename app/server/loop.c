/* loop.c - see loop.h.
 *
 * h2o_evloop_run returns -1 with EINTR whenever a signal lands in its epoll_wait, and the collector
 * stops threads with signals: an error there means "again", never the end of the loop.
 *
 * Draining. HTTP/1 in h2o 2.2 has no graceful shutdown, so: the listener is closed after what
 * waited in its queue was accepted, every answer says Connection: close, and connections that are
 * between two requests are shut down for reading, upon which h2o closes them. A connection younger
 * than NEW_CONNECTION_MS is spared a moment, since its first request may be on the way. A request
 * of which a part has come is waited for until the deadline. A profile that is being taken ends at once.
 */
#include "app/server/loop.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

/* How long a stop may take. Higher would hold up restarts for one stuck client; lower would cut
 * answers on slow links. Within the 10 s after which service managers lose patience. */
#define DRAIN_MS 5000
#define NEW_CONNECTION_MS 500

/* Connections taken per turn, so that a burst of them does not starve the ones that are open. */
#define ACCEPTS_PER_TURN 16

/* The longest sleep of a turn. The loop also wakes for what it waits for; this bounds how late a
 * thread answers a request of the runtime to give memory back (rt_thread_poll). */
#define IDLE_TURN_MS 1000
#define BUSY_TURN_MS 50 /* while draining, or while accepting is paused */

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- accepting ------------------------------------------------------------------------------- */

static void on_close(void *arg)
{
    struct loop *loop = arg;

    loop->connections--;
}

static bool accept_one(struct loop *loop)
{
    h2o_socket_t *socket = h2o_evloop_socket_accept(loop->listener);

    if (socket == NULL)
        return false;
    loop->connections++;
    socket->on_close.cb = on_close;
    socket->on_close.data = loop;
    h2o_accept(&loop->accept, socket);
    return true;
}

static void pause_accepting(struct loop *loop)
{
    loop->accept_paused = true;
    loop->accept_resume_ms = now_ms() + BUSY_TURN_MS;
    h2o_socket_read_stop(loop->listener);
}

static void on_accept(h2o_socket_t *listener, const char *error)
{
    struct loop *loop = listener->data;

    if (error != NULL)
        return;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        if (loop->connections >= loop->connections_max) {
            pause_accepting(loop);
            return;
        }
        errno = 0;
        if (!accept_one(loop)) {
            /* Out of descriptors or memory: the listener stays readable, so do not spin on it. */
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(loop);
            return;
        }
    }
}

static void resume_accepting(struct loop *loop)
{
    if (loop->connections >= loop->connections_max || now_ms() < loop->accept_resume_ms)
        return;
    loop->accept_paused = false;
    h2o_socket_read_start(loop->listener, on_accept);
}

/* ---- draining -------------------------------------------------------------------------------- */

static void on_stop(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    struct loop *loop = H2O_STRUCT_FROM_MEMBER(struct loop, stop_receiver, receiver);

    while (!h2o_linklist_is_empty(messages))
        h2o_linklist_unlink(messages->next);
    if (loop->web.draining)
        return;
    loop->web.draining = true;
    loop->drain_deadline_ms = now_ms() + DRAIN_MS;
    while (loop->connections < loop->connections_max && accept_one(loop))
        continue;
    h2o_socket_close(loop->listener);
    loop->listener = NULL;
    loop->accept_paused = false;
}

/* h2o keeps the bytes of a request in the socket's input until it has answered it, so an empty
 * input means: between two requests. */
static int shut_if_idle(h2o_req_t *req, void *now)
{
    h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);
    const struct timeval *at = &req->conn->connected_at;
    int64_t age_ms = *(int64_t *)now - ((int64_t)at->tv_sec * 1000 + at->tv_usec / 1000);

    if (socket->input->size == 0 && (age_ms >= NEW_CONNECTION_MS || age_ms < 0))
        shutdown(h2o_socket_get_fd(socket), SHUT_RD);
    return 0;
}

/* Returns whether there is nothing left to wait for. */
static bool drain(struct loop *loop)
{
    struct timeval wall;
    int64_t wall_ms;

    if (loop->connections == 0 && loop->web.requests == 0)
        return true;
    if (now_ms() >= loop->drain_deadline_ms)
        return true;
    web_debug_hurry(&loop->web);
    gettimeofday(&wall, NULL); /* the clock of connected_at */
    wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_usec / 1000;
    loop->ctx.globalconf->http1.callbacks.foreach_request(&loop->ctx, shut_if_idle, &wall_ms);
    return false;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* What handlers use of this loop. */
static int open_web(struct loop *loop, const struct loop_options *options, struct failure *err)
{
    loop->web.site = options->site;
    loop->store_loop = (struct store_loop){.events = loop->ctx.loop, .queue = loop->ctx.queue};
    if (store_session_open(options->store, &loop->store_loop, &loop->web.store, err) != 0)
        return -1;
    if (work_inbox_open(options->work, loop->ctx.queue, &loop->web.inbox, err) != 0) {
        store_session_close(loop->web.store);
        return -1;
    }
    if (work_inbox_open(options->debug_work, loop->ctx.queue, &loop->web.debug_inbox, err) != 0) {
        work_inbox_close(loop->web.inbox);
        store_session_close(loop->web.store);
        return -1;
    }
    web_attach(&loop->ctx, &loop->web);
    return 0;
}

int loop_open(struct loop *loop, const struct loop_options *options, int listen_fd, struct failure *err)
{
    h2o_globalconf_t *conf = options->conf;
    h2o_loop_t *evloop = h2o_evloop_create();

    h2o_context_init(&loop->ctx, evloop, conf);
    loop->listener = h2o_evloop_socket_create(evloop, listen_fd, H2O_SOCKET_FLAG_DONT_READ);
    loop->listener->data = loop;
    if (open_web(loop, options, err) != 0) {
        h2o_socket_close(loop->listener);
        loop->listener = NULL;
        return -1;
    }
    loop->accept.ctx = &loop->ctx;
    loop->accept.hosts = conf->hosts;
    loop->connections_max = options->connections_max;
    h2o_multithread_register_receiver(loop->ctx.queue, &loop->stop_receiver, on_stop);
    h2o_socket_read_start(loop->listener, on_accept);
    return 0;
}

void loop_run(struct loop *loop)
{
    do {
        bool busy = loop->web.draining || loop->accept_paused;

        h2o_evloop_run(loop->ctx.loop, busy ? BUSY_TURN_MS : IDLE_TURN_MS);
        store_session_end_turn(loop->web.store);
        rt_thread_poll();
        if (loop->accept_paused)
            resume_accepting(loop);
    } while (!loop->web.draining || !drain(loop));
}

void loop_stop(struct loop *loop)
{
    h2o_multithread_send_message(&loop->stop_receiver, &loop->stop_message);
}

/* The h2o context is left to the end of the process: h2o can dispose of it only when the last
 * connection is gone, which the deadline does not promise. The same holds for requests that still
 * wait for the store or for work: their callbacks will not run, so nobody releases them, and their
 * scopes stay for whatever another thread is still doing with them. */
void loop_close(struct loop *loop)
{
    work_inbox_close(loop->web.inbox);
    work_inbox_close(loop->web.debug_inbox);
    store_session_close(loop->web.store);
    web_json_end(&loop->web);
}
