/* debug.c - lends the runtime's debug endpoints to h2o.
 *
 * The runtime decides everything (paths, methods, who may ask); this only says what was asked and
 * from where. A forced cycle (POST /debug/gc) runs on the event loop and holds up its other
 * connections for the length of a pause, which is what asking for one means.
 *
 * A profile takes seconds, so the runtime makes it on a thread, from copies of what was asked: h2o's memory
 * may go while the request is held. h2o reads nothing from a connection whose request it has not
 * answered, so it would not notice a client that hangs up; the runtime watches a duplicate of the socket and
 * ends early. The same duplicate is how a stop of the server reaches it: shut down for reading, it looks like
 * a client that has gone, while the answer can still be sent.
 *
 * A trace comes as a file, which may be large. The loop reads it in pieces, as the client takes them: it was
 * written a moment ago, so it is in memory still, if not in the program's.
 */
#include "app/web/web.h"

#include "app/workers/work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_local(h2o_req_t *h2o)
{
    struct sockaddr_storage peer;

    return h2o->conn->callbacks->get_peername(h2o->conn, (struct sockaddr *)&peer) != 0 &&
           rt_debug_is_loopback((struct sockaddr *)&peer);
}

/* A page of another site, open in a browser on this machine, comes from a loopback peer too and may
 * send a form here without asking; its browser says so in Origin. Such a request counts as foreign:
 * settings are changed by whoever sits at the machine, not by what he reads. */
static bool is_from_another_site(h2o_req_t *h2o)
{
    ssize_t at = h2o_find_header_by_str(&h2o->headers, H2O_STRLIT("origin"), -1);
    static const char scheme[] = "http://";

    if (at < 0)
        return false;
    h2o_iovec_t origin = h2o->headers.entries[at].value, host = h2o->input.authority;
    return origin.len != strlen(scheme) + host.len || memcmp(origin.base, scheme, strlen(scheme)) != 0 ||
           memcmp(origin.base + strlen(scheme), host.base, host.len) != 0;
}

bool web_is_from_here(h2o_req_t *h2o)
{
    return is_local(h2o) && !is_from_another_site(h2o);
}

/* ---- answering ------------------------------------------------------------------------------- */

static void free_body(void *block)
{
    free(*(void **)block);
}

/* The body lies where the runtime made it until h2o has sent it. */
static const char *lend_body(h2o_req_t *h2o, struct rt_debug_response *response)
{
    void **owner = h2o_mem_alloc_shared(&h2o->pool, sizeof(*owner), free_body);

    *owner = response->body;
    response->body = NULL;
    return *owner != NULL ? *owner : "";
}

/* ---- files ----------------------------------------------------------------------------------- */

#define FILE_PIECE_BYTES (64u << 10)

/* Of h2o's pool: gone when h2o is done with the request, whether all of it was sent or the client has gone. */
struct web_file {
    struct web_stream *stream; /* of the request's scope, which outlives this */
    int fd;
    off_t at, end;
    char piece[FILE_PIECE_BYTES];
};

static void file_close(void *block)
{
    close(((struct web_file *)block)->fd);
}

static void file_next(void *arg)
{
    struct web_file *file = arg;
    off_t left = file->end - file->at;
    size_t want = left < (off_t)sizeof(file->piece) ? (size_t)left : sizeof(file->piece);
    ssize_t n = 0;

    while (want > 0 && (n = pread(file->fd, file->piece, want, file->at)) < 0 && errno == EINTR)
        ;
    if (n < 0 || (n == 0 && want > 0)) {
        web_stream_abort(file->stream);
        return;
    }
    file->at += n;
    web_stream_send(file->stream, file->piece, (size_t)n, file->at == file->end);
}

