/* debug.c - /debug over any server: who may ask, which path, which method.
 *
 * The server hands over a request as plain bytes and gets bytes back; nothing here knows of sockets
 * or headers. One table holds the routes, and the index page is made from it. Every answer to a
 * peer that is not on this machine is 403, before its path is even looked at: these pages show and
 * change the insides of the process. Must never leave *out unfilled, whatever the request.
 */
#include "runtime/debug/pages.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/stats/json_text.h"

struct route {
    const char *path;
    const char *content_type; /* of a good answer, to either method */
    rt__page *get, *post;     /* NULL: not allowed */
    const char *help;
};

static rt__page page_index;

static const struct route routes[] = {
    {"/debug/", RT__TEXT_TYPE, page_index, NULL, "this list"},
    {"/debug/memstats", RT__JSON_TYPE, rt__page_memstats, NULL, "MemStats, as Go's encoding/json writes it"},
    {"/debug/vars", RT__JSON_TYPE, rt__page_vars, NULL, "command line and MemStats, as Go's expvar prints them"},
    {"/debug/gctrace", NULL, rt__page_gctrace, NULL,
     "the last cycles as gctrace lines, newest last; ?n=1..4096 limits them, ?format=json gives exact figures"},
    {"/debug/metrics", RT__TEXT_TYPE, rt__page_metrics, NULL,
     "every metric, a `name value` a line; ?help=1 says what each means"},
    {"/debug/settings", RT__JSON_TYPE, rt__page_settings, rt__action_settings,
     "the knobs; POST gc_percent=N|off or memory_limit=BYTES|64MiB|off, or both, as a form or JSON, sets them"},
    {"/debug/gc", RT__JSON_TYPE, NULL, rt__action_gc,
     "runs a cycle; ?release=1 then gives all free memory back to the system"},
};
#define ROUTES (sizeof routes / sizeof routes[0])

static const char *allowed_methods(const struct route *r)
{
    if (r->get)
        return r->post ? "GET, HEAD, POST" : "GET, HEAD";
    return "POST";
}

static void page_index(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    (void)req;
    (void)res;
    for (size_t i = 0; i < ROUTES; i++)
        fprintf(out, "%-15s  %-15s  %s\n", routes[i].path, allowed_methods(&routes[i]), routes[i].help);
}

void rt__page_fail(FILE *out, struct rt_debug_response *res, int status, const char *code, const char *fmt, ...)
{
    char message[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    res->status = status;
    res->content_type = RT__JSON_TYPE;
    fputs("{\"code\":", out);
    rt__json_cstring(out, code);
    fputs(",\"message\":", out);
    rt__json_cstring(out, message);
    fputs("}\n", out);
}

static bool equals(const char *text, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(text, word, len) == 0;
}

static const struct route *find_route(const char *path, size_t len)
{
    for (size_t i = 0; i < ROUTES; i++) {
        if (equals(path, len, routes[i].path))
            return &routes[i];
    }
    return equals(path, len, "/debug") ? &routes[0] : NULL;
}

static void answer(const struct rt_debug_request *req, bool is_head, FILE *out, struct rt_debug_response *res)
{
    if (!req->loopback) {
        rt__page_fail(out, res, 403, "forbidden", "/debug answers only to this machine");
        return;
    }
    const struct route *r = find_route(req->path, req->path_len);
    if (!r) {
        rt__page_fail(out, res, 404, "not found", "no such page: /debug/ lists them");
        return;
    }
    bool is_get = is_head || equals(req->method, req->method_len, "GET");
    rt__page *page = is_get ? r->get : equals(req->method, req->method_len, "POST") ? r->post : NULL;
    if (!page) {
        res->allow = allowed_methods(r);
        rt__page_fail(out, res, 405, "method not allowed", "want %s", res->allow);
        return;
    }
    res->content_type = r->content_type;
    page(req, out, res);
}

void rt_debug_handle(const struct rt_debug_request *req, struct rt_debug_response *out)
{
    *out = (struct rt_debug_response){.status = 200, .content_type = RT__TEXT_TYPE};
    bool is_head = equals(req->method, req->method_len, "HEAD");
    char *body = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&body, &len);
    if (stream) {
        answer(req, is_head, stream, out);
        bool cut = ferror(stream) != 0;
        if (fclose(stream) == 0 && !cut) {
            if (is_head) {
                free(body);
                return;
            }
            out->body = body;
            out->body_len = len;
            return;
        }
        free(body);
    }
    /* The body did not fit into memory: half a page would pass for a whole one. */
    *out = (struct rt_debug_response){.status = 500, .content_type = RT__TEXT_TYPE};
}

void rt_debug_response_release(struct rt_debug_response *res)
{
    free(res->body);
    res->body = NULL;
    res->body_len = 0;
}
