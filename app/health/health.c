/* health.c - whether this process lives, and whether it can do its work; see health.h.
 *
 * Two questions, since the answers ask for different things: a process that is not alive is
 * restarted, one that is not ready is only sent no requests, which for a database that is being
 * replaced is the better cure.
 */
#include "app/health/health.h"

static void answer_status(struct web_request *rq, const char *status)
{
    yajl_gen json = web_json_begin(rq);

    yajl_gen_map_open(json);
    web_json_text_member(json, "status", status);
    yajl_gen_map_close(json);
    web_answer_json(rq, 200);
}

void health_alive(struct web_request *rq)
{
    answer_status(rq, "ok");
}

static void on_ping(void *arg, struct store_result result)
{
    struct web_request *rq = arg;

    /* Whatever is wrong with the store, waiting may mend it: 503, never 500. */
    if (result.status != STORE_OK)
        web_answer_error(rq, WEB_DB_AWAY, result.message);
    else
        answer_status(rq, "ready");
    web_release(rq);
}

void health_ready(struct web_request *rq)
{
    web_hold(rq);
    store_ping(rq->loop->store, rq->scope, on_ping, rq);
}
