/* page_pprof.c - profiles over HTTP, for `go tool pprof` and whoever else talks to a Go program's pages.
 *
 * Status, headers and words are those of Go's net/http/pprof, with one departure: a parameter that cannot be
 * read is an error (pprof_params.c). Errors are plain text, unlike those of the other pages, with a mark by which
 * pprof knows that it may show them. The trace is page_trace.c's.
 *
 * A page here may wait for seconds, on a thread of the server's. It watches the peer meanwhile: when that is
 * gone, or the server wants to end, it stops at once and gives back what it held, above all the one CPU
 * profiler there is. A HEAD request is answered from the parameters alone.
 */
#include "runtime/debug/pprof.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/profile/profile.h"
#include "runtime/symbols/symbols.h"

#define PROFILE_SECONDS 30 /* Go's */
#define NS_PER_S UINT64_C(1000000000)

void rt__pprof_fail(FILE *out, struct rt_debug_response *res, int status, const char *fmt, ...)
{
    va_list args;
    res->status = status;
    res->content_type = RT__TEXT_TYPE;
    res->is_pprof_error = true;
    res->disposition[0] = '\0';
    va_start(args, fmt);
    vfprintf(out, fmt, args);
    va_end(args);
    fputc('\n', out);
}

bool rt__pprof_is_method(const struct rt_debug_request *req, const char *name)
{
    return req->method_len == strlen(name) && memcmp(req->method, name, req->method_len) == 0;
}

/* Whether the parameters are good; otherwise the request is answered. */
static bool read_params(const struct rt_debug_request *req, struct rt__pprof_params *params, FILE *out,
                        struct rt_debug_response *res)
{
    const char *wrong = rt__pprof_read_params(req->query, req->query_len, params);
    if (wrong)
        rt__pprof_fail(out, res, 400, "%s", wrong);
    return wrong == NULL;
}

/* What the answer is, before there is one. */
static void announce(struct rt_debug_response *res, const char *name, const char *suffix, int debug)
{
    res->content_type = debug == 0 ? RT__BINARY_TYPE : RT__TEXT_TYPE;
    if (debug == 0)
        snprintf(res->disposition, sizeof res->disposition, "attachment; filename=\"%s%s\"", name, suffix);
}

bool rt__pprof_wait(uint64_t ns, const char *what, const struct rt_debug_request *req, FILE *out,
                    struct rt_debug_response *res)
{
    if (rt__profile_wait(ns, req->peer_fd > 0 ? req->peer_fd : -1))
        return true;
    rt__pprof_fail(out, res, 503, "the %s was ended early: the client has gone, or the server is stopping", what);
    return false;
}

static void write_profile(const struct rt__profile *p, int debug, FILE *out, struct rt_debug_response *res)
{
    struct rt__bytes bytes = {.data = NULL};
    if (p->failed || rt__profile_render(p, debug, &bytes) != 0 || bytes.failed) {
        rt__bytes_release(&bytes);
        rt__pprof_fail(out, res, 500, "failed to collect profile");
        return;
    }
    res->body = bytes.data;
    res->body_len = bytes.len;
}

/* ---- profiles by name ---------------------------------------------------------------------------- */

static void collect(const struct rt__profile_entry *entry, struct rt__profile *p)
{
    rt__profile_begin(p, entry->kind);
    entry->collect(p);
}

static void answer_now(const struct rt__profile_entry *entry, const struct rt__pprof_params *params, FILE *out,
                       struct rt_debug_response *res)
{
    struct rt__profile p;
    if (params->collects && strcmp(entry->kind->name, "heap") == 0)
        rt_gc();
    collect(entry, &p);
    write_profile(&p, params->debug, out, res);
    rt__profile_release(&p);
}

static void answer_difference(const struct rt__profile_entry *entry, uint32_t seconds,
                              const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    struct rt__profile before;
    collect(entry, &before);
    if (before.failed) {
        rt__pprof_fail(out, res, 500, "failed to collect profile");
    } else if (rt__pprof_wait(seconds * NS_PER_S, "profile", req, out, res)) {
        struct rt__profile after, difference;
        collect(entry, &after);
        rt__profile_begin(&difference, entry->kind);
        difference.failed = after.failed;
        if (!after.failed)
            rt__profile_subtract(&difference, &before, &after);
        write_profile(&difference, 0, out, res);
        rt__profile_release(&difference);
        rt__profile_release(&after);
    }
    rt__profile_release(&before);
}

