/* line.h - a benchmark's result as text: pure. */
#ifndef RT_BENCH_LINE_H
#define RT_BENCH_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define RT__BENCH_METRICS_MAX 32
#define RT__BENCH_UNIT_MAX 48

struct rt__bench_metric {
    char unit[RT__BENCH_UNIT_MAX];
    double value;
};

/* What a benchmark reports of itself; the last value of a unit counts. */
struct rt__bench_metrics {
    size_t count;
    struct rt__bench_metric all[RT__BENCH_METRICS_MAX];
};

struct rt__bench_result {
    int64_t n;
    int64_t ns;    /* of all turns */
    int64_t bytes; /* worked on in one turn; 0: not said */
    uint64_t allocs;
    uint64_t alloc_bytes;
    struct rt__bench_metrics extra;
};

/* False when there is no room for another unit, or the unit is too long. */
bool rt__bench_metric_set(struct rt__bench_metrics *metrics, double value, const char *unit);
const struct rt__bench_metric *rt__bench_metric_find(const struct rt__bench_metrics *metrics, const char *unit);
/* Not empty, and no white space in it. */
bool rt__bench_unit_is_good(const char *unit);

/* The name as printed: with the number of processors unless that is 1. Returns as snprintf. */
int rt__bench_line_name(char *buf, size_t size, const char *name, unsigned procs);

/* N and the columns, with a leading tab each, without the name and the newline. */
void rt__bench_line_write(FILE *out, const struct rt__bench_result *r, bool with_allocs);
/* The same as the members n and metrics of a JSON object, without braces around. */
void rt__bench_json_write(FILE *out, const struct rt__bench_result *r, bool with_allocs);
/* A string of JSON, in quotes. */
void rt__bench_json_string(FILE *out, const char *text);

/* The value with 10 places before the decimal point and some four digits that count, and the unit. */
void rt__bench_line_number(FILE *out, double value, const char *unit);

/* text, padded with spaces to width characters (not bytes), and a tab. */
void rt__bench_line_pad(FILE *out, const char *text, size_t width);

/* How much of a log is printed below a result: its length, or that of the first ten lines, without the last newline. */
size_t rt__bench_log_trim(const char *log, size_t length);

#endif
