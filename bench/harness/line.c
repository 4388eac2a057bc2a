/* line.c - a benchmark's result as the line that benchstat reads, to the byte as Go's testing package prints it.
 *
 * Pure: a result and a stream to write to, nothing else. Whole numbers per operation are rounded down, as in Go, so 0
 * allocs/op may be one allocation in a thousand turns. Must never print a line that benchstat takes for another.
 */
#include "bench/harness/line.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Longer logs are cut below a result: it is printed once a run, and there may be many. */
#define LOG_LINES_MAX 10

static const char *const own_units[] = {"ns/op", "MB/s", "B/op", "allocs/op"};

bool rt__bench_unit_is_good(const char *unit)
{
    return unit[0] != '\0' && unit[strcspn(unit, " \t\n\v\f\r")] == '\0';
}

const struct rt__bench_metric *rt__bench_metric_find(const struct rt__bench_metrics *metrics, const char *unit)
{
    for (size_t i = 0; i < metrics->count; i++) {
        if (strcmp(metrics->all[i].unit, unit) == 0) {
            return &metrics->all[i];
        }
    }
    return NULL;
}

/* Kept sorted by unit, the order they are printed in. */
bool rt__bench_metric_set(struct rt__bench_metrics *metrics, double value, const char *unit)
{
    size_t at = 0;
    if (strlen(unit) >= RT__BENCH_UNIT_MAX) {
        return false;
    }
    while (at < metrics->count && strcmp(metrics->all[at].unit, unit) < 0) {
        at++;
    }
    if (at == metrics->count || strcmp(metrics->all[at].unit, unit) != 0) {
        if (metrics->count == RT__BENCH_METRICS_MAX) {
            return false;
        }
        memmove(&metrics->all[at + 1], &metrics->all[at], (metrics->count - at) * sizeof(metrics->all[0]));
        metrics->count++;
        strcpy(metrics->all[at].unit, unit);
    }
    metrics->all[at].value = value;
    return true;
}

static bool is_own(const char *unit)
{
    for (size_t i = 0; i < sizeof(own_units) / sizeof(own_units[0]); i++) {
        if (strcmp(own_units[i], unit) == 0) {
            return true;
        }
    }
    return false;
}

static double ns_per_op(const struct rt__bench_result *r)
{
    const struct rt__bench_metric *given = rt__bench_metric_find(&r->extra, "ns/op");
    if (given) {
        return given->value;
    }
    return r->n > 0 ? (double)r->ns / (double)r->n : 0;
}

static double mb_per_s(const struct rt__bench_result *r)
{
    const struct rt__bench_metric *given = rt__bench_metric_find(&r->extra, "MB/s");
    if (given) {
        return given->value;
    }
    if (r->bytes <= 0 || r->ns <= 0 || r->n <= 0) {
        return 0;
    }
    return (double)r->bytes * (double)r->n / 1e6 / ((double)r->ns / 1e9);
}

static int64_t whole_per_op(const struct rt__bench_result *r, const char *unit, uint64_t total)
{
    const struct rt__bench_metric *given = rt__bench_metric_find(&r->extra, unit);
    if (given) {
        return isfinite(given->value) ? (int64_t)given->value : 0;
    }
    return r->n > 0 ? (int64_t)total / r->n : 0;
}

int rt__bench_line_name(char *buf, size_t size, const char *name, unsigned procs)
{
    return procs == 1 ? snprintf(buf, size, "%s", name) : snprintf(buf, size, "%s-%u", name, procs);
}

void rt__bench_line_number(FILE *out, double value, const char *unit)
{
    /* Half a unit of the last digit below a power of ten, so that no number is rounded up into one digit more. */
    static const double least[] = {999.95, 99.995, 9.9995, 0.99995, 0.099995, 0.0099995, 0.00099995};
    double size = value < 0 ? -value : value;
    int decimals = 0;
    if (size != 0) {
        while (decimals < 7 && !(size >= least[decimals])) {
            decimals++;
        }
    }
    if (!isfinite(value)) { /* Go's words for these */
        fprintf(out, "%*s %s", isnan(value) ? 18 : 10, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf", unit);
        return;
    }
    /* The decimal points stand below one another; without one, its place goes as well. */
    fprintf(out, "%*.*f %s", decimals == 0 ? 10 : 11 + decimals, decimals, value, unit);
}

void rt__bench_line_write(FILE *out, const struct rt__bench_result *r, bool with_allocs)
{
    fprintf(out, "%8" PRId64, r->n);
    double ns = ns_per_op(r), mbs = mb_per_s(r);
    if (ns != 0) {
        fputc('\t', out);
        rt__bench_line_number(out, ns, "ns/op");
    }
    if (mbs != 0) {
        fprintf(out, "\t%7.2f MB/s", mbs);
    }
    for (size_t i = 0; i < r->extra.count; i++) {
        if (!is_own(r->extra.all[i].unit)) {
            fputc('\t', out);
            rt__bench_line_number(out, r->extra.all[i].value, r->extra.all[i].unit);
        }
    }
    if (with_allocs) {
        fprintf(out, "\t%8" PRId64 " B/op\t%8" PRId64 " allocs/op", whole_per_op(r, "B/op", r->alloc_bytes),
                whole_per_op(r, "allocs/op", r->allocs));
    }
}

void rt__bench_json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\') {
            fprintf(out, "\\%c", *c);
        } else if (*c < 0x20) {
            fprintf(out, "\\u%04x", *c);
        } else {
            fputc(*c, out);
        }
    }
    fputc('"', out);
}

/* JSON has no word for what is no number. */
static void json_member(FILE *out, const char *unit, double value, bool *is_first)
{
    fputs(*is_first ? "" : ",", out);
    *is_first = false;
    rt__bench_json_string(out, unit);
    if (isfinite(value)) {
        fprintf(out, ":%.10g", value);
    } else {
        fputs(":null", out);
    }
}

void rt__bench_json_write(FILE *out, const struct rt__bench_result *r, bool with_allocs)
{
    bool is_first = true;
    fprintf(out, "\"n\":%" PRId64 ",\"metrics\":{", r->n);
    double ns = ns_per_op(r), mbs = mb_per_s(r);
    if (ns != 0) {
        json_member(out, "ns/op", ns, &is_first);
    }
    if (mbs != 0) {
        json_member(out, "MB/s", mbs, &is_first);
    }
    for (size_t i = 0; i < r->extra.count; i++) {
        if (!is_own(r->extra.all[i].unit)) {
            json_member(out, r->extra.all[i].unit, r->extra.all[i].value, &is_first);
        }
    }
    if (with_allocs) {
        json_member(out, "B/op", (double)whole_per_op(r, "B/op", r->alloc_bytes), &is_first);
        json_member(out, "allocs/op", (double)whole_per_op(r, "allocs/op", r->allocs), &is_first);
    }
    fputc('}', out);
}

void rt__bench_line_pad(FILE *out, const char *text, size_t width)
{
    size_t characters = 0;
    for (const char *c = text; *c; c++) {
        characters += ((unsigned char)*c & 0xc0) != 0x80; /* not within a character of UTF-8 */
    }
    fprintf(out, "%s%*s\t", text, characters < width ? (int)(width - characters) : 0, "");
}

size_t rt__bench_log_trim(const char *log, size_t length)
{
    unsigned lines = 0;
    for (size_t i = 0; i < length; i++) {
        if (log[i] == '\n' && ++lines == LOG_LINES_MAX) {
            return i;
        }
    }
    return length;
}