void rt__pprof_answer(const struct rt__profile_entry *entry, const struct rt__pprof_params *params,
                      const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    if (params->seconds > 0 && params->debug != 0) {
        rt__pprof_fail(out, res, 400, "seconds and debug params are incompatible");
        return;
    }
    announce(res, entry->kind->name, params->seconds > 0 ? "-delta" : "", params->debug);
    if (rt__pprof_is_method(req, "HEAD"))
        return;
    if (params->seconds > 0)
        answer_difference(entry, params->seconds, req, out, res);
    else
        answer_now(entry, params, out, res);
}

void rt__page_pprof_named(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    struct rt__pprof_params params;
    size_t before = strlen("/debug/pprof/");
    const struct rt__profile_entry *entry = rt__profile_named(req->path + before, req->path_len - before);
    if (!entry)
        rt__pprof_fail(out, res, 404, "Unknown profile");
    else if (read_params(req, &params, out, res))
        rt__pprof_answer(entry, &params, req, out, res);
}

/* ---- CPU ----------------------------------------------------------------------------------------- */

static void take_cpu_profile(uint32_t seconds, const struct rt_debug_request *req, FILE *out,
                             struct rt_debug_response *res)
{
    struct rt__profile p;
    int error = rt__cpu_profile_begin();
    if (error != 0) {
        rt__pprof_fail(out, res, 500, "Could not enable CPU profiling: %s",
                       error == -EBUSY ? "cpu profiling already in use" : strerror(-error));
        return;
    }
    bool is_whole = rt__pprof_wait(seconds * NS_PER_S, "profile", req, out, res);
    error = rt__cpu_profile_end(&p); /* of a profile that nobody reads, too */
    if (error == 0) {
        if (is_whole)
            write_profile(&p, 0, out, res);
        rt__profile_release(&p);
    } else if (is_whole) {
        rt__pprof_fail(out, res, 500, "Could not finish CPU profiling: the program itself has ended it");
    }
}

void rt__page_pprof_profile(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    struct rt__pprof_params params;
    if (!read_params(req, &params, out, res))
        return;
    announce(res, "profile", "", 0);
    if (!rt__pprof_is_method(req, "HEAD"))
        take_cpu_profile(params.seconds > 0 ? params.seconds : PROFILE_SECONDS, req, out, res);
}

/* ---- the rest -------------------------------------------------------------------------------------- */

void rt__page_pprof_cmdline(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    size_t len;
    char *text = rt__cmdline(&len);
    (void)req;
    if (!text)
        rt__pprof_fail(out, res, 500, "the command line cannot be read");
    else
        fwrite(text, 1, len > 0 ? len - 1 : 0, out); /* between arguments there is a NUL, behind the last none */
    free(text);
}

static bool is_code(struct rt__symbols *symbols, uintptr_t address)
{
    size_t n;
    const struct rt__mapping *mappings = rt__symbols_mappings(symbols, &n);
    for (size_t i = 0; i < n; i++) {
        if (address >= mappings[i].start && address < mappings[i].limit)
            return true;
    }
    return false;
}

static void write_symbol(struct rt__symbols *symbols, const char *word, size_t len, FILE *out)
{
    struct rt__symbol symbol;
    uintptr_t address;
    if (rt__pprof_read_address(word, len, &address) && is_code(symbols, address) &&
        rt__symbols_find(symbols, address, &symbol, 1) > 0)
        fprintf(out, "0x%" PRIxPTR " %s\n", address, symbol.name);
}

static void write_symbols(struct rt__symbols *symbols, const char *text, size_t len, FILE *out)
{
    const char *plus;
    while ((plus = memchr(text, '+', len)) != NULL) {
        size_t word_len = (size_t)(plus - text);
        write_symbol(symbols, text, word_len, out);
        text = plus + 1;
        len -= word_len + 1;
    }
    write_symbol(symbols, text, len, out);
}

/* The count says only that there are names: pprof asks without an address first and looks whether it is 0. */
void rt__page_pprof_symbol(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    bool is_post = rt__pprof_is_method(req, "POST");
    size_t len = is_post ? req->body_len : req->query_len;
    struct rt__symbols *symbols = NULL;
    bool needs_symbols = len > 0 && !rt__pprof_is_method(req, "HEAD");
    if (needs_symbols)
        symbols = rt__symbols_open();
    if (needs_symbols && !symbols) {
        rt__pprof_fail(out, res, 500, "there is no memory to look symbols up");
        return;
    }
    fputs("num_symbols: 1\n", out);
    if (symbols) {
        write_symbols(symbols, is_post ? req->body : req->query, len, out);
        rt__symbols_close(symbols);
    }
}
