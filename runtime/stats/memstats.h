/* memstats.h - from what the layers below count to the figures that Go's tools know.
 *
 * Reading and reckoning are apart. rt__figures_read gathers every raw number that a statistic is
 * made of, once, in one order; all the rest are pure functions over those numbers. The world is
 * not stopped for it, so the numbers may be of slightly different moments; rt__memstats_fill makes
 * the documented identities hold by construction whatever it is given.
 */
#ifndef RT_STATS_MEMSTATS_H
#define RT_STATS_MEMSTATS_H

#include <stdint.h>
#include "runtime/cruntime.h"
#include "runtime/gc/control.h"
#include "runtime/heap/account.h"
#include "runtime/os/os.h"
#include "runtime/stats/pauses.h"

/* What comes from the operating system's side and from the threads. */
struct rt__os_figures {
    uint64_t mapped_bytes[RT__OS_USES]; /* the runtime's own mappings, by use */
    uint64_t stacks_bytes;
    uint64_t threads;      /* registered ones */
    uint64_t record_bytes; /* counters of one thread */
    uint64_t rss_bytes;    /* 0 unless rt__figures_read was asked for it */
    uint64_t elapsed_ns;   /* since program start */
    uint64_t max_procs;
};

/* What the execution trace counted, since the program began. It stands above this folder and says so itself:
 * record.h has the words. */
struct rt__trace_figures {
    uint64_t buffer_bytes; /* mapped for events */
    uint64_t events, lost;
    uint64_t stacks_lost, sites_lost, samples_lost;
};
/* Set by the trace when it starts; NULL: nothing was counted. Atomic. */
extern void (*rt__figures_of_trace)(struct rt__trace_figures *out);

struct rt__figures {
    struct rt__gc_state gc;
    struct rt__account account;
    struct rt__held held;
    struct rt__os_figures os;
    struct rt__pauses pauses;
    struct rt__trace_figures trace;
    struct rt_memstats memstats; /* made of the above */
};

/* with_rss also reads procfs, which costs more than all the rest. */
void rt__figures_read(struct rt__figures *out, bool with_rss);

/* Pure. */
void rt__memstats_fill(struct rt_memstats *out, const struct rt__account *account, const struct rt__held *held,
                       const struct rt__gc_state *gc, const struct rt__os_figures *os);
void rt__gc_stats_fill(struct rt_gc_stats *out, const struct rt__gc_state *gc);

/* What counts toward CMEMLIMIT: all that the heaps and the runtime hold from the operating system
 * and have not given back. Thread stacks and code are not the runtime's, so they stay out. Pure. */
uint64_t rt__memstats_limited_bytes(const struct rt_memstats *ms);

#endif
