/* figures.c - the trace's counters as stats/ shows them, which must not know of this folder (see figures.h). */
#include "runtime/trace/figures.h"

#include "runtime/stats/memstats.h"
#include "runtime/trace/record.h"

static void read_figures(struct rt__trace_figures *out)
{
    struct rt__trace_counts counts;
    rt__trace_counts(&counts);
    *out = (struct rt__trace_figures){
        .buffer_bytes = rt__chunks_bytes(),
        .events = counts.events,
        .lost = counts.lost,
        .stacks_lost = counts.stacks_lost,
        .sites_lost = counts.sites_lost,
        .samples_lost = counts.samples_lost,
    };
}

void rt__trace_figures_start(void)
{
    __atomic_store_n(&rt__figures_of_trace, read_figures, __ATOMIC_RELEASE);
}
