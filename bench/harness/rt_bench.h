/* rt_bench.h - benchmarks as Go's testing package runs them, for C programs on cruntime.
 *
 * A benchmark is a function that does its work rt_bench_n(b) times. The harness calls it with growing N until it
 * takes -benchtime, and prints the lines that benchstat reads, as `go test -bench` does (testing/benchmark.go). B/op
 * and allocs/op come from the runtime's own counters (rt_read_memstats), so they are exact, of all threads, and count
 * malloc as well as rt_alloc.
 *
 *     RT_BENCHMARK(Strlen)
 *     {
 *         for (int64_t i = 0; i < rt_bench_n(b); i++)
 *             rt_bench_keep(strlen("benchmark"));
 *     }
 *     int main(int argc, char **argv) { return rt_bench_main(argc, argv, "example/strlen"); }
 *
 * Link with libcrbench.a and cruntime (-lcrbench before -lcruntime). Nothing runs without -bench: -bench=. is all of
 * them. Flags are go test's, each also with `-test.` before its name: -bench -run -skip -benchtime -count -cpu
 * -benchmem -cpuprofile -memprofile -memprofilerate -blockprofile -blockprofilerate -mutexprofile
 * -mutexprofilefraction -trace -outputdir -timeout -failfast -v -list; and ours -json. -help says more. A benchmark
 * runs in the main thread. Functions that take b belong to that thread; what other threads may call says so.
 *
 * What differs from Go:
 *   - Regular expressions are POSIX extended ones (with GNU's \w \W \s \S \b \B \< \>), not RE2; what RE2 has and they
 *     have not, such as \d and (?i), is refused rather than taken for something else. -bench is split at each `/`
 *     into one expression a level, and at each `|` outside of brackets, as Go does.
 *   - -run chooses among tests, of which there are none: it is accepted, and matches nothing.
 *   - -cpu changes the suffix of the name and the threads of rt_bench_run_parallel, not CMAXPROCS.
 *   - rt_bench_run_parallel makes its threads while the timer stands still: a thread costs what fifty goroutines do.
 *   - -failfast and -timeout are for benchmarks here; in Go, for tests alone.
 *   - -json prints one object a result and nothing else: {"goos":"linux","goarch":"amd64","pkg":"example/strlen",
 *     "cpu":"…","name":"BenchmarkStrlen-2","procs":2,"n":1000000,"metrics":{"ns/op":4.1}}, with "failed":true or
 *     "skipped":true and "log" in place of n and metrics where there is no result; "log" also beside them.
 */
#ifndef RT_BENCH_H
#define RT_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rt_bench;          /* testing.B */
struct rt_bench_parallel; /* testing.PB: one a thread of rt_bench_run_parallel */

typedef void rt_bench_fn(struct rt_bench *b);

/* What struct rt_bench begins with, so that a turn of a benchmark's loop costs no call. Not to be written by others. */
struct rt_bench_head {
    int64_t n;          /* rt_bench_n */
    uint64_t loop_i;    /* turns of rt_bench_loop begun; its top bit: the timer stands, to be looked into */
    uint64_t loop_goal; /* … and how many there are to be, as far as is known yet */
};

/* RT_BENCHMARK - defines and registers BenchmarkNAME, before main. They run in order of file and line within one
 * object, and of linking between objects. */
