/* request.c - a request's context, when it ends, and what it brought (see web.h).
 *
 * h2o says that it is done with a request by clearing the request's pool; a shared block in that
 * pool, with a dispose function, is how we hear of it. The block holds the context's address, in
 * memory where no collector looks: harmless, since the scope holds the context.
 */
#include "app/web/web.h"

#include <string.h>

struct pool_link {
    struct web_request *rq;
};

static void on_pool_cleared(void *block)
{
    struct web_request *rq = ((struct pool_link *)block)->rq;

    rq->h2o = NULL;
    web_request_traced(rq);
    web_release(rq);
}

struct web_request *web_request_begin(h2o_req_t *h2o, struct web_loop *loop)
{
    struct pool_link *link = h2o_mem_alloc_shared(&h2o->pool, sizeof(*link), on_pool_cleared);
    struct rt_scope *scope = rt_scope_begin();
    struct web_request *rq = rt_scope_alloc(scope, sizeof(*rq));

    rq->h2o = h2o;
    rq->scope = scope;
    rq->loop = loop;
    rq->holds = 1;
    loop->requests++;
    link->rq = rq;
    if (loop->draining)
        h2o->http1_is_persistent = 0;
    return rq;
}

void web_hold(struct web_request *rq)
{
    rq->holds++;
}

void web_release(struct web_request *rq)
{
    if (--rq->holds != 0)
        return;
    rq->loop->requests--;
    rt_scope_end(rq->scope);
}

ptrdiff_t web_request_query(const struct web_request *rq, const char *name, char *buf, size_t size)
{
    const h2o_req_t *h2o = rq->h2o;

    if (h2o->query_at == SIZE_MAX)
        return -1;
    return web_query_find(h2o->path.base + h2o->query_at + 1, h2o->path.len - h2o->query_at - 1, name, buf, size);
}

h2o_iovec_t web_request_header(const struct web_request *rq, const char *name)
{
    const h2o_headers_t *headers = &rq->h2o->headers;
    ssize_t at = h2o_find_header_by_str(headers, name, strlen(name), -1);

    return at >= 0 ? headers->entries[at].value : h2o_iovec_init(NULL, 0);
}

bool web_request_texts(struct web_request *rq, const struct web_field *fields, size_t n, const char *values[])
{
    h2o_iovec_t content_type = web_request_header(rq, "content-type");
    h2o_iovec_t body = rq->h2o->entity;
    enum web_body_type type = web_body_type_of(content_type.base, content_type.len);
    struct failure err;
    int result;

    if (type == WEB_BODY_OTHER) {
        web_answer_error(rq, WEB_BAD_TYPE,
                         "the Content-Type must be application/json or application/x-www-form-urlencoded, in UTF-8");
        return false;
    }
    rt_trace_region_begin("JSON");
    result = web_body_parse(type, body.base, body.len, fields, n, rq->scope, values, &err);
    rt_trace_region_end();
    if (result != 0) {
        web_answer_error(rq, WEB_BAD_BODY, err.text);
        return false;
    }
    return true;
}
