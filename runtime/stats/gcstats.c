/* gcstats.c - Go's debug.ReadGCStats: the newest pauses, newest first.
 *
 * The collector keeps its pauses as MemStats shows them, in a circle whose newest entry is at
 * (cycles + 255) % 256; a reader of GCStats wants them in order of age. Never waits for a cycle.
 */
#include "runtime/stats/memstats.h"

#include <string.h>

#define KEPT 256u

void rt__gc_stats_fill(struct rt_gc_stats *out, const struct rt__gc_state *gc)
{
    memset(out, 0, sizeof *out);
    out->last_gc_unix_ns = gc->last_end_unix_ns;
    out->num_gc = gc->cycles;
    out->pause_total_ns = gc->pause_total_ns;
    out->n = gc->cycles < KEPT ? (uint32_t)gc->cycles : KEPT;
    for (uint32_t age = 0; age < out->n; age++) {
        uint64_t i = (gc->cycles - 1 - age) % KEPT;
        out->pause_ns[age] = gc->pause_ns[i];
        out->pause_end_unix_ns[age] = gc->pause_end_unix_ns[i];
    }
}

void rt_read_gc_stats(struct rt_gc_stats *out)
{
    struct rt__gc_state gc;
    rt__gc_state_read(&gc);
    rt__gc_stats_fill(out, &gc);
}
