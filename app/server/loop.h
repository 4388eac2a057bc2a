/* loop.h - one event loop: a thread, a listening socket, an h2o context and a store session, none
 * of which any other thread touches. Only server.c uses this.
 */
#ifndef APP_SERVER_LOOP_H
#define APP_SERVER_LOOP_H

#include "app/failure.h"
#include "app/store/store.h"
#include "app/web/web.h"
#include "app/workers/work.h"

#include <h2o.h>
#include <stdbool.h>

/* The same for all loops. */
struct loop_options {
    h2o_globalconf_t *conf;
    const struct web_site *site;
    struct store *store;
    struct work *work;
    struct work *debug_work;
    size_t connections_max; /* of one loop */
};

struct loop {
    h2o_context_t ctx;
    h2o_accept_ctx_t accept;
    h2o_socket_t *listener; /* NULL once draining */
    struct web_loop web;
    struct store_loop store_loop;
    h2o_multithread_receiver_t stop_receiver;
    h2o_multithread_message_t stop_message; /* sent once at most */
    size_t connections;
    size_t connections_max;
    bool accept_paused;         /* too many connections or descriptors: the kernel queues them */
    uint64_t accept_resume_ms;  /* not before */
    uint64_t drain_deadline_ms; /* monotonic; meaningful while web.draining */
};

/* loop_open - on the thread that will run it. listen_fd belongs to the loop from here on. Returns
 * 0, or -1 with *err filled. */
int loop_open(struct loop *loop, const struct loop_options *options, int listen_fd, struct failure *err);

/* loop_run - serves until loop_stop was called and the drain is over. */
void loop_run(struct loop *loop);

/* loop_stop - from any thread, once, after loop_open succeeded: stop accepting, answer what is
 * under way, at most 5 s, then return from loop_run. */
void loop_stop(struct loop *loop);

/* loop_close - what loop_open opened, after loop_run has returned. */
void loop_close(struct loop *loop);

#endif
