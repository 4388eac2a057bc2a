/* gctrace.c - cops gctrace: the collector's cycles as they come, a line each.
 *
 * The agent keeps the last cycles whether or not its program prints them, so nothing need be turned on in it. It is
 * asked for few of them at a time, and for all that it has when those do not reach back to the last one seen.
 */
#include "runtime/agent/cops/cops.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "runtime/agent/cops/cycles.h"
#include "runtime/agent/cops/http.h"
#include "runtime/agent/cops/options.h"

#define EVERY_NS UINT64_C(200000000)
#define FEW 64
#define ALL 4096 /* as many as the runtime keeps */

struct follower {
    struct cops_target target;
    bool in_json;
    uint64_t last;
    uint64_t left; /* lines to print */
};

static bool ask(const struct follower *f, unsigned n, struct cops_cycles *out, struct cops_error *error)
{
    char path[64];
    struct cops_text body = {0};
    *out = (struct cops_cycles){0};
    snprintf(path, sizeof path, "/debug/gctrace?format=%s&n=%u", f->in_json ? "json" : "text", n);
    bool ok = cops_http_ask(&f->target, path, NULL, COPS_PATIENCE_S, &body, error) &&
              (cops_cycles_read(body.bytes, body.len, f->in_json, out) ||
               cops_error(error, "%s: the answer is not the JSON of cycles", f->target.name));
    cops_text_free(&body);
    return ok;
}

static void print_new(struct follower *f, const struct cops_cycles *cycles)
{
    size_t first = cops_cycles_first_new(cycles, f->last);
    if (first < cycles->n && cycles->all[first].number > f->last + 1 && f->last > 0)
        fprintf(stderr, "cops: %ju cycles were too long ago\n", (uintmax_t)(cycles->all[first].number - f->last - 1));
    for (size_t i = first; i < cycles->n && f->left > 0; i++, f->left--) {
        cops_put_clean(stdout, cycles->all[i].line, strlen(cycles->all[i].line));
        putchar('\n');
        f->last = cycles->all[i].number;
    }
    fflush(stdout);
}

/* Prints what is new. */
static bool turn(struct follower *f, struct cops_error *error)
{
    struct cops_cycles cycles;
    if (!ask(f, FEW, &cycles, error))
        return false;
    if (cycles.n == FEW && cops_cycles_first_new(&cycles, f->last) == 0 && cycles.all[0].number > f->last + 1) {
        cops_cycles_free(&cycles);
        if (!ask(f, ALL, &cycles, error))
            return false;
    }
    print_new(f, &cycles);
    cops_cycles_free(&cycles);
    return true;
}

static bool begin(struct follower *f, struct cops_error *error)
{
    struct cops_cycles cycles;
    if (!ask(f, 1, &cycles, error))
        return false;
    f->last = cycles.n > 0 ? cycles.all[cycles.n - 1].number : 0;
    cops_cycles_free(&cycles);
    return true;
}

int cops_gctrace(const struct cops_options *options)
{
    struct cops_error error;
    struct follower f = {
        .in_json = options->given & COPS_OPT_JSON,
        .left = options->count ? options->count : UINT64_MAX,
    };
    uint64_t every = options->every_ns ? options->every_ns : EVERY_NS;
    bool ok = cops_target_find(options->args[0], &f.target, &error) && begin(&f, &error);
    while (ok && f.left > 0 && !ferror(stdout)) {
        struct timespec pause = {(time_t)(every / 1000000000), (long)(every % 1000000000)};
        while (nanosleep(&pause, &pause) != 0 && errno == EINTR)
            ;
        ok = turn(&f, &error);
    }
    return ok ? COPS_OK : cops_fail(&error);
}