#define RT_BENCHMARK(NAME)                                                                                             \
    static void rt_benchmark_##NAME(struct rt_bench *b);                                                               \
    __attribute__((constructor)) static void rt_benchmark_register_##NAME(void)                                        \
    {                                                                                                                  \
        rt_bench_register(#NAME, rt_benchmark_##NAME);                                                                 \
    }                                                                                                                  \
    static void rt_benchmark_##NAME(struct rt_bench *b)

/* name is kept, not copied. */
void rt_bench_register(const char *name, rt_bench_fn *fn);

/* rt_bench_main - runs the registered benchmarks as the flags say and returns the exit status: 0, 1 when one failed,
 * 2 for a bad flag. pkg: what stands after "pkg: ". */
int rt_bench_main(int argc, char **argv, const char *pkg);

/* rt_bench_config - one more line `key: value` at the head of the output, for benchstat to group by (-filter, -col).
 * Before rt_bench_main; at most 16; the strings are kept, not copied. */
void rt_bench_config(const char *key, const char *value);

/* ---- within a benchmark ---- */

/* b.N */
static inline int64_t rt_bench_n(const struct rt_bench *b)
{
    return ((const struct rt_bench_head *)b)->n;
}

bool rt__bench_loop_slow(struct rt_bench *b);
/* b.Loop: while (rt_bench_loop(b)) … runs the body N times in one call of the function; set-up before it and clean-up
 * after it are not timed. Not together with rt_bench_n, which is 0 in the body and N after it. What the body computes
 * must still be kept (rt_bench_keep). */
static inline bool rt_bench_loop(struct rt_bench *b)
{
    struct rt_bench_head *head = (struct rt_bench_head *)b;
    if (head->loop_i < head->loop_goal) {
        head->loop_i++;
        return true;
    }
    return rt__bench_loop_slow(b);
}
/* b.ResetTimer, b.StartTimer, b.StopTimer: time and allocations alike. */
void rt_bench_reset_timer(struct rt_bench *b);
void rt_bench_start_timer(struct rt_bench *b);
void rt_bench_stop_timer(struct rt_bench *b);
/* b.Elapsed, in ns. */
int64_t rt_bench_elapsed_ns(const struct rt_bench *b);
/* b.ReportAllocs: B/op and allocs/op without -benchmem. */
void rt_bench_report_allocs(struct rt_bench *b);
/* b.SetBytes: MB/s. */
void rt_bench_set_bytes(struct rt_bench *b, int64_t bytes_per_op);
/* b.ReportMetric: one more column, or, for ns/op, MB/s, B/op and allocs/op, another value. unit has no spaces. */
void rt_bench_report_metric(struct rt_bench *b, double value, const char *unit);
/* b.Run: a sub-benchmark b/name, run at once when -bench names it. False when it failed. The benchmark that calls it is
 * itself not measured. arg is rt_bench_arg's in it, and rt_bench_name_of(b) its whole name. */
bool rt_bench_run(struct rt_bench *b, const char *name, rt_bench_fn *fn, void *arg);
void *rt_bench_arg(const struct rt_bench *b);
const char *rt_bench_name_of(const struct rt_bench *b);
/* b.Fatalf and b.Skipf: end the benchmark here, by longjmp: only from the thread and the functions that it runs in.
 * b.Errorf, b.Logf: any thread that b's function waits for. Messages carry the place of the call, as Go's do, and are
 * printed below the result; of all in one run, the first 64 KiB. */
#define rt_bench_fatalf(b, ...) rt__bench_fatalf((b), __FILE__, __LINE__, __VA_ARGS__)
#define rt_bench_skipf(b, ...) rt__bench_skipf((b), __FILE__, __LINE__, __VA_ARGS__)
#define rt_bench_errorf(b, ...) rt__bench_errorf((b), __FILE__, __LINE__, __VA_ARGS__)
#define rt_bench_logf(b, ...) rt__bench_logf((b), __FILE__, __LINE__, __VA_ARGS__)

void rt__bench_fatalf(struct rt_bench *b, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5), noreturn));
void rt__bench_skipf(struct rt_bench *b, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5), noreturn));
void rt__bench_errorf(struct rt_bench *b, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void rt__bench_logf(struct rt_bench *b, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- many threads ---- */

/* b.RunParallel: calls body in as many threads as -cpu says (times b.SetParallelism), which share N between them:
 * while (rt_bench_next(pb)) … */
void rt_bench_run_parallel(struct rt_bench *b, void (*body)(struct rt_bench_parallel *pb, void *arg), void *arg);
bool rt_bench_next(struct rt_bench_parallel *pb); /* of the calling thread */
void rt_bench_set_parallelism(struct rt_bench *b, int times);

/* rt_bench_keep - the compiler must take x for used, and memory for read and written. x is a number or a pointer. "x"
 * lets a floating-point number stay where it is; "X", which takes any operand, lets GCC leave out the work as well. */
#if defined(__x86_64__) || defined(__i386__)
#define rt_bench_keep(x) __asm__ volatile("" : : "gx"(x) : "memory")
#else
#define rt_bench_keep(x) __asm__ volatile("" : : "g"(x) : "memory")
#endif

#ifdef __cplusplus
}
#endif

#endif
