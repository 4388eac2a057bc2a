/* booking.c - makes many bookings at once and says how long they took: the booking app's load client.
 *
 * It logs in, reads the rooms, looks for days that are free (load/plan.h), and then one thread fills
 * a queue with bookings while the workers, one a processor, take them from there and POST them, each
 * over a connection of its own. At the end it asks for GET /trace and prints its report: how many
 * were made, what the refusals said, latencies.
 *
 * It stands on the runtime as the app does: a booking is a managed object from an rt_pool, so
 * CDEBUG=gctrace=1 shows this program's own cycles. Between the two threads only the queue, a global
 * variable, holds it; while it is sent, the worker's stack does. It must never book a day that the
 * server called booked, and never report what was not answered.
 */
#include "bench/load/answer.h"
#include "bench/load/api.h"
#include "bench/load/clock.h"
#include "bench/load/day.h"
#include "bench/load/fail.h"
#include "bench/load/options.h"
#include "bench/load/plan.h"
#include "bench/load/progress.h"
#include "bench/load/queue.h"
#include "bench/load/stop.h"
#include "bench/load/tally.h"
#include "cruntime.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

enum { EXIT_USAGE = 2 };

#define TOKEN_SIZE 8192
#define TICK_MS 100u /* how often the waiting main thread looks at Ctrl-C and draws its bar */

/* A worker that got no answer this often in a row takes the server for dead. Fewer would end a run at
 * a restart that takes a moment; more would draw out the end by as many timeouts. */
#define LOST_IN_A_ROW 10

/* What the pool lends: holds no pointers, so the collector need not look inside. */
struct order {
    size_t body_len;
    char body[512]; /* {"room_id":"...","booked_on":"..."}: an id of 64 characters, all of them escaped, fits */
};

struct worker {
    pthread_t thread;
    struct api api;
    bool print_ids;
    uint64_t end_ns;
    struct tally tally;
};

static struct queue queue; /* global: the collector must see the orders in it */
static struct rt_pool *pool;
static atomic_uint_fast64_t done; /* bookings answered or given up, for the bar */

/* ---- a worker --------------------------------------------------------------------------------- */

static void count_answer(struct worker *worker, int status)
{
    const struct api *api = &worker->api;
    char text[API_MESSAGE_SIZE];

    if (status == 201 && answer_text(api->answer, api->answer_len, "id", text, sizeof(text))) {
        if (worker->print_ids)
            puts(text);
        tally_count(&worker->tally, status, NULL);
    } else if (status == 201) {
        tally_count(&worker->tally, TALLY_NO_ID, "a 201 without an id");
    } else if (status > 0) {
        api_message(api, text);
        tally_count(&worker->tally, status, text);
    } else {
        tally_count(&worker->tally, TALLY_NO_ANSWER, stop_overdue() ? "given up at Ctrl-C" : api->error);
    }
}

/* Returns whether the server answered. */
static bool send_order(struct worker *worker, const struct order *order)
{
    uint64_t begin_ns = clock_ns();
    int status = api_post(&worker->api, "/bookings", order->body, order->body_len);

    if (status > 0)
        histogram_record(&worker->tally.latency, clock_ns() - begin_ns);
    count_answer(worker, status);
    atomic_fetch_add_explicit(&done, 1, memory_order_relaxed);
    return status > 0;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct order *order;
    unsigned lost = 0;

    while ((order = queue_take(&queue)) != NULL) {
        lost = send_order(worker, order) ? 0 : lost + 1;
        rt_pool_put(pool, order);
        if (lost == LOST_IN_A_ROW && stop_ask())
            fail("no answer %d times in a row: ending early", LOST_IN_A_ROW);
    }
    worker->end_ns = clock_ns();
    return NULL;
}

/* ---- the thread that fills the queue ----------------------------------------------------------- */

static void *make_order(void *arg)
{
    (void)arg;
    return rt_alloc_atomic(sizeof(struct order));
}

