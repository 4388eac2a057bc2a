/* text.c - profiles as text, as Go's runtime/pprof prints them for ?debug=1 and ?debug=2.
 *
 * debug=1 is also the format that pprof read before profile.proto and still reads: a line of figures
 * and addresses for each stack; all else are comments to it. In two formats pprof multiplies the figures
 * by a rate in the header, since they were once those of the samples. Ours, as in profile.proto, are
 * estimates of the whole already, over several rates if need be; so there the header says that nothing
 * is to be multiplied, and the rate stands in a comment at the end.
 *
 * Pure, but for malloc and the MemStats that end a heap's text.
 */
#include "runtime/profile/snapshot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/cruntime.h"
#include "runtime/profile/frames.h"
#include "runtime/profile/labels.h"
#include "runtime/profile/parts.h"

/* Places of values, as the kinds have them. */
enum { ALLOC_OBJECTS, ALLOC_SPACE, INUSE_OBJECTS, INUSE_SPACE };
enum { CONTENTIONS, DELAY };

struct text {
    const struct rt__profile *p;
    struct rt__frames frames;
    struct rt__bytes *out;
    struct rt__profile rows; /* what is printed: samples without the frames that are not */
};

static void leave_out_hidden(struct text *t, struct rt__sample *s)
{
    uint32_t hidden = rt__frames_hidden(&t->frames, t->p->kind, s->pcs, s->depth);
    if (hidden > 0) {
        s->pcs += hidden;
        s->depth -= hidden;
    }
}

/* ---- rows ---- */

static void collect_rows(struct text *t, bool merged)
{
    struct rt__merge merge = {.into = &t->rows};
    rt__profile_begin(&t->rows, t->p->kind);
    for (size_t i = 0; i < t->p->count && !t->rows.failed; i++) {
        struct rt__sample row = t->p->samples[i];
        leave_out_hidden(t, &row);
        if (merged) {
            row.thread = NULL; /* what the threads have in common is the point */
            rt__merge_add(&merge, &row, 1);
        } else {
            struct rt__sample *added = rt__profile_add(&t->rows);
            if (added)
                *added = row;
        }
    }
    rt__merge_release(&merge);
}

static int compare_stacks(const struct rt__sample *a, const struct rt__sample *b)
{
    for (uint32_t i = 0; i < a->depth && i < b->depth; i++) {
        if (a->pcs[i] != b->pcs[i])
            return a->pcs[i] < b->pcs[i] ? -1 : 1;
    }
    return (a->depth > b->depth) - (a->depth < b->depth);
}

static int compare_labels(const struct rt_labels *a, const struct rt_labels *b)
{
    uint32_t a_n = a ? a->n : 0, b_n = b ? b->n : 0;
    for (uint32_t i = 0; i < a_n && i < b_n; i++) {
        int keys = strcmp(a->pairs[i].key, b->pairs[i].key);
        int order = keys ? keys : strcmp(a->pairs[i].value, b->pairs[i].value);
        if (order)
            return order;
    }
    return (a_n > b_n) - (a_n < b_n);
}

/* By two of the values, largest first; then by what never changes, so that a text is always the same. */
static int compare_rows(const struct rt__sample *a, const struct rt__sample *b, int first, int second)
{
    if (a->values[first] != b->values[first])
        return a->values[first] > b->values[first] ? -1 : 1;
    if (a->values[second] != b->values[second])
        return a->values[second] > b->values[second] ? -1 : 1;
    int stacks = compare_stacks(a, b);
    return stacks ? stacks : compare_labels(a->labels, b->labels);
}

static int by_inuse_space(const void *a, const void *b)
{
    return compare_rows(a, b, INUSE_SPACE, ALLOC_SPACE);
}

static int by_delay(const void *a, const void *b)
{
    return compare_rows(a, b, DELAY, CONTENTIONS);
}

static int by_count(const void *a, const void *b)
{
    return compare_rows(a, b, 0, 0);
}

static void sort_rows(struct text *t, int (*compare)(const void *, const void *))
{
    if (t->rows.count > 0)
        qsort(t->rows.samples, t->rows.count, sizeof t->rows.samples[0], compare);
}

/* ---- debug=1 ---- */

/* What follows a row's figures. */
static void write_row(struct text *t, const struct rt__sample *row)
{
    rt__part_addresses(t->out, row->pcs, row->depth);
    rt__part_labels(t->out, row->labels);
    rt__part_stack(t->out, &t->frames, row->pcs, row->depth);
}

static void write_heap_figures(struct text *t, const int64_t *values)
{
    rt__bytes_addf(t->out, "%" PRId64 ": %" PRId64 " [%" PRId64 ": %" PRId64 "] @", values[INUSE_OBJECTS],
                   values[INUSE_SPACE], values[ALLOC_OBJECTS], values[ALLOC_SPACE]);
}

