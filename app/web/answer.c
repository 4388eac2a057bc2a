/* answer.c - sends answers. Bodies are handed to h2o where they lie, in the request's scope, and
 * are not copied; the scope outlives the sending (see web.h).
 *
 * The codes of errors are part of the interface: clients written for the original compare them. The
 * two that it had no JSON for, because its framework answered by itself, carry that framework's
 * text ("404 page not found") or the status's name.
 */
#include "app/web/web.h"

#include <string.h>

static const struct {
    int status;
    const char *code;
} errors[] = {
    [WEB_BAD_DATE] = {400, "date has a wrong format. Expected YYYY-mm-DD"},
    [WEB_NO_OBJECT] = {404, "the object with the requested id is not found"},
    [WEB_NO_PAGE] = {404, "404 page not found"},
    [WEB_BAD_METHOD] = {405, "method not allowed"},
    [WEB_DB_FAILED] = {500, "generic db err"},
};

const char *web_reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
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
    case 417:
        return "Expectation Failed";
    case 503:
        return "Service Unavailable";
    default:
        return status < 400 ? "OK" : status < 500 ? "Bad Request" : "Internal Server Error";
    }
}

void web_answer(struct web_request *rq, int status, const char *content_type, const char *body, size_t len)
{
    static h2o_generator_t generator = {NULL, NULL};
    h2o_req_t *h2o = rq->h2o;
    h2o_iovec_t buffer = h2o_iovec_init(body, len);
    bool head;

    if (h2o == NULL)
        return;
    head = h2o_memis(h2o->method.base, h2o->method.len, H2O_STRLIT("HEAD"));
    h2o->res.status = status;
    h2o->res.reason = web_reason(status);
    h2o->res.content_length = len;
    if (content_type != NULL)
        h2o_add_header(&h2o->pool, &h2o->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, content_type, strlen(content_type));
    h2o_start_response(h2o, &generator);
    h2o_send(h2o, &buffer, head || len == 0 ? 0 : 1, H2O_SEND_STATE_FINAL);
}

void web_answer_json(struct web_request *rq, int status)
{
    size_t len;
    const char *text = web_json_take(rq, &len);

    web_answer(rq, status, WEB_JSON, text, len);
}

void web_answer_error(struct web_request *rq, enum web_error error, const char *message)
{
    yajl_gen json = web_json_begin(rq);

    yajl_gen_map_open(json);
    web_json_text_member(json, "code", errors[error].code);
    web_json_text_member(json, "message", message);
    yajl_gen_map_close(json);
    web_answer_json(rq, errors[error].status);
}
