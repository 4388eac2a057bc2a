/* histogram.h - durations, counted in slots that are as fine as the duration is short.
 *
 * Slots are linear within a power of two and double in width from one power to the next (Gil Tene's
 * HdrHistogram): a value is known to one part in 1024, so to three significant digits, from 1 ns to
 * 64 s in a fixed 216 KiB, and recording is a shift and an addition. One thread writes a histogram;
 * those of several threads are added up when they have ended.
 */
#ifndef BENCH_LOAD_HISTOGRAM_H
#define BENCH_LOAD_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SLOTS 27648
#define HISTOGRAM_MOST_NS ((UINT64_C(1) << 36) - 1) /* 68.7 s; what is longer counts as that */

struct histogram {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t least_ns;    /* exact; meaningless while count is 0 */
    uint64_t greatest_ns; /* exact */
    uint64_t slots[HISTOGRAM_SLOTS];
};

/* All start as zeroed memory. */
void histogram_record(struct histogram *h, uint64_t value_ns);
void histogram_add(struct histogram *h, const struct histogram *other);

/* histogram_percentile - the duration that percent of the recorded ones do not exceed; 0 when there
 * are none. */
uint64_t histogram_percentile(const struct histogram *h, double percent);

/* histogram_up_to - how many are not longer than limit_ns. */
uint64_t histogram_up_to(const struct histogram *h, uint64_t limit_ns);

#endif
