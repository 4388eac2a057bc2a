/* web.h - from an HTTP request to a handler and back, in the application's own terms.
 *
 *   routes.c   which handler answers a method and a path (pure)
 *   query.c    one parameter out of a query string or a form (pure)
 *   body.c     the texts of a body, JSON or form (pure)
 *   json.c     writing JSON text, numbers as Go prints them
 *   request.c  a request's context, its lifetime, and what it brought
 *   answer.c   sending answers and errors
 *   stream.c   sending an answer piece by piece
 *   cors.c     what every answer carries, also those that h2o makes by itself
 *   framing.c  whether all readers agree on where a request's body ends (pure)
 *   mount.c    the h2o handlers that tie these together
 *   debug.c    the runtime's endpoints below /debug/
 *   trace.c    requests as tasks of a trace, and GET /trace
 *
 * Lifetime. Each request owns a scope. Its context, the rows read for it and the body that is
 * being sent are all allocated there, so everything stays reachable for the collector although the
 * only pointers to it are in h2o's memory. The scope ends when h2o has disposed of the request and
 * every hold (one per store operation under way) has been released, in whichever order.
 */
#ifndef APP_WEB_WEB_H
#define APP_WEB_WEB_H

#include "app/store/store.h"
#include "cruntime.h"

#include <h2o.h>
#include <stdbool.h>
#include <stddef.h>
#include <yajl/yajl_gen.h>

struct auth;
struct snapshots;
struct web_profile;
struct web_site;
struct work_inbox;

/* What a handler may use of the event loop that it runs on. One per loop, used by its thread only. */
struct web_loop {
    const struct web_site *site;
    struct store_session *store;
    struct work_inbox *inbox;       /* for what would take the loop too long (app/workers) */
    struct work_inbox *debug_inbox; /* the same at threads of their own: a profile holds one for seconds */
    struct web_profile *profiles;   /* under way on those threads; see debug.c */
    size_t requests;                /* whose scope has not ended; the drain waits for 0 */
    bool draining;                  /* stopping: answers say Connection: close */
    yajl_gen json;                  /* one writer for all answers; kept alive by its scope */
    struct rt_scope *json_scope;
};