static void write_heap(struct text *t)
{
    int64_t total[RT__PROFILE_VALUES] = {0};
    struct rt_memstats ms;
    rt_read_memstats(&ms);
    sort_rows(t, by_inuse_space);
    for (size_t i = 0; i < t->rows.count; i++) {
        for (unsigned v = 0; v < RT__PROFILE_VALUES; v++)
            total[v] += t->rows.samples[i].values[v];
    }
    /* pprof takes a header with equal halves for one of a profile without allocations. */
    if (total[ALLOC_SPACE] == total[INUSE_SPACE])
        total[ALLOC_SPACE]++;
    rt__bytes_addf(t->out, "heap profile: ");
    write_heap_figures(t, total);
    rt__bytes_addf(t->out, " heap/2\n"); /* twice the rate, and a rate of 1 multiplies nothing */
    for (size_t i = 0; i < t->rows.count; i++) {
        write_heap_figures(t, t->rows.samples[i].values);
        write_row(t, &t->rows.samples[i]);
    }
    rt__part_memstats(t->out, &ms);
}

static void write_contention(struct text *t)
{
    const char *title = t->p->kind->text_title;
    sort_rows(t, by_delay);
    rt__bytes_addf(t->out, "--- %s:\ncycles/second=1000000000\n", title); /* our delays are in ns */
    if (strcmp(title, "mutex") == 0)
        rt__bytes_addf(t->out, "sampling period=1\n");
    for (size_t i = 0; i < t->rows.count; i++) {
        const struct rt__sample *row = &t->rows.samples[i];
        rt__bytes_addf(t->out, "%" PRId64 " %" PRId64 " @", row->values[DELAY], row->values[CONTENTIONS]);
        write_row(t, row);
    }
}

static void write_count(struct text *t)
{
    int64_t total = 0;
    sort_rows(t, by_count);
    for (size_t i = 0; i < t->rows.count; i++)
        total += t->rows.samples[i].values[0];
    rt__bytes_addf(t->out, "%s profile: total %" PRId64 "\n", t->p->kind->text_title, total);
    for (size_t i = 0; i < t->rows.count; i++) {
        struct rt__sample row = t->rows.samples[i];
        rt__bytes_addf(t->out, "%" PRId64 " @", row.values[0]);
        if (row.depth == 0)
            rt__bytes_addf(t->out, " 0x0"); /* pprof reads no row of this format without an address */
        write_row(t, &row);
    }
}

/* Comments, to pprof too. */
static void write_remarks(struct text *t)
{
    if (t->p->period > 1)
        rt__bytes_addf(t->out, "# period = %" PRId64 " %s\n", t->p->period, t->p->kind->period_type.unit);
    if (t->p->comment[0] != '\0')
        rt__bytes_addf(t->out, "# %s\n", t->p->comment);
}

static void write_by_stack(struct text *t)
{
    enum rt__text_style style = t->p->kind->text;
    collect_rows(t, style == RT__TEXT_COUNT);
    if (style == RT__TEXT_HEAP)
        write_heap(t);
    else if (style == RT__TEXT_CONTENTION)
        write_contention(t);
    else
        write_count(t);
    write_remarks(t);
    t->out->failed = t->out->failed || t->rows.failed;
    rt__profile_release(&t->rows);
}

/* ---- debug=2 ---- */

/* thread 1234 [epoll_wait, "loop 0"]: */
static void write_thread(struct text *t, struct rt__sample s)
{
    leave_out_hidden(t, &s);
    rt__bytes_addf(t->out, "thread %" PRId64 " [%s", s.tid, s.note ? s.note : "unknown");
    if (s.thread) {
        rt__bytes_addf(t->out, ", ");
        rt__part_quoted(t->out, s.thread);
    }
    rt__bytes_addf(t->out, "]:\n");
    rt__part_traceback(t->out, &t->frames, s.pcs, s.depth);
}

static bool is_of_threads(const struct rt__profile *p)
{
    return p->kind->text == RT__TEXT_COUNT && p->count > 0 && p->samples[0].tid != 0;
}

void rt__text_write(const struct rt__profile *p, int debug, const struct rt__symbol_source *symbols,
                    struct rt__bytes *out)
{
    struct text t = {.p = p, .out = out};
    rt__frames_begin(&t.frames, symbols);
    if (debug > 1 && is_of_threads(p)) {
        for (size_t i = 0; i < p->count; i++) {
            if (i > 0)
                rt__bytes_addf(out, "\n");
            write_thread(&t, p->samples[i]);
        }
    } else {
        write_by_stack(&t);
    }
    out->failed = out->failed || t.frames.failed;
    rt__frames_release(&t.frames);
}
