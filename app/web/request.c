/* request.c - a request's context, and when it ends (see web.h).
 *
 * h2o says that it is done with a request by clearing the request's pool; a shared block in that
 * pool, with a dispose function, is how we hear of it. The block holds the context's address, in
 * memory where no collector looks: harmless, since the scope holds the context.
 */
#include "app/web/web.h"

struct pool_link {
    struct web_request *rq;
};

static void on_pool_cleared(void *block)
{
    struct web_request *rq = ((struct pool_link *)block)->rq;

    rq->h2o = NULL;
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
