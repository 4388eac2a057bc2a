/* metrics.c - the metrics as text (see metrics.h).
 *
 * Everything is made from metrics.def: one getter a metric, one table, one writer. All values of
 * one page come from one set of figures, so sums and parts on it agree.
 */
#include "runtime/stats/metrics.h"

#include <inttypes.h>
#include "runtime/stats/json_text.h"
#include "runtime/stats/published.h"

static double ns_to_s(uint64_t ns)
{
    return (double)ns / 1e9;
}

#define U64(id, name, type, help, expression)                                                                          \
    static uint64_t get_##id(const struct rt__figures *f)                                                              \
    {                                                                                                                  \
        return expression;                                                                                             \
    }
#define F64(id, name, type, help, expression)                                                                          \
    static double get_##id(const struct rt__figures *f)                                                                \
    {                                                                                                                  \
        return expression;                                                                                             \
    }
#define HISTOGRAM(id, name, type, help, expression)                                                                    \
    static const struct rt__pauses *get_##id(const struct rt__figures *f)                                              \
    {                                                                                                                  \
        return expression;                                                                                             \
    }
#include "runtime/stats/metrics.def"
#undef U64
#undef F64
#undef HISTOGRAM

#define COUNTER true
#define GAUGE false
#define U64(id, name, type, help, expression) {name, RT__METRIC_U64, type, help, {.u64 = get_##id}},
#define F64(id, name, type, help, expression) {name, RT__METRIC_F64, type, help, {.f64 = get_##id}},
#define HISTOGRAM(id, name, type, help, expression) {name, RT__METRIC_HISTOGRAM, type, help, {.histogram = get_##id}},
static const struct rt__metric table[] = {
#include "runtime/stats/metrics.def"
};

const struct rt__metric *rt__metrics_table(size_t *n)
{
    *n = sizeof table / sizeof table[0];
    return table;
}

static void write_histogram(FILE *out, const char *name, const struct rt__pauses *p)
{
    char bound[RT__DOUBLE_TEXT];
    for (unsigned i = 0; i < RT__PAUSE_BOUNDS; i++)
        fprintf(out, "%s{le=\"%s\"} %" PRIu64 "\n", name, rt__json_double(bound, ns_to_s(rt__pauses_bound_ns(i))),
                p->at_most[i]);
    fprintf(out, "%s{le=\"+Inf\"} %" PRIu64 "\n", name, p->all);
}

void rt__metrics_write_figures(FILE *out, const struct rt__figures *f)
{
    char number[RT__DOUBLE_TEXT];
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct rt__metric *m = &table[i];
        switch (m->kind) {
        case RT__METRIC_U64:
            fprintf(out, "%s %" PRIu64 "\n", m->name, m->get.u64(f));
            break;
        case RT__METRIC_F64:
            fprintf(out, "%s %s\n", m->name, rt__json_double(number, m->get.f64(f)));
            break;
        case RT__METRIC_HISTOGRAM:
            write_histogram(out, m->name, m->get.histogram(f));
            break;
        }
    }
}

void rt__metrics_write_help(FILE *out)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        fprintf(out, "%s\t%s\t%s\n", table[i].name, table[i].cumulative ? "counter" : "gauge", table[i].help);
}

void rt_metrics_write(FILE *out)
{
    struct rt__figures figures;
    rt__figures_read(&figures, true);
    rt__metrics_write_figures(out, &figures);
    rt__published_write(out);
}