static void write_text(yajl_gen json, const char *text)
{
    yajl_gen_string(json, (const unsigned char *)text, strlen(text));
}

static void write_order(yajl_gen json, struct order *order, const char *room_id, int32_t day)
{
    char day_text[DAY_TEXT_SIZE];
    const unsigned char *text;

    day_format(day, day_text);
    yajl_gen_map_open(json);
    write_text(json, "room_id");
    write_text(json, room_id);
    write_text(json, "booked_on");
    write_text(json, day_text);
    yajl_gen_map_close(json);
    yajl_gen_get_buf(json, &text, &order->body_len);
    if (order->body_len > sizeof(order->body))
        abort(); /* see its size */
    memcpy(order->body, text, order->body_len);
    yajl_gen_clear(json);
    yajl_gen_reset(json, NULL);
}

static void show_progress(unsigned all)
{
    progress_show("booking", atomic_load_explicit(&done, memory_order_relaxed), all);
    rt_thread_poll();
}

/* Until all are in the queue, or an end is asked for; then the queue is closed. */
static void fill_queue(const struct plan *plan, yajl_gen json, unsigned bookings)
{
    for (unsigned i = 0; i < bookings && !stop_asked(); i++) {
        struct order *order = rt_pool_get(pool);

        write_order(json, order, plan->rooms.list[i % plan->rooms.n].id, plan->days[i / plan->rooms.n]);
        while (!queue_put(&queue, order, TICK_MS) && !stop_asked())
            show_progress(bookings);
        show_progress(bookings);
    }
    queue_close(&queue, !stop_asked());
}

static void wait_for(struct worker *worker, unsigned bookings)
{
    struct timespec until;

    do {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += (long)(TICK_MS * NS_PER_MS);
        until.tv_sec += until.tv_nsec / (long)NS_PER_S;
        until.tv_nsec %= (long)NS_PER_S;
        show_progress(bookings);
        if (stop_asked())
            queue_close(&queue, false);
    } while (pthread_timedjoin_np(worker->thread, NULL, &until) == ETIMEDOUT);
}

/* ---- a run ------------------------------------------------------------------------------------ */

/* Returns how many run. When that is not all, one line was printed. */
static unsigned start_workers(struct worker *workers, const struct options *options, const char *token)
{
    for (unsigned i = 0; i < options->workers; i++) {
        int error;

        workers[i].print_ids = options->ids;
        if (api_open(&workers[i].api, options->url, token) != 0)
            return i;
        error = rt_thread_start(&workers[i].thread, NULL, "booking", work, &workers[i]);
        if (error != 0) {
            fail("worker %u of %u: %s", i + 1, options->workers, strerror(-error));
            api_close(&workers[i].api);
            return i;
        }
    }
    return options->workers;
}

/* Fills *sum and *run. 0, or -1 with one line printed when not all workers could be started. */
static int book(const struct plan *plan, const struct options *options, const char *token, struct worker *workers,
                struct tally *sum, struct tally_run *run)
{
    yajl_gen json = yajl_gen_alloc(NULL);
    uint64_t begin_ns = clock_ns();
    uint64_t end_ns = begin_ns;
    unsigned started;

    if (json == NULL)
        return fail("out of memory");
    queue_init(&queue);
    pool = rt_pool_new(make_order, NULL);
    started = start_workers(workers, options, token);
    fill_queue(plan, json, started == options->workers ? options->bookings : 0);
    for (unsigned i = 0; i < started; i++) {
        wait_for(&workers[i], options->bookings);
        if (workers[i].end_ns > end_ns)
            end_ns = workers[i].end_ns;
        tally_add(sum, &workers[i].tally);
        api_close(&workers[i].api);
    }
    progress_hide();
    rt_pool_free(pool);
    yajl_gen_free(json);
    *run = (struct tally_run){options->bookings, options->workers, end_ns - begin_ns};
    return started == options->workers ? 0 : -1;
}

