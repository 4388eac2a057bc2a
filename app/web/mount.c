/* mount.c - the application's h2o handlers: one finds the route and calls its handler, one stands
 * ahead of h2o's file handler on /imgs, so that its refusals are worded like all others.
 *
 * While a handler runs, its thread works on behalf of the request (app/behalf.h): it carries the label of the route, so
 * that profiles can tell routes apart, and the request's task, for traces. What goes on later in the request's name - a
 * store's callback, a worker, the next piece of a stream - does so as well: whoever puts it off keeps the behalf with
 * it. Labels and tasks are named by the pattern of a route, never by a path: names are kept for ever.
 *
 * OPTIONS is answered here for any path, before the routes: browsers ask it ahead of a request
 * (CORS), and all it needs are the headers that cors.c adds.
 */
#include "app/behalf.h"
#include "app/web/web.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define IMGS "/imgs"

/* What requests are called in profiles and traces. */
struct name {
    char *text;
    const struct rt_labels *labels;
};

struct mount {
    h2o_handler_t base;
    const struct web_site *site;
    struct name *routes; /* each of the site's; NULL: this handler has none */
    struct name options; /* OPTIONS of any path */
    struct name other;   /* all else that is answered here */
};

/* Copies what the path held, so that it outlives h2o's memory while a store works on it. */
static const char *take_id(struct rt_scope *scope, const char *id, size_t len)
{
    char *copy = rt_scope_alloc_atomic(scope, len + 1);

    memcpy(copy, id, len);
    copy[len] = '\0';
    return copy;
}

static void answer_unrouted(struct web_request *rq, const char *allow)
{
    size_t len = strlen(allow);

    if (len == 0) {
        web_answer_error(rq, WEB_NO_PAGE, "there is nothing at this path");
        return;
    }
    h2o_add_header(&rq->h2o->pool, &rq->h2o->res.headers, H2O_TOKEN_ALLOW, NULL,
                   h2o_strdup(&rq->h2o->pool, allow, len).base, len);
    web_answer_error(rq, WEB_BAD_METHOD, "the Allow header lists the methods of this path");
}

static bool is_method(const h2o_req_t *h2o, const char *name)
{
    return h2o_memis(h2o->method.base, h2o->method.len, name, strlen(name));
}

static bool is_admitted(struct web_request *rq, const struct web_site *site)
{
    bool is;

    rt_trace_region_begin("auth");
    is = site->admit(rq);
    rt_trace_region_end();
    return is;
}

static void answer_route(struct web_request *rq, const struct web_site *site, const struct web_match *match)
{
    if (match->route->needs_user && !is_admitted(rq, site))
        return;
    /* An id with a NUL byte in it (%00) would be cut short; no object is called so. */
    if (match->id != NULL && memchr(match->id, '\0', match->id_len) != NULL) {
        web_answer_error(rq, WEB_NO_OBJECT, "the id holds a NUL byte");
        return;
    }
    if (match->id != NULL)
        rq->id = take_id(rq->scope, match->id, match->id_len);
    match->route->handler(rq);
}

static void begin(struct web_request *rq, const struct name *name)
{
    rt_labels_set(name->labels);
    web_request_trace(rq, name->text);
}

static const struct name *name_of(const struct mount *self, const h2o_req_t *h2o, struct web_match *match)
{
    web_routes_match(self->site->routes, h2o->method.base, h2o->method.len, h2o->path_normalized.base,
                     h2o->path_normalized.len, match);
    if (is_method(h2o, "OPTIONS"))
        return &self->options;
    if (match->route == NULL)
        return &self->other;
    return &self->routes[match->route - self->site->routes];
}

/* What is answered alike on every path: a request that might be cut in two ways, and OPTIONS. Returns
 * whether rq was one of these. */
