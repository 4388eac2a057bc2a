/* timer.c - one run of a benchmark's function: its N, its clock and its allocations.
 *
 * The counters are the runtime's own (rt_read_memstats), of all threads; reading them takes microseconds, so it is done
 * before the clock is read at the start and after it at the end. Nothing here allocates.
 */
#include "bench/harness/harness.h"

#include <string.h>
#include <time.h>
#include "bench/harness/n.h"
#include "runtime/cruntime.h"

/* In loop_i: no count of turns comes near. */
#define TIMER_STOOD (UINT64_C(1) << 63)

/* Of the thread that runs benchmarks; too big for a stack that may be small. */
static struct rt_memstats stats;

int64_t rt__bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void begin(struct rt_bench *b)
{
    rt_read_memstats(&stats);
    b->start_allocs = stats.Mallocs;
    b->start_bytes = stats.TotalAlloc;
    b->start_ns = rt__bench_now_ns();
}

void rt_bench_start_timer(struct rt_bench *b)
{
    if (!b->timer_on) {
        b->timer_on = true;
        b->head.loop_i &= ~TIMER_STOOD;
        begin(b);
    }
}

void rt_bench_stop_timer(struct rt_bench *b)
{
    if (b->timer_on) {
        b->ns += rt__bench_now_ns() - b->start_ns;
        rt_read_memstats(&stats);
        b->allocs += stats.Mallocs - b->start_allocs;
        b->bytes_allocated += stats.TotalAlloc - b->start_bytes;
        b->timer_on = false;
        b->head.loop_i |= TIMER_STOOD;
    }
}

void rt_bench_reset_timer(struct rt_bench *b)
{
    b->extra.count = 0;
    b->ns = 0;
    b->allocs = b->bytes_allocated = 0;
    if (b->timer_on) {
        begin(b);
    }
}

int64_t rt_bench_elapsed_ns(const struct rt_bench *b)
{
    return b->ns + (b->timer_on ? rt__bench_now_ns() - b->start_ns : 0);
}

void rt__bench_clear(struct rt_bench *b)
{
    b->bytes = 0;
    b->prev_n = b->prev_ns = 0;
    b->show_allocs = b->failed = b->skipped = b->ended = b->log_full = false;
    b->log_length = 0;
}

void rt__bench_run_n(struct rt_bench *b, int64_t n)
{
    rt_gc(); /* what the last run left is not this one's */
    b->head.n = n;
    b->head.loop_i = b->head.loop_goal = 0;
    b->loop_done = false;
    b->parallelism = 1;
    b->thread = pthread_self();
    rt_bench_reset_timer(b);
    if (setjmp(b->end) == 0) {
        rt_bench_start_timer(b);
        b->fn(b);
    }
    rt_bench_stop_timer(b);
    b->prev_n = n;
    b->prev_ns = b->ns;
    if (b->head.loop_goal > 0 && !b->loop_done && !rt__bench_failed(b) && !b->ended) {
        rt_bench_errorf(b, "the function returned before rt_bench_loop() was false (a break or return in the loop?)");
    }
}

void rt__bench_run_long(struct rt_bench *b)
{
    const struct rt__bench_flags *flags = &rt__bench_run.flags;
    if (b->head.loop_goal > 0) { /* rt_bench_loop has taken all the time there is already */
        return;
    }
    if (flags->times > 0) {
        if (flags->times > 1) {
            rt__bench_run_n(b, flags->times);
        }
        return;
    }
    for (int64_t n = 1; !rt__bench_failed(b) && !b->ended && b->ns < flags->time_ns && n < RT__BENCH_N_MAX;) {
        n = rt__bench_predict(flags->time_ns, b->head.n, b->ns, n);
        rt__bench_run_n(b, n);
    }
}

/* More turns, after as many as were asked for. False: enough. */
static bool loop_further(struct rt_bench *b)
{
    const struct rt__bench_flags *flags = &rt__bench_run.flags;
    int64_t ns = rt_bench_elapsed_ns(b), turns = (int64_t)b->head.loop_goal;
    if (flags->times > 0 || ns >= flags->time_ns) {
        return false;
    }
    b->head.loop_goal = (uint64_t)rt__bench_predict(flags->time_ns, turns, ns, turns);
    return b->head.loop_goal > (uint64_t)turns;
}

bool rt__bench_loop_slow(struct rt_bench *b)
{
    if (!b->timer_on) {
        rt_bench_fatalf(b, "rt_bench_loop called while the timer stands");
    }
    if (b->head.loop_goal == 0) {
        b->head.loop_goal = rt__bench_run.flags.times > 0 ? (uint64_t)rt__bench_run.flags.times : 1;
        b->head.n = 0;
        rt_bench_reset_timer(b);
    } else if (!loop_further(b)) {
        rt_bench_stop_timer(b);
        b->head.n = (int64_t)b->head.loop_goal;
        b->loop_done = true;
        return false;
    }
    b->head.loop_i++;
    return true;
}

void rt__bench_result(const struct rt_bench *b, struct rt__bench_result *out)
{
    out->n = b->head.n;
    out->ns = b->ns;
    out->bytes = b->bytes;
    out->allocs = b->allocs;
    out->alloc_bytes = b->bytes_allocated;
    out->extra = b->extra;
}