/* In place of a body. */
static void answer_file(struct web_request *rq, struct rt_debug_response *response)
{
    struct web_file *file = h2o_mem_alloc_shared(&rq->h2o->pool, sizeof(*file), file_close);

    file->fd = response->file_fd;
    file->at = 0;
    file->end = (off_t)response->body_len;
    response->file_fd = -1;
    file->stream = web_stream_begin(rq, response->status, response->content_type, file_next, file);
    file_next(file);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void answer(struct web_request *rq, struct rt_debug_response *response)
{
    h2o_req_t *h2o = rq->h2o;

    if (h2o != NULL) {
        h2o_mem_pool_t *pool = &h2o->pool;
        h2o_headers_t *headers = &h2o->res.headers;
        const char *disposition = response->disposition;

        if (response->allow != NULL)
            h2o_add_header(pool, headers, H2O_TOKEN_ALLOW, NULL, response->allow, strlen(response->allow));
        if (disposition[0] != '\0')
            h2o_add_header(pool, headers, H2O_TOKEN_CONTENT_DISPOSITION, NULL,
                           h2o_strdup(pool, disposition, SIZE_MAX).base, strlen(disposition));
        if (response->is_pprof_error)
            h2o_add_header_by_str(pool, headers, H2O_STRLIT("X-Go-Pprof"), 0, NULL, H2O_STRLIT("1"));
        /* Text that a browser would take for a page could hold anything that ever was a name here. */
        h2o_add_header_by_str(pool, headers, H2O_STRLIT("X-Content-Type-Options"), 0, NULL, H2O_STRLIT("nosniff"));
        if (response->file_fd > 0)
            answer_file(rq, response);
        else
            web_answer(rq, response->status, response->content_type, lend_body(h2o, response), response->body_len);
    }
    rt_debug_response_release(response);
}

/* ---- profiles and traces --------------------------------------------------------------------- */

struct web_profile {
    struct work_item item; /* first */
    struct web_request *rq;
    struct rt_debug_request asked;
    struct rt_debug_response response;
    struct web_profile *next, **link; /* of the loop's list */
};

static void profile_run(struct work_item *item)
{
    struct web_profile *profile = (struct web_profile *)item;

    rt_debug_handle(&profile->asked, &profile->response);
}

static void unlist(struct web_profile *profile)
{
    *profile->link = profile->next;
    if (profile->next != NULL)
        profile->next->link = profile->link;
    close(profile->asked.peer_fd);
}

static void list(struct web_profile *profile)
{
    struct web_loop *loop = profile->rq->loop;

    profile->next = loop->profiles;
    profile->link = &loop->profiles;
    if (profile->next != NULL)
        profile->next->link = &profile->next;
    loop->profiles = profile;
}

static void profile_done(struct work_item *item)
{
    struct web_profile *profile = (struct web_profile *)item;
    struct web_request *rq = profile->rq;

    unlist(profile);
    if (rq->loop->draining && rq->h2o != NULL)
        rq->h2o->http1_is_persistent = 0;
    answer(rq, &profile->response);
    web_release(rq);
}

void web_debug_hurry(struct web_loop *loop)
{
    for (const struct web_profile *profile = loop->profiles; profile != NULL; profile = profile->next)
        shutdown(profile->asked.peer_fd, SHUT_RD);
}

static const char *copy(struct rt_scope *scope, const char *bytes, size_t len)
{
    char *to = rt_scope_alloc_atomic(scope, len + 1);

    memcpy(to, bytes, len);
    return to;
}

static void refuse(struct web_request *rq, const char *why)
{
    struct rt_debug_response response = {
        .status = 503,
        .content_type = "text/plain; charset=utf-8",
        .is_pprof_error = true,
        .body = strdup(why),
        .file_fd = -1,
    };

    response.body_len = response.body != NULL ? strlen(why) : 0;
    answer(rq, &response);
}

static void profile_begin(struct web_request *rq, const struct rt_debug_request *asked)
{
    struct web_profile *profile = rt_scope_alloc(rq->scope, sizeof(*profile));
    h2o_conn_t *conn = rq->h2o->conn;
    int fd = fcntl(h2o_socket_get_fd(conn->callbacks->get_socket(conn)), F_DUPFD_CLOEXEC, 0);

    if (fd < 0) {
        refuse(rq, "there is no descriptor left to watch this connection by\n");
        return;
    }
    *profile = (struct web_profile){.item = {.run = profile_run, .done = profile_done}, .rq = rq, .asked = *asked};
    profile->asked.method = copy(rq->scope, asked->method, asked->method_len);
    profile->asked.path = copy(rq->scope, asked->path, asked->path_len);
    profile->asked.query = copy(rq->scope, asked->query, asked->query_len);
    profile->asked.body = copy(rq->scope, asked->body, asked->body_len);
    profile->asked.peer_fd = fd;
    list(profile);
    web_hold(rq);
    if (!work_submit(rq->loop->debug_inbox, &profile->item)) {
        unlist(profile);
        refuse(rq, "too many profiles are being taken; try again when some are done\n");
        web_release(rq);
    }
}

void web_debug(struct web_request *rq)
{
    h2o_req_t *h2o = rq->h2o;
    struct rt_debug_response response;
    struct rt_debug_request request = {
        .method = h2o->method.base,
        .method_len = h2o->method.len,
        .path = h2o->path_normalized.base,
        .path_len = h2o->path_normalized.len,
        .query = "",
        .body = h2o->entity.base != NULL ? h2o->entity.base : "",
        .body_len = h2o->entity.len,
        .loopback = web_is_from_here(h2o),
        .peer_fd = -1,
    };

    if (h2o->query_at != SIZE_MAX) {
        request.query = h2o->path.base + h2o->query_at + 1;
        request.query_len = h2o->path.len - h2o->query_at - 1;
    }
    if (rt_debug_is_slow(&request)) {
        rq->may_be_slow = true;
        profile_begin(rq, &request);
        return;
    }
    rt_debug_handle(&request, &response);
    answer(rq, &response);
}
