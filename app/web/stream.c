/* stream.c - sends an answer piece by piece, each when the client has taken the one before (see web.h).
 *
 * h2o asks for more by calling the generator's proceed, always from the loop and never from within
 * h2o_send, so a source that sends from within next does not recurse. When h2o gives the request up
 * it calls proceed no more; a piece sent after that goes nowhere.
 *
 * An answer without a length ends with its last chunk in HTTP/1.1, and with the connection in
 * HTTP/1.0, whose clients cannot tell a broken answer from a whole one unless the connection is reset.
 *
 * It must never send an empty piece but the last: without the chunk filter h2o takes it for the end.
 */
#include "app/behalf.h"
#include "app/web/web.h"

#include <string.h>
#include <sys/socket.h>

struct web_stream {
    h2o_generator_t generator; /* first: h2o knows the stream by it */
    struct web_request *rq;
    void (*next)(void *arg);
    void *arg;
    struct behalf behalf; /* of whoever began it: next is called on it */
    bool ended;
};

static void on_proceed(h2o_generator_t *generator, h2o_req_t *h2o)
{
    struct web_stream *stream = (struct web_stream *)generator;

    (void)h2o;
    behalf_set(stream->behalf);
    stream->next(stream->arg); /* the stream may be gone */
    behalf_set(BEHALF_NOBODY);
}

struct web_stream *web_stream_begin(struct web_request *rq, int status, const char *content_type,
                                    void (*next)(void *arg), void *arg)
{
    struct web_stream *stream = rt_scope_alloc(rq->scope, sizeof(*stream));
    h2o_req_t *h2o = rq->h2o;

    stream->generator.proceed = on_proceed;
    stream->rq = rq;
    stream->next = next;
    stream->arg = arg;
    stream->behalf = behalf_get();
    if (h2o == NULL)
        return stream;
    h2o->res.status = status;
    h2o->res.reason = web_reason(status);
    h2o->res.content_length = SIZE_MAX;
    if (h2o->version < 0x101)
        h2o->http1_is_persistent = 0;
    h2o_add_header(&h2o->pool, &h2o->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, content_type, strlen(content_type));
    h2o_start_response(h2o, &stream->generator);
    return stream;
}

void web_stream_send(struct web_stream *stream, const char *piece, size_t len, bool last)
{
    h2o_req_t *h2o = stream->rq->h2o;
    h2o_iovec_t buffer = h2o_iovec_init(piece, len);
    bool head;

    if (h2o == NULL || stream->ended)
        return;
    head = h2o_memis(h2o->method.base, h2o->method.len, H2O_STRLIT("HEAD"));
    stream->ended = last || head;
    rt_trace_region_begin("write");
    h2o_send(h2o, &buffer, head || len == 0 ? 0 : 1, stream->ended ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
    rt_trace_region_end();
}

void web_stream_abort(struct web_stream *stream)
{
    h2o_req_t *h2o = stream->rq->h2o;

    if (h2o == NULL || stream->ended)
        return;
    stream->ended = true;
    if (h2o->version < 0x101) {
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        int fd = h2o_socket_get_fd(h2o->conn->callbacks->get_socket(h2o->conn));

        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    }
    h2o_send(h2o, NULL, 0, H2O_SEND_STATE_ERROR);
}
