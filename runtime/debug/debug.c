/* debug.c - /debug over any server: who may ask, which path, which method.
 *
 * The server hands over a request as plain bytes and gets bytes back; nothing here knows of sockets
 * or headers. One table holds the routes, and the index page is made from it. Every answer to a
 * peer that is not on this machine is 403, before its path is even looked at: these pages show and
 * change the insides of the process. Must never leave *out unfilled, whatever the request.
 *
 * Which answers take long is in the table too, so that a server with an event loop knows it before.
 */
#include "runtime/debug/pages.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "env/address.h"
#include "runtime/stats/json_text.h"

/* SLOW: waits for seconds, or looks names up in files. */
enum pace { QUICK, SLOW };

struct route {
    const char *path;         /* one that ends in {name} stands for all that begin like it and go on */
    const char *content_type; /* of a good answer, to either method; NULL: the page says */
    rt__page *get, *post;     /* NULL: not allowed */
    enum pace pace;
    const char *help;
};

#define NAME "{name}"

static rt__page page_index;

static const struct route routes[] = {
    {"/debug/", RT__TEXT_TYPE, page_index, NULL, QUICK, "this list"},
    {"/debug/memstats", RT__JSON_TYPE, rt__page_memstats, NULL, QUICK, "MemStats, as Go's encoding/json writes it"},
    {"/debug/vars", RT__JSON_TYPE, rt__page_vars, NULL, QUICK, "command line and MemStats, as Go's expvar prints them"},
    {"/debug/gctrace", NULL, rt__page_gctrace, NULL, QUICK,
     "the last cycles as gctrace lines, newest last; ?n=1..4096 limits them, ?format=json gives exact figures"},
    {"/debug/metrics", RT__TEXT_TYPE, rt__page_metrics, NULL, QUICK,
     "every metric, a `name value` a line; ?help=1 says what each means"},
    {"/debug/settings", RT__JSON_TYPE, rt__page_settings, rt__action_settings, QUICK,
     "the knobs; POST gc_percent=N|off, memory_limit=BYTES|64MiB|off, mem_profile_rate=BYTES|off, "
     "mutex_profile_fraction=N|off or block_profile_rate=NS|off, or several, as a form or JSON, sets them"},
    {"/debug/gc", RT__JSON_TYPE, NULL, rt__action_gc, QUICK,
     "runs a cycle; ?release=1 then gives all free memory back to the system"},
    {"/debug/pprof/", RT__HTML_TYPE, rt__page_pprof_index, NULL, QUICK,
     "the profiles that there are, for a browser; what is below is as a Go program's net/http/pprof"},
    {"/debug/pprof/cmdline", RT__TEXT_TYPE, rt__page_pprof_cmdline, NULL, QUICK, "the command line, with NUL bytes"},
    {"/debug/pprof/profile", NULL, rt__page_pprof_profile, NULL, SLOW,
     "CPU profile for go tool pprof; ?seconds=1..3600, 30 without it"},
    {"/debug/pprof/symbol", RT__TEXT_TYPE, rt__page_pprof_symbol, rt__page_pprof_symbol, SLOW,
     "names of the functions at 0xADDRESS+0xADDRESS..."},
    {"/debug/pprof/trace", NULL, rt__page_pprof_trace, NULL, SLOW,
     "execution trace for go tool trace; ?seconds=N or 0.5, 1 without it; ?format=chrome for Perfetto"},
    {"/debug/pprof/{name}", NULL, rt__page_pprof_named, NULL, SLOW,
     "a profile: allocs, block, goroutine, heap, mutex or threadcreate; ?debug=1 or 2 as text, ?seconds=N how it "
     "changes meanwhile, ?gc=1 (heap) runs a cycle first"},
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
        fprintf(out, "%-20s  %-15s  %s\n", routes[i].path, allowed_methods(&routes[i]), routes[i].help);
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

static bool is_route(const struct route *r, const char *path, size_t len)
{
    size_t begin = strlen(r->path);
    if (begin < strlen(NAME) || strcmp(r->path + begin - strlen(NAME), NAME) != 0)
        return equals(path, len, r->path);
    begin -= strlen(NAME);
    return len > begin && memcmp(path, r->path, begin) == 0;
}

/* The first that fits. Both lists are found without their last slash as well. */
static const struct route *find_route(const char *path, size_t len)
{
    for (size_t i = 0; i < ROUTES; i++) {
        size_t list = strlen(routes[i].path) - 1;
        if (is_route(&routes[i], path, len) ||
            (routes[i].path[list] == '/' && len == list && memcmp(path, routes[i].path, len) == 0))
            return &routes[i];
    }
    return NULL;
}

static rt__page *find_page(const struct route *r, const struct rt_debug_request *req)
{
    if (equals(req->method, req->method_len, "GET") || equals(req->method, req->method_len, "HEAD"))
        return r->get;
    return equals(req->method, req->method_len, "POST") ? r->post : NULL;
}

RT_API bool rt_debug_is_loopback(const struct sockaddr *peer)
{
    return env_address_is_loopback(peer);
}

RT_API bool rt_debug_is_slow(const struct rt_debug_request *req)
{
    const struct route *r = req->loopback ? find_route(req->path, req->path_len) : NULL;
    return r && r->pace == SLOW && find_page(r, req) && !equals(req->method, req->method_len, "HEAD");
}

static void answer(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
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
    rt__page *page = find_page(r, req);
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
    *out = (struct rt_debug_response){.status = 200, .content_type = RT__TEXT_TYPE, .file_fd = -1};
    char *body = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&body, &len);
    if (stream) {
        answer(req, stream, out);
        bool cut = ferror(stream) != 0;
        if (fclose(stream) == 0 && !cut) {
            if (out->body || out->file_fd > 0) {
                free(body);
            } else {
                out->body = body;
                out->body_len = len;
            }
            if (equals(req->method, req->method_len, "HEAD"))
                rt_debug_response_release(out);
            return;
        }
        free(body);
        rt_debug_response_release(out);
    }
    /* The body did not fit into memory: half a page would pass for a whole one. */
    *out = (struct rt_debug_response){.status = 500, .content_type = RT__TEXT_TYPE, .file_fd = -1};
}

void rt_debug_response_release(struct rt_debug_response *res)
{
    free(res->body);
    if (res->file_fd > 0) /* 0: a response that was never filled */
        close(res->file_fd);
    res->body = NULL;
    res->body_len = 0;
    res->file_fd = -1;
}