static bool is_answered(struct web_request *rq)
{
    h2o_req_t *h2o = rq->h2o;
    /* The request is still there as it came, from the first byte of this buffer on. */
    const h2o_buffer_t *input = h2o->conn->callbacks->get_socket(h2o->conn)->input;

    if (h2o->timestamps.request_body_begin_at.tv_sec != 0 && !web_framing_is_plain(input->bytes, input->size)) {
        h2o->http1_is_persistent = 0; /* what follows may not be a request */
        web_answer_error(rq, WEB_BAD_BODY, "the headers contradict each other about the length of the body");
        return true;
    }
    if (is_method(h2o, "OPTIONS")) {
        web_answer(rq, 200, NULL, "", 0);
        return true;
    }
    return false;
}

/* GET http://host/path, as to a proxy: every server has to take it. h2o makes "/http://host/path" of
 * it; here it begins again with the path alone. The authority is our own, never the caller's: one
 * that h2o does not find among its hosts it would go and connect to. */
static bool is_absolute(h2o_req_t *h2o)
{
    h2o_url_t url;
    h2o_iovec_t path;

    if (h2o->path.len == 0 || h2o->path.base[0] == '/' || h2o_url_parse(h2o->path.base, h2o->path.len, &url) != 0 ||
        url.scheme != &H2O_URL_SCHEME_HTTP)
        return false;
    path = url.path.len != 0 ? url.path : h2o_iovec_init(H2O_STRLIT("/"));
    h2o_reprocess_request(h2o, h2o->method, h2o->scheme, h2o->hostconf->authority.hostport, path, NULL, 0);
    return true;
}

