/* cors.c - what every answer carries.
 *
 * A filter and not a call in answer.c, because h2o answers some requests before any handler runs (a
 * body over the limit, broken chunks, an unknown expectation), and its file handler words its own.
 * Those come with a text body, while clients of this interface parse errors as JSON: the filter
 * replaces that body as well. Only a
 * request that is not HTTP at all gets an answer that does not pass here.
 */
#include "app/web/web.h"

#include <stdio.h>
#include <string.h>

struct cors_filter {
    h2o_filter_t base;
    const char *origins;
    size_t origins_len;
    bool is_fallback; /* of the path whose requests no handler gets: h2o has refused them while it read them */
    bool h2o_words;   /* h2o may answer by itself: on every path but "/", where all answers are ours */
};

struct json_ostream {
    h2o_ostream_t base;
    h2o_iovec_t body;
};

static void send_json(h2o_ostream_t *base, h2o_req_t *h2o, h2o_iovec_t *bufs, size_t n, h2o_send_state_t state)
{
    struct json_ostream *self = (struct json_ostream *)base;

    (void)bufs;
    h2o_ostream_send_next(base, h2o, &self->body, n != 0 ? 1 : 0, state);
}

static const char *code_of(const h2o_req_t *h2o)
{
    switch (h2o->res.status) {
    case 400:
    case 413:
    case 417:
        return "body validation";
    case 404: /* a picture that went away after it was looked for */
        return "404 page not found";
    default:
        return h2o->res.reason;
    }
}

/* The reasons are h2o's constants and need no escaping. */
static h2o_ostream_t **replace_body(h2o_req_t *h2o, h2o_ostream_t **slot)
{
    struct json_ostream *ostream = (struct json_ostream *)h2o_add_ostream(h2o, sizeof(*ostream), slot);
    char text[160];
    int len = snprintf(text, sizeof(text), "{\"code\":\"%s\",\"message\":\"%s\"}", code_of(h2o), h2o->res.reason);

    ostream->base.do_send = send_json;
    ostream->body = h2o_strdup(&h2o->pool, text, (size_t)len);
    h2o->res.content_length = ostream->body.len;
    h2o_set_header(&h2o->pool, &h2o->res.headers, H2O_TOKEN_CONTENT_TYPE, H2O_STRLIT(WEB_JSON), 1);
    return &ostream->base.next;
}

/* Whether the answer is an error in h2o's words: they are plain text, on the host's fallback path
 * (what h2o finds while it reads a request) or on that of the pictures. Our handlers never send
 * errors in plain text there, though the runtime's pages below /debug/ do on theirs. */
static bool is_of_h2o(const h2o_filter_t *filter, const h2o_req_t *h2o)
{
    const struct cors_filter *self = (const struct cors_filter *)filter;
    static const char plain[] = "text/plain";
    ssize_t at;

    if (h2o->res.status < 400 || !self->h2o_words)
        return false;
    at = h2o_find_header(&h2o->res.headers, H2O_TOKEN_CONTENT_TYPE, -1);
    return at < 0 || (h2o->res.headers.entries[at].value.len >= sizeof(plain) - 1 &&
                      memcmp(h2o->res.headers.entries[at].value.base, plain, sizeof(plain) - 1) == 0);
}

/* As each request that is answered is a task, those are as well, if one without length. */
static void trace_refused(const h2o_req_t *h2o)
{
    rt_task task = rt_trace_task_begin("(unread)", 0);

    rt_trace_logf("status", "%d", h2o->res.status);
    rt_trace_task_end(task);
}

static void on_setup_ostream(h2o_filter_t *base, h2o_req_t *h2o, h2o_ostream_t **slot)
{
    struct cors_filter *self = (struct cors_filter *)base;
    h2o_headers_t *headers = &h2o->res.headers;

    h2o_add_header_by_str(&h2o->pool, headers, H2O_STRLIT("Access-Control-Allow-Origin"), 0, NULL, self->origins,
                          self->origins_len);
    h2o_add_header_by_str(&h2o->pool, headers, H2O_STRLIT("Access-Control-Allow-Methods"), 0, NULL,
                          H2O_STRLIT("GET, POST, OPTIONS, PUT, DELETE"));
    h2o_add_header_by_str(&h2o->pool, headers, H2O_STRLIT("Access-Control-Allow-Headers"), 0, NULL, H2O_STRLIT("*"));
    if (self->is_fallback)
        trace_refused(h2o);
    if (is_of_h2o(base, h2o))
        slot = replace_body(h2o, slot);
    h2o_setup_next_ostream(h2o, slot);
}

void web_cors(h2o_pathconf_t *pathconf, const char *allowed_origins, bool is_fallback)
{
    struct cors_filter *self = (struct cors_filter *)h2o_create_filter(pathconf, sizeof(*self));

    self->base.on_setup_ostream = on_setup_ostream;
    self->origins = allowed_origins;
    self->origins_len = strlen(allowed_origins);
    self->is_fallback = is_fallback;
    self->h2o_words = !h2o_memis(pathconf->path.base, pathconf->path.len, H2O_STRLIT("/"));
}
