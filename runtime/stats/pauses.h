/* pauses.h - how long the world was stopped, as a histogram since the start of the program.
 *
 * Go's /gc/pauses:seconds is cumulative over all cycles, while the ring and MemStats keep only the
 * newest; so each cycle adds its pause here, once. Buckets run 1-2-5 to a decade from 1 us to 10 s:
 * bounds that a person can read, at most 2.5 apart, which is finer than pauses vary. Adding is one
 * atomic increment, without a lock and without allocation: it may be done with the world stopped.
 */
#ifndef RT_STATS_PAUSES_H
#define RT_STATS_PAUSES_H

#include <stdint.h>

#define RT__PAUSE_BOUNDS 22

/* at_most[i]: cycles whose pause was no longer than rt__pauses_bound_ns(i); all: every cycle. */
struct rt__pauses {
    uint64_t at_most[RT__PAUSE_BOUNDS];
    uint64_t all;
};

/* Called once per cycle, when the world runs again, with the whole time it stood. Any thread. */
void rt__pauses_add(uint64_t pause_ns);

/* Never falls in any field between two reads; at_most rises with i and never passes all. */
void rt__pauses_read(struct rt__pauses *out);

uint64_t rt__pauses_bound_ns(unsigned i);

#endif
