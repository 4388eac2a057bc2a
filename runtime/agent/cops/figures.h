/* figures.h - what cops top shows: read from /debug/memstats and /debug/metrics, and how it changed. Pure. */
#ifndef COPS_FIGURES_H
#define COPS_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COPS_PAUSES 256 /* as many as memstats holds, in a ring */

struct cops_figures {
    uint64_t at_ns; /* when they came, by our clock */
    uint64_t heap, objects, total_alloc, mallocs, frees;
    uint64_t goal; /* COPS_NO_GOAL and more: none */
    uint64_t num_gc, num_forced, pause_total_ns;
    uint64_t pauses_ns[COPS_PAUSES]; /* that of cycle n at (n + 255) % 256 */
    double gc_cpu_fraction;          /* since its start */
    /* from metrics */
    uint64_t held, rss, limit, threads, procs;
    double gc_cpu_s, cpu_s;
    bool has_requests;
    uint64_t requests;
};

#define COPS_NO_GOAL ((uint64_t)INT64_MAX)

struct cops_rates {
    double seconds;
    double alloc_per_s, objects_per_s, gcs_per_s, requests_per_s;
    double gc_cpu;                                 /* the collector's share of all processors meanwhile, 0 to 1 */
    uint64_t gcs, last_pause_ns, longest_pause_ns; /* of the cycles meanwhile; 0 when there were none */
};

/* False when it is not JSON with MemStats in it. */
bool cops_figures_memstats(struct cops_figures *out, const char *body, size_t len);
/* What is not there stays as it is. Metrics whose unit is requests are the program's own; they are summed. */
void cops_figures_metrics(struct cops_figures *out, const char *body, size_t len);

/* Figures that fall, as when another program has taken the address, count as not changed. */
void cops_rates(const struct cops_figures *before, const struct cops_figures *now, struct cops_rates *out);

#endif
