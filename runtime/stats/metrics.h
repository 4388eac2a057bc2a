/* metrics.h - the table of metrics (metrics.def), as data.
 *
 * Names are Go's runtime/metrics (path, colon, unit); what Go has no name for begins with
 * /cruntime/. A metric that cannot be known here is absent, never a made-up 0.
 */
#ifndef RT_STATS_METRICS_H
#define RT_STATS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "runtime/stats/memstats.h"

enum rt__metric_kind { RT__METRIC_U64, RT__METRIC_F64, RT__METRIC_HISTOGRAM };

struct rt__metric {
    const char *name;
    enum rt__metric_kind kind;
    bool cumulative; /* never falls: a rate of it makes sense */
    const char *help;
    union { /* by kind */
        uint64_t (*u64)(const struct rt__figures *f);
        double (*f64)(const struct rt__figures *f);
        const struct rt__pauses *(*histogram)(const struct rt__figures *f);
    } get;
};

/* Sorted by name; *n is set to how many there are. */
const struct rt__metric *rt__metrics_table(size_t *n);

/* `name value` a line; histograms `name{le="seconds"} count`, cumulative, the last le="+Inf". Pure. */
void rt__metrics_write_figures(FILE *out, const struct rt__figures *f);

/* `name`, tab, `counter` or `gauge`, tab, help: a line each. */
void rt__metrics_write_help(FILE *out);

#endif