static int on_routed(h2o_handler_t *base, h2o_req_t *h2o)
{
    const struct mount *self = (const struct mount *)base;
    struct web_request *rq;
    struct web_match match;

    if (is_absolute(h2o))
        return 0;
    rq = web_request_begin(h2o, h2o_context_get_handler_context(h2o->conn->ctx, base));
    begin(rq, name_of(self, h2o, &match));
    rt_trace_region_begin("route");
    if (!is_answered(rq)) {
        if (match.route != NULL)
            answer_route(rq, self->site, &match);
        else
            answer_unrouted(rq, match.allow);
    }
    rt_trace_region_end();
    behalf_set(BEHALF_NOBODY);
    return 0;
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* Whether the path below /imgs names a file that h2o's handler, which comes next, can answer from.
 * Asked here, because that one redirects to folders, would wait for the writer of a named pipe, and
 * cuts a path at its first NUL byte. Hidden files are none. Symbolic links are followed, by both, so
 * what a link in the folder points at is served: whoever may write there decides what the public
 * sees. Leaving the folder by ".." is not possible, since the path is normalized already. */
static bool is_file(const struct web_site *site, h2o_iovec_t path)
{
    char name[PATH_MAX];
    struct stat st;
    size_t below = path.len - strlen(IMGS);
    int len;

    if (below < 2 || path.base[path.len - 1] == '/' || memchr(path.base, '\0', path.len) != NULL ||
        memmem(path.base, path.len, "/.", 2) != NULL)
        return false;
    len = snprintf(name, sizeof(name), "%s%.*s", site->static_folder, (int)below, path.base + strlen(IMGS));
    return len > 0 && len < (int)sizeof(name) && stat(name, &st) == 0 && S_ISREG(st.st_mode);
}

/* Several ranges, or units that are not bytes, are answered with the whole file, as RFC 9110 allows:
 * h2o would send as many copies of it as the header has room for. */
static void drop_odd_range(h2o_req_t *h2o)
{
    ssize_t at = h2o_find_header(&h2o->headers, H2O_TOKEN_RANGE, -1);
    h2o_iovec_t range;

    if (at < 0)
        return;
    range = h2o->headers.entries[at].value;
    if (range.len < 6 || memcmp(range.base, "bytes=", 6) != 0 || memchr(range.base, ',', range.len) != NULL)
        h2o_delete_header(&h2o->headers, at);
}

/* Whether the request is answered; otherwise it is for h2o to do. */
static bool refuse_picture(struct web_request *rq, const struct web_site *site)
{
    h2o_req_t *h2o = rq->h2o;

    if (is_answered(rq))
        return true;
    if (!is_file(site, h2o->path_normalized)) {
        answer_unrouted(rq, "");
        return true;
    }
    if (!is_method(h2o, "GET") && !is_method(h2o, "HEAD")) {
        answer_unrouted(rq, "GET, HEAD");
        return true;
    }
    drop_odd_range(h2o);
    return false;
}

static int on_picture(h2o_handler_t *base, h2o_req_t *h2o)
{
    const struct mount *self = (const struct mount *)base;
    struct web_request *rq = web_request_begin(h2o, h2o_context_get_handler_context(h2o->conn->ctx, base));
    bool is_refused;

    begin(rq, is_method(h2o, "OPTIONS") ? &self->options : &self->other);
    rt_trace_region_begin("route");
    is_refused = refuse_picture(rq, self->site);
    rt_trace_region_end();
    behalf_set(BEHALF_NOBODY);
    return is_refused ? 0 : -1;
}

/* ---- mounting -------------------------------------------------------------------------------- */

static struct name name_make(const char *method, const char *pattern)
{
    char text[128];
    size_t len = (size_t)snprintf(text, sizeof(text), "%s%s%s", method, method[0] != '\0' ? " " : "", pattern);
    struct name name = {h2o_mem_alloc(len + 1), rt_labels_new((const char *const[]){"route", text}, 1)};

    memcpy(name.text, text, len + 1);
    return name;
}

static size_t count_routes(const struct web_site *site)
{
    size_t n = 0;

    while (site->routes[n].pattern != NULL)
        n++;
    return n;
}

static void name_routes(struct mount *self)
{
    size_t n = count_routes(self->site);

    self->routes = h2o_mem_alloc(n * sizeof(self->routes[0]));
    for (size_t i = 0; i < n; i++) {
        const struct web_route *row = &self->site->routes[i];

        self->routes[i] = name_make(strcmp(row->method, "*") == 0 ? "" : row->method, row->pattern);
    }
}

static void on_dispose(h2o_handler_t *base)
{
    struct mount *self = (struct mount *)base;

    for (size_t i = 0; self->routes != NULL && i < count_routes(self->site); i++)
        free(self->routes[i].text);
    free(self->routes);
    free(self->options.text);
    free(self->other.text);
}

static struct mount *mount(h2o_pathconf_t *path, const struct web_site *site,
                           int (*on_req)(h2o_handler_t *, h2o_req_t *), const char *label)
{
    struct mount *self = (struct mount *)h2o_create_handler(path, sizeof(*self));

    self->base.on_req = on_req;
    self->base.dispose = on_dispose;
    self->site = site;
    self->options = name_make("", "OPTIONS");
    self->other = name_make("", label);
    web_cors(path, site->allowed_origins, false);
    return self;
}

/* h2o moves its table of paths when one is added, so each is finished before the next is begun. */
void web_mount(h2o_hostconf_t *host, const struct web_site *site)
{
    static const char *no_index[] = {NULL};

    if (site->static_folder != NULL) {
        h2o_pathconf_t *imgs = h2o_config_register_path(host, IMGS, 0);

        mount(imgs, site, on_picture, IMGS "/*");
        h2o_file_register(imgs, site->static_folder, no_index, imgs->mimemap, 0);
    }
    name_routes(mount(h2o_config_register_path(host, "/", 0), site, on_routed, "(none)"));
    web_cors(&host->fallback_path, site->allowed_origins, true);
}

/* Ours is the first handler of each path. */
void web_attach(h2o_context_t *ctx, struct web_loop *loop)
{
    const h2o_hostconf_t *host = ctx->globalconf->hosts[0];

    for (size_t i = 0; i < host->paths.size; i++)
        h2o_context_set_handler_context(ctx, host->paths.entries[i].handlers.entries[0], loop);
}
