/* harness.h - what the parts of the benchmark harness that run things share.
 *
 * A benchmark's state is mapped from the system, not allocated: what the program measures is its own allocations, and
 * the harness must have none while a timer runs.
 */
#ifndef RT_BENCH_HARNESS_H
#define RT_BENCH_HARNESS_H

#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/harness/flags.h"
#include "bench/harness/line.h"
#include "bench/harness/match.h"
#include "bench/harness/rt_bench.h"

#define RT__BENCH_LOG_MAX (64 << 10)

struct rt_bench {
    struct rt_bench_head head; /* first: the inline functions of rt_bench.h look there */
    struct rt_bench *parent;   /* NULL for the one that runs the registered ones */
    rt_bench_fn *fn;
    void *arg;
    char name[RT__BENCH_NAME_MAX];
    unsigned procs;
    unsigned parallelism;
    /* the timer */
    bool timer_on;
    int64_t start_ns;
    int64_t ns;
    uint64_t start_allocs, start_bytes;
    uint64_t allocs, bytes_allocated;
    /* the run before */
    int64_t prev_n;
    int64_t prev_ns;
    /* what the function says of itself */
    int64_t bytes;
    bool show_allocs;
    struct rt__bench_metrics extra;
    /* how it went */
    bool loop_done;
    bool has_sub;
    bool failed; /* atomic: any thread */
    bool skipped;
    bool ended; /* by rt_bench_fatalf or rt_bench_skipf */
    pthread_t thread;
    jmp_buf end;
    pthread_mutex_t log_lock;
    size_t log_length;
    bool log_full;
    char log[RT__BENCH_LOG_MAX];
};

/* What the whole run shares; written before the first benchmark. */
struct rt__bench_run {
    struct rt__bench_flags flags;
    const char *pkg;
    struct rt__bench_pattern *bench, *skip; /* skip may be NULL */
    struct rt__bench_names *names;
    size_t name_width; /* of the column of names: grows */
    size_t suffix_width;
};
extern struct rt__bench_run rt__bench_run;

/* memory.c: zeroed pages; ends the program when there are none. */
void *rt__bench_map(size_t size);
void rt__bench_unmap(void *p, size_t size);

/* timer.c */
int64_t rt__bench_now_ns(void);
void rt__bench_clear(struct rt_bench *b); /* all that the last repetition left */
void rt__bench_run_n(struct rt_bench *b, int64_t n);
/* Runs it until it takes long enough; it has run once. */
void rt__bench_run_long(struct rt_bench *b);
void rt__bench_result(const struct rt_bench *b, struct rt__bench_result *out);

/* say.c */
void rt__bench_fail(struct rt_bench *b);
bool rt__bench_failed(const struct rt_bench *b);

/* report.c: what goes to stdout. */
void rt__bench_report_head(void);
void rt__bench_report_begin(const struct rt_bench *b); /* its name, when -v asks for it */
void rt__bench_report_wait(const struct rt_bench *b);  /* the name of the result that is to come */
void rt__bench_report_result(const struct rt_bench *b);
enum rt__bench_end { RT__BENCH_FAIL, RT__BENCH_SKIP, RT__BENCH_LOG };
void rt__bench_report_end(const struct rt_bench *b, enum rt__bench_end end, bool with_procs);

/* run.c: runs the registered ones; false when one failed. */
bool rt__bench_run_all(void);
/* Writes the names that a pattern means. */
void rt__bench_list(const struct rt__bench_pattern *pattern);

/* profiles.c. False, and one line in error, when something cannot be begun. */
bool rt__bench_profiles_start(const struct rt__bench_flags *flags, char *error, size_t error_size);
/* Writes what was asked for; once, whoever calls. False when something could not be written: said on stderr. */
bool rt__bench_profiles_stop(void);

/* timeout.c: ends the program with a panic when the run takes too long. */
void rt__bench_timeout_start(int64_t timeout_ns);
void rt__bench_timeout_stop(void);
void rt__bench_timeout_note(const char *name); /* what runs now */

#endif
