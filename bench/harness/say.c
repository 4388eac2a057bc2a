/* say.c - what a benchmark says of itself: metrics, logs, failures.
 *
 * The log is kept in the benchmark's own pages until its result is printed, as `go test` does, with the file and line
 * of each message. What does not fit is left out, and the log says so.
 */
#include "bench/harness/harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "runtime/cruntime.h"

#define INDENT "    "
static const char cut[] = INDENT "... [log full]\n";

const char *rt_bench_name_of(const struct rt_bench *b)
{
    return b->name;
}

void *rt_bench_arg(const struct rt_bench *b)
{
    return b->arg;
}

void rt_bench_set_bytes(struct rt_bench *b, int64_t bytes_per_op)
{
    b->bytes = bytes_per_op;
}

void rt_bench_report_allocs(struct rt_bench *b)
{
    b->show_allocs = true;
}

void rt_bench_report_metric(struct rt_bench *b, double value, const char *unit)
{
    if (!rt__bench_unit_is_good(unit)) {
        rt_panic("%s: the unit \"%s\" is empty or has white space in it", b->name, unit);
    }
    if (!rt__bench_metric_set(&b->extra, value, unit)) {
        rt_panic("%s: the unit \"%s\" is longer than %d bytes, or the metric after the %dth", b->name, unit,
                 RT__BENCH_UNIT_MAX - 1, RT__BENCH_METRICS_MAX);
    }
}

/* Of the ones that it is a part of, too. */
void rt__bench_fail(struct rt_bench *b)
{
    for (; b; b = b->parent) {
        __atomic_store_n(&b->failed, true, __ATOMIC_RELAXED);
    }
}

bool rt__bench_failed(const struct rt_bench *b)
{
    return __atomic_load_n(&b->failed, __ATOMIC_RELAXED);
}

/* False when the log is full: the last of its room is kept for saying so. */
static bool append(struct rt_bench *b, const char *text, size_t length)
{
    size_t room = RT__BENCH_LOG_MAX - sizeof(cut) - b->log_length;
    if (length > room) {
        return false;
    }
    memcpy(b->log + b->log_length, text, length);
    b->log_length += length;
    return true;
}

/* Lines after the first are set in further, as in Go. */
static bool append_lines(struct rt_bench *b, const char *text)
{
    bool fits = true;
    while (fits) {
        size_t length = strcspn(text, "\n");
        fits = append(b, text, length) && append(b, "\n", 1);
        text += length;
        if (text[0] == '\0' || text[1] == '\0') {
            break;
        }
        text++;
        fits = fits && append(b, INDENT INDENT, 2 * strlen(INDENT));
    }
    return fits;
}

static void say(struct rt_bench *b, const char *file, int line, const char *fmt, va_list args)
{
    char place[128], message[4096];
    const char *slash = strrchr(file, '/');
    int length = snprintf(place, sizeof(place), INDENT "%.90s:%d: ", slash ? slash + 1 : file, line);
    vsnprintf(message, sizeof(message), fmt, args);
    pthread_mutex_lock(&b->log_lock);
    size_t before = b->log_length;
    if (!b->log_full && !(append(b, place, (size_t)length) && append_lines(b, message))) {
        b->log_full = true;
        memcpy(b->log + before, cut, strlen(cut)); /* room that append leaves alone */
        b->log_length = before + strlen(cut);
    }
    pthread_mutex_unlock(&b->log_lock);
}

static void end(struct rt_bench *b, const char *what) __attribute__((noreturn));
static void end(struct rt_bench *b, const char *what)
{
    if (!pthread_equal(b->thread, pthread_self())) {
        rt_panic("%s: %s called by another thread than the benchmark's; rt_bench_errorf is for all", b->name, what);
    }
    b->ended = true;
    longjmp(b->end, 1);
}

void rt__bench_logf(struct rt_bench *b, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(b, file, line, fmt, args);
    va_end(args);
}

void rt__bench_errorf(struct rt_bench *b, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(b, file, line, fmt, args);
    va_end(args);
    rt__bench_fail(b);
}

void rt__bench_fatalf(struct rt_bench *b, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(b, file, line, fmt, args);
    va_end(args);
    rt__bench_fail(b);
    end(b, "rt_bench_fatalf");
}

void rt__bench_skipf(struct rt_bench *b, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(b, file, line, fmt, args);
    va_end(args);
    b->skipped = true;
    end(b, "rt_bench_skipf");
}
