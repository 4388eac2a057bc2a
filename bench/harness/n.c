/* n.c - how many times a benchmark's body is to run next, as Go's testing package reckons (benchmark.go, predictN).
 *
 * Pure: what is known of the last run goes in, the next N comes out. It must always grow, or the harness would never
 * end, and never jump by more than a hundred, as the first runs are too short to be trusted.
 */
#include "bench/harness/n.h"

#define GROWTH_MAX 100
/* A thread that takes 100 us of work at once hardly meets the others at the counter, and leaves them enough. */
#define GRAIN_NS 100000
/* A body takes 10 ns at least, so this is 100 us of it. */
#define GRAIN_MAX 10000

int64_t rt__bench_predict(int64_t goal_ns, int64_t prev, int64_t prev_ns, int64_t last)
{
    /* Multiplied first: a body of a nanosecond or two would lose most of its digits. */
    __int128 n = (__int128)goal_ns * prev / (prev_ns > 0 ? prev_ns : 1);
    n += n / 5;
    if (n > (__int128)last * GROWTH_MAX) {
        n = (__int128)last * GROWTH_MAX;
    }
    if (n < (__int128)last + 1) {
        n = (__int128)last + 1;
    }
    if (n > RT__BENCH_N_MAX) {
        n = RT__BENCH_N_MAX;
    }
    return (int64_t)n;
}

uint64_t rt__bench_grain(int64_t prev, int64_t prev_ns)
{
    __int128 grain = 0;
    if (prev > 0 && prev_ns > 0) {
        grain = (__int128)GRAIN_NS * prev / prev_ns;
    }
    return grain < 1 ? 1 : grain > GRAIN_MAX ? GRAIN_MAX : (uint64_t)grain;
}
