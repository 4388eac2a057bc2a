/* web.h - from an HTTP request to a handler and back, in the application's own terms.
 *
 *   routes.c   which handler answers a method and a path (pure)
 *   query.c    one parameter out of a query string (pure)
 *   json.c     writing JSON text, numbers as Go prints them
 *   request.c  a request's context and its lifetime
 *   answer.c   sending answers and errors
 *   cors.c     what every answer carries, also those that h2o makes by itself
 *   mount.c    the h2o handler that ties these together
 *   debug.c    the runtime's endpoints below /debug/
 *
 * Lifetime. Each request owns a scope. Its context, the rows read for it and the body that is
 * being sent are all allocated there, so everything stays reachable for the collector although the
 * only pointers to it are in h2o's memory. The scope ends when h2o has disposed of the request and
 * every hold (one per store operation under way) has been released, in whichever order.
 */
#ifndef APP_WEB_WEB_H
#define APP_WEB_WEB_H

#include "cruntime.h"

#include <h2o.h>
#include <stdbool.h>
#include <stddef.h>
#include <yajl/yajl_gen.h>

struct store_session;

/* What a handler may use of the event loop that it runs on. One per loop, used by its thread only. */
struct web_loop {
    struct store_session *store;
    size_t requests; /* whose scope has not ended; the drain waits for 0 */
    bool draining;   /* stopping: answers say Connection: close */
    yajl_gen json;   /* one writer for all answers; kept alive by its scope */
    struct rt_scope *json_scope;
};

struct web_request {
    h2o_req_t *h2o; /* NULL once h2o is done with the request: there is nobody to answer */
    struct rt_scope *scope;
    struct web_loop *loop;
    const char *id; /* what :id of the route stood for; NULL without one */
    unsigned holds;
};

typedef void (*web_handler)(struct web_request *rq);

/* ---- routes.c -------------------------------------------------------------------------------- */

/* A pattern is a path; a segment ":id" matches any one segment that is not empty, and a "*" at the
 * end the rest, empty or not. Method "*" is any. */
struct web_route {
    const char *method;
    const char *pattern;
    web_handler handler;
};

struct web_match {
    const struct web_route *route; /* NULL: no such path, or not by this method */
    const char *id;                /* points into the path; NULL when the pattern has none */
    size_t id_len;
    char allow[64]; /* methods of the path, for the Allow header; "" when the path is unknown */
};

/* web_routes_match - looks the path up in a table that ends with a NULL pattern. */
void web_routes_match(const struct web_route *routes, const char *method, size_t method_len, const char *path,
                      size_t path_len, struct web_match *out);

/* ---- query.c --------------------------------------------------------------------------------- */

/* web_query_find - decodes the first parameter of that name from a query string (without its
 * question mark) into buf. Returns its length, which may exceed what fits (then buf is useless), or
 * -1 when there is none. Escapes that are malformed are taken as they stand. */
ptrdiff_t web_query_find(const char *query, size_t query_len, const char *name, char *buf, size_t size);

/* ---- json.c ---------------------------------------------------------------------------------- */

/* web_json_begin - the loop's JSON writer, emptied. From here to web_answer_json nothing else may
 * use it, so no store operation may be started in between. */
yajl_gen web_json_begin(struct web_request *rq);
/* web_json_take - the text written so far, copied into the request's scope. */
const char *web_json_take(struct web_request *rq, size_t *len);
/* web_json_end - the loop ends: gives the writer's memory back. */
void web_json_end(struct web_loop *loop);
void web_json_text(yajl_gen json, const char *text);
void web_json_text_member(yajl_gen json, const char *key, const char *text);
void web_json_number(yajl_gen json, double value);

/* web_format_number - as Go's encoding/json prints a float64: the shortest decimal that reads back
 * as the same number. Infinities and NaN, which JSON lacks, become 0. Returns the length. */
#define WEB_NUMBER_MAX 32
size_t web_format_number(char buf[WEB_NUMBER_MAX], double value);

/* ---- request.c ------------------------------------------------------------------------------- */

/* web_request_begin - the context of a request that h2o has just read. */
struct web_request *web_request_begin(h2o_req_t *h2o, struct web_loop *loop);

/* web_hold, web_release - keep the context and its scope beyond h2o's interest in the request.
 * Every hold is released once; rq is dead after the last. */
void web_hold(struct web_request *rq);
void web_release(struct web_request *rq);

/* web_request_query - a parameter, as web_query_find. */
ptrdiff_t web_request_query(const struct web_request *rq, const char *name, char *buf, size_t size);

/* ---- answer.c -------------------------------------------------------------------------------- */

enum web_error {
    WEB_BAD_DATE,
    WEB_NO_OBJECT,
    WEB_NO_PAGE,
    WEB_BAD_METHOD,
    WEB_DB_FAILED,
};

#define WEB_JSON "application/json; charset=utf-8"

/* Each of these answers the request, once. When the client has gone they do nothing. */

/* web_answer - body and content_type must be static, of the request's scope or of h2o's pool. */
void web_answer(struct web_request *rq, int status, const char *content_type, const char *body, size_t len);
/* web_answer_json - with what was written since web_json_begin. */
void web_answer_json(struct web_request *rq, int status);
/* web_answer_error - {"code":...,"message":...} with the status that belongs to the error. */
void web_answer_error(struct web_request *rq, enum web_error error, const char *message);
/* web_reason - the reason phrase of a status. */
const char *web_reason(int status);

/* ---- cors.c, mount.c, debug.c ---------------------------------------------------------------- */

/* web_mount - makes host answer by the routes. Routes and allowed_origins must outlive it. */
void web_mount(h2o_hostconf_t *host, const struct web_route *routes, const char *allowed_origins);
/* web_attach - tells the mounted handler what belongs to the loop of ctx. */
void web_attach(h2o_context_t *ctx, struct web_loop *loop);
/* web_cors - adds the CORS headers to every answer of pathconf. */
void web_cors(h2o_pathconf_t *pathconf, const char *allowed_origins);
/* web_debug - the handler of everything below /debug/. */
void web_debug(struct web_request *rq);
/* web_is_loopback - whether an address is of this machine: 127.0.0.0/8, ::1, or the former mapped. */
bool web_is_loopback(const struct sockaddr *address);

#endif
