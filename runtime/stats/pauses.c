/* pauses.c - the histogram of pauses (see pauses.h).
 *
 * A count per bucket, not per bound: a pause touches one word, and the sums that a reader makes of
 * one pass over the words are consistent in themselves whatever is added meanwhile.
 */
#include "runtime/stats/pauses.h"

static const uint64_t bounds_ns[RT__PAUSE_BOUNDS] = {
    1000,      2000,      5000,       10000,      20000,      50000,       100000,   200000,
    500000,    1000000,   2000000,    5000000,    10000000,   20000000,    50000000, 100000000,
    200000000, 500000000, 1000000000, 2000000000, 5000000000, 10000000000,
};
static uint64_t counts[RT__PAUSE_BOUNDS + 1]; /* atomic; the last: longer than any bound */

void rt__pauses_add(uint64_t pause_ns)
{
    unsigned i = 0;
    while (i < RT__PAUSE_BOUNDS && pause_ns > bounds_ns[i])
        i++;
    __atomic_fetch_add(&counts[i], 1, __ATOMIC_RELAXED);
}

void rt__pauses_read(struct rt__pauses *out)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < RT__PAUSE_BOUNDS; i++) {
        sum += __atomic_load_n(&counts[i], __ATOMIC_RELAXED);
        out->at_most[i] = sum;
    }
    out->all = sum + __atomic_load_n(&counts[RT__PAUSE_BOUNDS], __ATOMIC_RELAXED);
}

uint64_t rt__pauses_bound_ns(unsigned i)
{
    return bounds_ns[i];
}
