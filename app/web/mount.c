/* mount.c - the one h2o handler of the application: finds the route and calls its handler.
 *
 * OPTIONS is answered here for any path, before the routes: browsers ask it ahead of a request
 * (CORS), and all it needs are the headers that cors.c adds.
 */
#include "app/web/web.h"

#include <string.h>

struct mount {
    h2o_handler_t base;
    const struct web_route *routes;
};

/* Copies what the path held, so that it outlives h2o's memory while a store works on it. */
static const char *take_id(struct rt_scope *scope, const char *id, size_t len)
{
    char *copy = rt_scope_alloc_atomic(scope, len + 1);

    memcpy(copy, id, len);
    copy[len] = '\0';
    return copy;
}

static void answer_unrouted(struct web_request *rq, const struct web_match *match)
{
    if (match->allow[0] == '\0') {
        web_answer_error(rq, WEB_NO_PAGE, "there is nothing at this path");
        return;
    }
    h2o_add_header(&rq->h2o->pool, &rq->h2o->res.headers, H2O_TOKEN_ALLOW, NULL,
                   h2o_strdup(&rq->h2o->pool, match->allow, strlen(match->allow)).base, strlen(match->allow));
    web_answer_error(rq, WEB_BAD_METHOD, "the Allow header lists the methods of this path");
}

static int on_req(h2o_handler_t *base, h2o_req_t *h2o)
{
    const struct mount *self = (const struct mount *)base;
    struct web_request *rq = web_request_begin(h2o, h2o_context_get_handler_context(h2o->conn->ctx, base));
    struct web_match match;

    if (h2o_memis(h2o->method.base, h2o->method.len, H2O_STRLIT("OPTIONS"))) {
        web_answer(rq, 200, NULL, "", 0);
        return 0;
    }
    web_routes_match(self->routes, h2o->method.base, h2o->method.len, h2o->path_normalized.base,
                     h2o->path_normalized.len, &match);
    if (match.route == NULL) {
        answer_unrouted(rq, &match);
        return 0;
    }
    /* An id with a NUL byte in it (%00) would be cut short; no object is called so. */
    if (match.id != NULL && memchr(match.id, '\0', match.id_len) != NULL) {
        web_answer_error(rq, WEB_NO_OBJECT, "the id holds a NUL byte");
        return 0;
    }
    if (match.id != NULL)
        rq->id = take_id(rq->scope, match.id, match.id_len);
    match.route->handler(rq);
    return 0;
}

void web_mount(h2o_hostconf_t *host, const struct web_route *routes, const char *allowed_origins)
{
    h2o_pathconf_t *root = h2o_config_register_path(host, "/", 0);
    struct mount *self = (struct mount *)h2o_create_handler(root, sizeof(*self));

    self->base.on_req = on_req;
    self->routes = routes;
    web_cors(root, allowed_origins);
    web_cors(&host->fallback_path, allowed_origins);
}

void web_attach(h2o_context_t *ctx, struct web_loop *loop)
{
    h2o_handler_t *handler = ctx->globalconf->hosts[0]->paths.entries[0].handlers.entries[0];

    h2o_context_set_handler_context(ctx, handler, loop);
}
