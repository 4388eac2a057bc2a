/* top.c - cops top: one process's heap, collector and threads, looked at each second.
 *
 * On a terminal a page that is drawn anew; elsewhere a line each time, so that it can be kept or read by a program.
 * An error ends it, with the terminal given back before the line that says so.
 */
#include "runtime/agent/cops/cops.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include "runtime/agent/cops/http.h"
#include "runtime/agent/cops/options.h"
#include "runtime/agent/cops/terminal.h"
#include "runtime/agent/cops/view.h"

#define EVERY_NS UINT64_C(1000000000)

/* A view that stands still for longer than this says that the program does not answer. */
#define PATIENCE_S 5

struct top {
    struct cops_target target;
    bool in_json, on_terminal;
    uint64_t every_ns, left;
    struct cops_figures before, now;
    struct cops_rates rates;
    bool has_rates;
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool read_figures(const struct top *top, struct cops_figures *out, struct cops_error *error)
{
    struct cops_text memstats = {0}, metrics = {0};
    *out = (struct cops_figures){0};
    bool ok = cops_http_ask(&top->target, "/debug/memstats", NULL, PATIENCE_S, &memstats, error) &&
              (cops_figures_memstats(out, memstats.bytes, memstats.len) ||
               cops_error(error, "%s: the answer is not MemStats", top->target.name));
    out->at_ns = now_ns();
    ok = ok && cops_http_ask(&top->target, "/debug/metrics", NULL, PATIENCE_S, &metrics, error);
    if (ok)
        cops_figures_metrics(out, metrics.bytes, metrics.len);
    cops_text_free(&memstats);
    cops_text_free(&metrics);
    return ok;
}

static void draw(const struct top *top)
{
    int columns, rows;
    cops_terminal_size(&columns, &rows);
    cops_view_draw(stdout, top->target.name, &top->now, top->has_rates ? &top->rates : NULL, columns, rows);
    fflush(stdout);
}

/* Waits until the time has come; false when the user has seen enough. */
static bool wait_on_terminal(const struct top *top, uint64_t until)
{
    for (uint64_t now; (now = now_ns()) < until;) {
        char key;
        switch (cops_terminal_wait(until - now, &key)) {
        case COPS_KEY:
            if (key == 'q' || key == 'Q')
                return false;
            break;
        case COPS_RESIZED:
            draw(top);
            break;
        case COPS_GONE:
            return false;
        case COPS_TIME:
            break;
        }
    }
    return true;
}

static bool wait_until(const struct top *top, uint64_t until)
{
    if (top->on_terminal)
        return wait_on_terminal(top, until);
    struct timespec t = {(time_t)(until / 1000000000), (long)(until % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
    return true;
}

static void show(struct top *top)
{
    if (top->on_terminal)
        draw(top);
    else if (top->in_json)
        cops_view_json(stdout, &top->now, &top->rates);
    else
        cops_view_line(stdout, &top->now, &top->rates);
    fflush(stdout);
    top->left--;
}

static bool run(struct top *top, struct cops_error *error)
{
    if (!read_figures(top, &top->now, error))
        return false;
    top->on_terminal = !top->in_json && cops_terminal_open();
    if (top->on_terminal)
        draw(top);
    else if (!top->in_json)
        cops_view_header(stdout, &top->now);
    uint64_t next = now_ns();
    while (top->left > 0 && !ferror(stdout)) {
        /* After a program that took its time not all that was missed at once. */
        next = next + top->every_ns > now_ns() ? next + top->every_ns : now_ns() + top->every_ns;
        if (!wait_until(top, next))
            return true;
        top->before = top->now;
        if (!read_figures(top, &top->now, error))
            return false;
        cops_rates(&top->before, &top->now, &top->rates);
        top->has_rates = true;
        show(top);
    }
    return true;
}

int cops_top(const struct cops_options *options)
{
    struct cops_error error;
    struct top top = {
        .in_json = options->given & COPS_OPT_JSON,
        .every_ns = options->every_ns ? options->every_ns : EVERY_NS,
        .left = options->count ? options->count : UINT64_MAX,
    };
    bool ok = cops_target_find(options->args[0], &top.target, &error) && run(&top, &error);
    cops_terminal_close();
    return ok ? COPS_OK : cops_fail(&error);
}
