/* n.h - how many times a benchmark's body is to run next: pure. */
#ifndef RT_BENCH_N_H
#define RT_BENCH_N_H

#include <stdint.h>

/* More is never asked for; a body that takes less than a nanosecond has been optimised away. */
#define RT__BENCH_N_MAX 1000000000

/* The next N, when `prev` turns took prev_ns and are to take goal_ns; `last` is the N asked for last. */
int64_t rt__bench_predict(int64_t goal_ns, int64_t prev, int64_t prev_ns, int64_t last);

/* How many turns a thread of rt_bench_run_parallel takes at once, when prev turns took prev_ns. */
uint64_t rt__bench_grain(int64_t prev, int64_t prev_ns);

#endif