/* What the server says is shown; a server that keeps no trace is no failure of this run. */
static void show_trace(struct api *api)
{
    int status = api_get(api, "/trace");
    char message[API_MESSAGE_SIZE];

    if (status < 0)
        snprintf(message, sizeof(message), "%.200s", stop_overdue() ? "not asked: stopped" : api->error);
    else
        api_message(api, message);
    printf("\nGET /trace: ");
    if (status >= 0)
        printf("%d ", status);
    printf("%s\n", message);
}

/* 0 when every booking was made. */
static int run_plan(const struct plan *plan, const struct options *options, struct api *api, const char *token)
{
    struct worker *workers = calloc(options->workers, sizeof(*workers));
    struct tally *sum = calloc(1, sizeof(*sum));
    struct tally_run run;
    int result = -1;

    if (workers == NULL || sum == NULL)
        fail("out of memory");
    else if (book(plan, options, token, workers, sum, &run) == 0) {
        tally_report(sum, &run, stdout);
        show_trace(api);
        result = sum->counts[201] == options->bookings ? 0 : -1;
    }
    free(workers);
    free(sum);
    return result;
}

static void show_plan(const struct plan *plan, const struct options *options, uint64_t spent_ns)
{
    char first[DAY_TEXT_SIZE];
    char last[DAY_TEXT_SIZE];

    day_format(plan->days[0], first);
    day_format(plan->days[plan->n_days - 1], last);
    printf("%u bookings of %zu rooms on %u days, %s to %s", options->bookings, plan->rooms.n, plan->n_days, first,
           last);
    if (plan->n_asked != 0)
        printf(" (found by %u questions in %.2f secs)", plan->n_asked, (double)spent_ns / (double)NS_PER_S);
    putchar('\n');
    fflush(stdout);
}

static int log_in(struct api *api, const struct options *options, char token[TOKEN_SIZE])
{
    yajl_gen json = yajl_gen_alloc(NULL);
    const unsigned char *body;
    char message[API_MESSAGE_SIZE];
    size_t len;
    int status;

    if (json == NULL)
        return fail("out of memory");
    yajl_gen_map_open(json);
    write_text(json, "username");
    write_text(json, options->user);
    write_text(json, "password");
    write_text(json, options->password);
    yajl_gen_map_close(json);
    yajl_gen_get_buf(json, &body, &len);
    status = api_post(api, "/auth/login", (const char *)body, len);
    yajl_gen_free(json);
    if (status < 0)
        return fail("%s: %s", options->url, api->error);
    api_message(api, message);
    if (status != 200)
        return fail("%s: login as %s: %d %s", options->url, options->user, status, message);
    if (!answer_text(api->answer, api->answer_len, "token", token, TOKEN_SIZE))
        return fail("%s: login: the answer has no token: %.100s", options->url, message);
    return 0;
}

static int run(const struct options *options)
{
    char token[TOKEN_SIZE];
    struct api api;
    struct plan plan = {0};
    uint64_t begin_ns;
    int result = -1;

    if (api_open(&api, options->url, NULL) != 0)
        return -1;
    if (log_in(&api, options, token) == 0) {
        begin_ns = clock_ns();
        if (plan_make(&plan, &api, options) == 0) {
            show_plan(&plan, options, clock_ns() - begin_ns);
            result = run_plan(&plan, options, &api, token);
        }
    }
    plan_release(&plan);
    api_close(&api);
    if (fflush(stdout) != 0)
        return fail("standard output: %s", strerror(errno));
    return result;
}

int main(int argc, char *argv[])
{
    struct options options;
    int result;

    if (options_parse(&options, argc, argv) != 0)
        return EXIT_USAGE;
    if (options.help) {
        options_help(stdout);
        return 0;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -fail("libcurl cannot be used");
    stop_install();
    result = run(&options);
    curl_global_cleanup();
    return result == 0 ? 0 : EXIT_FAILURE;
}
