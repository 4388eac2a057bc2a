/* answer.c - sends answers. Bodies are handed to h2o where they lie, in the request's scope, and
 * are not copied; the scope outlives the sending (see web.h).
 *
 * The codes of errors are part of the interface: clients written for the original compare them. The
 * ones that it had no JSON for, because its framework answered by itself, carry that framework's
 * text ("404 page not found") or the status's name.
 *
 * What a database says of its failures names tables, hosts and files. That is for whoever runs the
 * app and goes to stderr; clients are told that it failed, and never how.
 */
#include "app/web/web.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
    int status;
    const char *code;
} errors[] = {
    [WEB_BAD_BODY] = {400, "body validation"},
    [WEB_BAD_TYPE] = {415, "unsupported media type"},
    [WEB_BAD_DATE] = {400, "date has a wrong format. Expected YYYY-mm-DD"},
    [WEB_BAD_LOGIN] = {404, "user not registered or bad credentials"},
    [WEB_EMAIL_TAKEN] = {400, "this email has been already registered"},
    [WEB_NAME_TAKEN] = {400, "this username has been already registered"},
    [WEB_NO_TOKEN] = {401, "the jwt token is missing"},
    [WEB_BAD_TOKEN] = {401, "the jwt token is not valid"},
    [WEB_TOKEN_FAILED] = {500, "failure in generating the JWT token"},
    [WEB_FORBIDDEN] = {403, "forbidden"},
    [WEB_ROOM_TAKEN] = {409, "room not available on the requested day"},
    [WEB_NO_OBJECT] = {404, "the object with the requested id is not found"},
    [WEB_NO_PAGE] = {404, "404 page not found"},
    [WEB_BAD_METHOD] = {405, "method not allowed"},
    [WEB_DB_FAILED] = {500, "generic db err"},
    [WEB_DB_AWAY] = {503, "generic db err"},
    [WEB_BUSY] = {503, "too many requests are waiting"},
    [WEB_SNAPSHOT_OFF] = {409, "the flight recorder is off"},
    [WEB_SNAPSHOT_FAILED] = {500, "the snapshot cannot be written"},
};

/* How soon a client that was told 503 should ask again. Lower invites a storm on a database that is
 * coming back, higher keeps clients away from one that is there. A guess: a fail-over takes seconds. */
#define RETRY_AFTER_S "1"

/* The least time between two lines about a failing store: a database that is away fails each
 * request, and none of the lines after the first says anything new. */
#define LOG_GAP_MS 1000

const char *web_reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 204:
        return "No Content";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 413:
        return "Request Entity Too Large";
    case 415:
        return "Unsupported Media Type";
    case 417:
        return "Expectation Failed";
    case 503:
        return "Service Unavailable";
    default:
        return status < 400 ? "OK" : status < 500 ? "Bad Request" : "Internal Server Error";
    }
}

/* The path without its query, in which there may be what nobody should keep. */
static void log_failure(const h2o_req_t *h2o, int status)
{
    rt_trace_logf("status", "%d", status);
    rt_trace_logf("path", "%.*s", (int)h2o->path_normalized.len, h2o->path_normalized.base);
}

/* length is content_length, or SIZE_MAX for an answer that has none. */
static void send_whole(struct web_request *rq, int status, const char *content_type, h2o_iovec_t body, size_t length)
{
    static h2o_generator_t generator = {NULL, NULL};
    h2o_req_t *h2o = rq->h2o;
    bool head;

    if (h2o == NULL)
        return;
    head = h2o_memis(h2o->method.base, h2o->method.len, H2O_STRLIT("HEAD"));
    h2o->res.status = status;
    h2o->res.reason = web_reason(status);
    h2o->res.content_length = length;
    if (content_type != NULL)
        h2o_add_header(&h2o->pool, &h2o->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, content_type, strlen(content_type));
    if (status >= 400 && rt_trace_is_enabled())
        log_failure(h2o, status);
    rt_trace_region_begin("write");
    h2o_start_response(h2o, &generator);
    h2o_send(h2o, &body, head || body.len == 0 ? 0 : 1, H2O_SEND_STATE_FINAL);
    rt_trace_region_end();
}

void web_answer(struct web_request *rq, int status, const char *content_type, const char *body, size_t len)
{
    send_whole(rq, status, content_type, h2o_iovec_init(body, len), len);
}

/* A 204 has no length either (RFC 9110, 8.6). */
void web_answer_empty(struct web_request *rq, int status)
{
    send_whole(rq, status, NULL, h2o_iovec_init("", 0), status == 204 ? SIZE_MAX : 0);
}

void web_answer_json(struct web_request *rq, int status)
{
    size_t len;
    const char *text = web_json_take(rq, &len);

    web_answer(rq, status, WEB_JSON, text, len);
}

/* ---- errors ---------------------------------------------------------------------------------- */

const char *web_error_code(enum web_error error)
{
    return errors[error].code;
}

int web_error_status(enum web_error error)
{
    return errors[error].status;
}

static void add_error_headers(struct web_request *rq, int status)
{
    h2o_req_t *h2o = rq->h2o;

    if (h2o == NULL)
        return;
    if (status == 401)
        h2o_add_header(&h2o->pool, &h2o->res.headers, H2O_TOKEN_WWW_AUTHENTICATE, NULL, H2O_STRLIT("Bearer"));
    if (status == 503)
        h2o_add_header(&h2o->pool, &h2o->res.headers, H2O_TOKEN_RETRY_AFTER, NULL, H2O_STRLIT(RETRY_AFTER_S));
}

void web_answer_error(struct web_request *rq, enum web_error error, const char *message)
{
    yajl_gen json = web_json_begin(rq);

    yajl_gen_map_open(json);
    web_json_text_member(json, "code", errors[error].code);
    web_json_text_member(json, "message", message);
    yajl_gen_map_close(json);
    add_error_headers(rq, errors[error].status);
    web_answer_json(rq, errors[error].status);
}

/* ---- a store that fails ---------------------------------------------------------------------- */

/* Whether LOG_GAP_MS have passed since the line before, whichever loop wrote it. */
static bool may_log(void)
{
    static _Atomic int64_t next_ms;
    struct timespec t;
    int64_t now_ms;
    int64_t due_ms = atomic_load(&next_ms);

    clock_gettime(CLOCK_MONOTONIC, &t);
    now_ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
    return now_ms >= due_ms && atomic_compare_exchange_strong(&next_ms, &due_ms, now_ms + LOG_GAP_MS);
}

void web_log_store(struct store_result result)
{
    struct failure line;

    if (!may_log())
        return;
    failure_set(&line, "app: the database %s: %s", result.status == STORE_AWAY ? "is away" : "failed", result.message);
    fprintf(stderr, "%s\n", line.text);
}

bool web_answer_store(struct web_request *rq, struct store_result result, const char *not_found)
{
    switch (result.status) {
    case STORE_OK:
        return false;
    case STORE_NOT_FOUND:
        web_answer_error(rq, WEB_NO_OBJECT, not_found);
        return true;
    case STORE_AWAY:
        web_log_store(result);
        web_answer_error(rq, WEB_DB_AWAY, "the database cannot be reached now");
        return true;
    default:
        web_log_store(result);
        web_answer_error(rq, WEB_DB_FAILED, "the database could not do what was asked");
        return true;
    }
}
