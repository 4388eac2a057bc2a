/* trace.c - what requests are in traces, and GET /trace, which writes the flight recorder's snapshot to a file.
 *
 * A request is one task, from the moment that a handler gets it until h2o is done with it; what is done for it on
 * other threads, or waited for, are parts of that task (app/behalf.h). One that took longer than the configuration
 * allows asks for a snapshot, after its end has been recorded: the snapshot holds all of it. Those that are long on
 * purpose, profiles and /trace itself, do not count as slow.
 *
 * Writing a snapshot takes some 10 ms, the first one 100, and a wait for the disk, so it is done by the threads that
 * profiles are made on.
 */
#include "app/web/web.h"

#include "app/snapshot/snapshot.h"
#include "app/workers/work.h"

#include <inttypes.h>
#include <time.h>

/* ---- requests as tasks ----------------------------------------------------------------------- */

/* Not h2o's clock, which stands still for a turn of the loop: what holds up a turn makes requests slow. Never 0. */
static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + 1;
}

void web_request_trace(struct web_request *rq, const char *name)
{
    rq->name = name;
    if (rq->loop->site->slow_request_ms != 0)
        rq->begun_ms = now_ms();
    rq->task = rt_trace_task_begin(name, 0);
}

/* How long a request took that took too long; else 0. */
static int64_t slow_ms(const struct web_request *rq)
{
    int64_t ms;

    if (rq->begun_ms == 0 || rq->may_be_slow)
        return 0;
    ms = now_ms() - rq->begun_ms;
    return ms >= rq->loop->site->slow_request_ms ? ms : 0;
}

/* A log is of the task that the thread works for, and this may come when it works for none. */
static void log_slow(const struct web_request *rq, int64_t ms)
{
    rt_task before = rt_trace_task_set(rq->task);

    rt_trace_logf("slow request", "%" PRId64 " ms", ms);
    rt_trace_task_set(before);
}

void web_request_traced(struct web_request *rq)
{
    int64_t ms = slow_ms(rq);

    if (ms != 0)
        log_slow(rq, ms);
    rt_trace_task_end(rq->task);
    if (ms != 0)
        snapshot_after_slow(rq->loop->site->snapshots, rq->name, ms);
}

/* ---- GET /trace ------------------------------------------------------------------------------ */

struct tracing {
    struct work_item item; /* first */
    struct web_request *rq;
    struct snapshot snapshot;
};

static void answer_written(struct web_request *rq, const struct snapshot *snapshot)
{
    yajl_gen json = web_json_begin(rq);

    yajl_gen_map_open(json);
    web_json_text_member(json, "file", snapshot->file);
    web_json_text(json, "bytes");
    yajl_gen_integer(json, (long long)snapshot->bytes);
    yajl_gen_map_close(json);
    web_answer_json(rq, 200);
}

static void answer(struct web_request *rq, const struct snapshot *snapshot)
{
    switch (snapshot->status) {
    case SNAPSHOT_WRITTEN:
        answer_written(rq, snapshot);
        break;
    case SNAPSHOT_OFF:
        web_answer_error(rq, WEB_SNAPSHOT_OFF, snapshot->why.text);
        break;
    case SNAPSHOT_FAILED:
        web_answer_error(rq, WEB_SNAPSHOT_FAILED, snapshot->why.text);
        break;
    }
}

static void trace_run(struct work_item *item)
{
    struct tracing *tracing = (struct tracing *)item;

    snapshot_write(tracing->rq->loop->site->snapshots, &tracing->snapshot);
}

static void trace_done(struct work_item *item)
{
    struct tracing *tracing = (struct tracing *)item;
    struct web_request *rq = tracing->rq;

    if (rq->loop->draining && rq->h2o != NULL)
        rq->h2o->http1_is_persistent = 0;
    answer(rq, &tracing->snapshot);
    web_release(rq);
}

void web_trace(struct web_request *rq)
{
    struct tracing *tracing;

    if (!web_is_from_here(rq->h2o)) {
        web_answer_error(rq, WEB_FORBIDDEN, "/trace answers loopback peers only");
        return;
    }
    tracing = rt_scope_alloc(rq->scope, sizeof(*tracing));
    *tracing = (struct tracing){.item = {.run = trace_run, .done = trace_done}, .rq = rq};
    rq->may_be_slow = true;
    web_hold(rq);
    if (!work_submit(rq->loop->debug_inbox, &tracing->item)) {
        web_answer_error(rq, WEB_BUSY, "too many profiles are being taken; try again when some are done");
        web_release(rq);
    }
}