struct web_request {
    h2o_req_t *h2o; /* NULL once h2o is done with the request: there is nobody to answer */
    struct rt_scope *scope;
    struct web_loop *loop;
    const char *id;   /* what :id of the route stood for; NULL without one */
    const char *user; /* the caller's e-mail, from the token; NULL unless the route has needs_user */
    const char *name; /* of the route, for traces; NULL before web_request_trace */
    rt_task task;     /* from web_request_trace until h2o is done with the request */
    int64_t begun_ms; /* 0 unless slow requests are looked for */
    bool may_be_slow; /* it is long on purpose */
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
    bool needs_user; /* answered to callers with a valid token only */
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
/* web_query_count - how many parameters of that name there are. */
size_t web_query_count(const char *query, size_t query_len, const char *name);
/* web_query_is_escaped_well - whether each % has two hexadecimal digits behind it. */
bool web_query_is_escaped_well(const char *query, size_t query_len);

/* ---- body.c ---------------------------------------------------------------------------------- */

enum web_body_type { WEB_BODY_OTHER, WEB_BODY_JSON, WEB_BODY_FORM };

/* A text that a body must have. In JSON its name is found whatever its case, as Go finds it. */
struct web_field {
    const char *name;
    size_t max; /* bytes; longer is refused */
};

#define WEB_FIELDS_MAX 4

/* web_body_type_of - of the value of a Content-Type header. */
enum web_body_type web_body_type_of(const char *content_type, size_t len);

/* web_body_parse - reads the n fields out of a body; values[i] is allocated in scope and belongs to
 * fields[i]. Each must be there once and not empty, be a text without NUL, and be valid UTF-8; other
 * members are checked as JSON and ignored. Returns 0, or -1 with one sentence in *err, which quotes
 * nothing of the body. */
int web_body_parse(enum web_body_type type, const char *body, size_t len, const struct web_field *fields, size_t n,
                   struct rt_scope *scope, const char *values[], struct failure *err);

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

/* web_request_texts - the fields of the request's body (web_body_parse). When it returns false the
 * request has been answered, with 415 or 400. */
bool web_request_texts(struct web_request *rq, const struct web_field *fields, size_t n, const char *values[]);

/* web_request_header - the value of the first header of that (lower-case) name; base is NULL without
 * one. Points into h2o's memory. */
h2o_iovec_t web_request_header(const struct web_request *rq, const char *name);

/* ---- answer.c -------------------------------------------------------------------------------- */

enum web_error {
    WEB_BAD_BODY,
    WEB_BAD_TYPE, /* 415 */
    WEB_BAD_DATE,
    WEB_BAD_LOGIN,
    WEB_EMAIL_TAKEN,
    WEB_NAME_TAKEN,
    WEB_NO_TOKEN,
    WEB_BAD_TOKEN,
    WEB_TOKEN_FAILED,
    WEB_FORBIDDEN,
    WEB_ROOM_TAKEN,
    WEB_NO_OBJECT,
    WEB_NO_PAGE,
    WEB_BAD_METHOD,
    WEB_DB_FAILED,
    WEB_DB_AWAY, /* 503 with Retry-After */
    WEB_BUSY,    /* 503 with Retry-After */
    WEB_SNAPSHOT_OFF,
    WEB_SNAPSHOT_FAILED,
};

#define WEB_JSON "application/json; charset=utf-8"

/* Each of these answers the request, once. When the client has gone they do nothing. */

/* web_answer - body and content_type must be static, of the request's scope or of h2o's pool. */
void web_answer(struct web_request *rq, int status, const char *content_type, const char *body, size_t len);
/* web_answer_json - with what was written since web_json_begin. */
void web_answer_json(struct web_request *rq, int status);
/* web_answer_error - {"code":...,"message":...} with the status that belongs to the error. */
void web_answer_error(struct web_request *rq, enum web_error error, const char *message);
/* web_error_code, web_error_status - what web_answer_error answers. */
const char *web_error_code(enum web_error error);
int web_error_status(enum web_error error);
/* web_answer_store - whether the store has failed at what was asked of it, in which case the request
 * is answered; not_found is the message of STORE_NOT_FOUND. What STORE_TAKEN, STORE_NAME_TAKEN and
 * STORE_NO_USER mean only the caller knows: it looks for those that can come before it calls this,
 * which takes them for failures. The database's own message goes to stderr, not to the client. */
bool web_answer_store(struct web_request *rq, struct store_result result, const char *not_found);
/* web_log_store - says on stderr that and why the store has failed, at most once a second. */
void web_log_store(struct store_result result);
/* web_answer_empty - a status without a body (204, 200). */
void web_answer_empty(struct web_request *rq, int status);
/* web_reason - the reason phrase of a status. */
const char *web_reason(int status);

/* ---- stream.c -------------------------------------------------------------------------------- */

/* An answer whose length is not known when it begins, sent piece by piece as the client takes it. */
struct web_stream;

/* web_stream_begin - status and headers. next(arg) is called, on the loop, each time the client has
 * taken a piece and another may be sent; never after the last piece, nor when the client has gone. */
struct web_stream *web_stream_begin(struct web_request *rq, int status, const char *content_type,
                                    void (*next)(void *arg), void *arg);
/* web_stream_send - a piece, which must stay as it is until next is called or the request ends. One
 * at a time; only the last may be empty. last ends the answer, and so does anything for a HEAD
 * request. An answer that has ended may take the request along, unless it is held. */
void web_stream_send(struct web_stream *stream, const char *piece, size_t len, bool last);
/* web_stream_abort - the rest cannot be had: closes the connection, so that the client sees that the
 * answer is not whole. */
void web_stream_abort(struct web_stream *stream);

/* ---- framing.c ------------------------------------------------------------------------------- */

/* web_framing_is_plain - whether the headers of a request, given as its bytes up to the empty line
 * and possibly beyond, say at most once how long its body is. */
bool web_framing_is_plain(const char *head, size_t len);

/* ---- trace.c --------------------------------------------------------------------------------- */

/* web_request_trace - the request's task begins, and the thread works for it. name must outlive all loops. */
void web_request_trace(struct web_request *rq, const char *name);
/* web_request_traced - h2o is done with the request: the answer is sent, or the client gone. The task ends, and if it
 * took long a snapshot is asked for. Without web_request_trace it does nothing. */
void web_request_traced(struct web_request *rq);
/* web_trace - GET /trace: writes the flight recorder's snapshot to a file here; loopback only. */
void web_trace(struct web_request *rq);

/* ---- cors.c, mount.c, debug.c ---------------------------------------------------------------- */

/* What is served, the same for all loops. */
struct web_site {
    const struct web_route *routes;
    const char *allowed_origins;
    const char *static_folder; /* of /imgs; NULL: none */
    /* Asked ahead of a route with needs_user: sets rq->user and returns true, or answers the request
     * and returns false. */
    bool (*admit)(struct web_request *rq);
    const struct auth *auth; /* for admit and the handlers of /auth */
    struct snapshots *snapshots;
    int64_t slow_request_ms; /* a request that takes so long leaves a snapshot; 0: none does */
};

/* web_mount - makes host answer as site says, which must outlive it. */
void web_mount(h2o_hostconf_t *host, const struct web_site *site);
/* web_attach - tells the mounted handler what belongs to the loop of ctx. */
void web_attach(h2o_context_t *ctx, struct web_loop *loop);
/* web_cors - adds the CORS headers to every answer of pathconf. is_fallback: no handler is mounted there. */
void web_cors(h2o_pathconf_t *pathconf, const char *allowed_origins, bool is_fallback);
/* web_debug - the handler of everything below /debug/. */
void web_debug(struct web_request *rq);
/* web_debug_hurry - the loop is stopping: profiles that wait for their time to pass end at once. */
void web_debug_hurry(struct web_loop *loop);
/* web_is_from_here - whether a request comes from this machine, and not by a page of another site. */
bool web_is_from_here(h2o_req_t *h2o);
#endif
