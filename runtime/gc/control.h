/* control.h - the collector's running state, as the statistics and knobs see it. */
#ifndef RT_GC_CONTROL_H
#define RT_GC_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

struct rt__gc_state {
    uint64_t cycles, forced_cycles;
    uint64_t last_end_unix_ns;
    uint64_t pause_total_ns;
    uint64_t pause_ns[256], pause_end_unix_ns[256];
    uint64_t goal_bytes; /* UINT64_MAX when there is none */
    uint64_t live_bytes; /* found by the last cycle */
    uint64_t heap_bytes; /* the pacer's heap now */
    uint64_t globals_bytes, stacks_bytes;
    uint64_t gc_cpu_ns; /* assist + background + stop, cumulative */
    double gc_cpu_fraction;
    bool limiter_on;
    uint64_t limiter_refusals;
    uint64_t scavenged_background_bytes, scavenged_eager_bytes;
    int32_t gc_percent;
    int64_t memory_limit_bytes;
};
/* One consistent copy; does not wait for a running cycle. */
void rt__gc_state_read(struct rt__gc_state *out);

#endif
