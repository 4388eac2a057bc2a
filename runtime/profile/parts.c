/* parts.c - what Go's texts of profiles are put together from (see parts.h). */
#include "runtime/profile/parts.h"

#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include "runtime/cruntime.h"
#include "runtime/profile/labels.h"
#include "runtime/stats/json_text.h"

static void add_text(struct rt__bytes *out, const char *text)
{
    rt__bytes_add(out, text, strlen(text));
}

/* ---- strings and labels ---- */

static void quote_byte(struct rt__bytes *out, unsigned char c)
{
    static const char named[] = "\"\"\\\\\aa\bb\ff\nn\rr\tt\vv"; /* pairs: the byte, its name */
    for (const char *pair = named; *pair; pair += 2) {
        if (c == (unsigned char)*pair) {
            rt__bytes_addf(out, "\\%c", pair[1]);
            return;
        }
    }
    if (c < 0x20 || c >= 0x7F)
        rt__bytes_addf(out, "\\x%02x", c);
    else
        rt__bytes_add(out, &c, 1);
}

void rt__part_quoted(struct rt__bytes *out, const char *text)
{
    add_text(out, "\"");
    for (size_t len = strlen(text); len > 0;) {
        size_t n = rt__utf8_sequence(text, len);
        if (n > 1) {
            rt__bytes_add(out, text, n);
        } else {
            quote_byte(out, (unsigned char)*text);
            n = 1;
        }
        text += n;
        len -= n;
    }
    add_text(out, "\"");
}

static int compare_pairs(const struct rt_labels *l, uint32_t a, uint32_t b)
{
    int keys = strcmp(l->pairs[a].key, l->pairs[b].key);
    return keys ? keys : strcmp(l->pairs[a].value, l->pairs[b].value);
}

/* The pair that comes next after the given one (n: none yet) in order; equal ones go by place. Sets are small. */
static uint32_t next_pair(const struct rt_labels *l, uint32_t last)
{
    uint32_t best = l->n;
    for (uint32_t i = 0; i < l->n; i++) {
        int after = last < l->n ? compare_pairs(l, i, last) : 1;
        bool comes = after > 0 || (after == 0 && i > last);
        if (comes && (best == l->n || compare_pairs(l, i, best) < 0))
            best = i;
    }
    return best;
}

void rt__part_labels(struct rt__bytes *out, const struct rt_labels *labels)
{
    if (labels == NULL || labels->n == 0)
        return;
    const char *before = "# labels: {";
    for (uint32_t i = next_pair(labels, labels->n); i < labels->n; i = next_pair(labels, i)) {
        add_text(out, before);
        rt__part_quoted(out, labels->pairs[i].key);
        add_text(out, ":");
        rt__part_quoted(out, labels->pairs[i].value);
        before = ", ";
    }
    add_text(out, "}\n");
}

/* ---- stacks ---- */

void rt__part_addresses(struct rt__bytes *out, const uintptr_t *pcs, uint32_t depth)
{
    /* Readers take these for return addresses and look at the byte before; ours are for looking up as they
     * are (unwind.h). */
    for (uint32_t i = 0; i < depth; i++)
        rt__bytes_addf(out, " %#" PRIxPTR, pcs[i] + 1);
    add_text(out, "\n");
}

/* FILE:LINE, or ?? when the file is unknown. */
static void add_place(struct rt__bytes *out, const struct rt__symbol *symbol)
{
    add_text(out, symbol->file ? symbol->file : "??");
    if (symbol->file)
        rt__bytes_addf(out, ":%" PRIu32, symbol->line);
}

void rt__part_stack(struct rt__bytes *out, struct rt__frames *frames, const uintptr_t *pcs, uint32_t depth)
{
    for (uint32_t i = 0; i < depth; i++) {
        struct rt__frame *frame = rt__frames_find(frames, pcs[i]);
        for (uint32_t at = 0; frame && at < frame->n; at++) {
            rt__bytes_addf(out, "#\t%#" PRIxPTR "\t", frame->pc);
            add_text(out, frame->symbols[at].name);
            rt__bytes_addf(out, "+0x%" PRIxPTR "\t", frame->pc - rt__frames_start(frames, frame));
            add_place(out, &frame->symbols[at]);
            add_text(out, "\n");
        }
    }
    add_text(out, "\n");
}

void rt__part_traceback(struct rt__bytes *out, struct rt__frames *frames, const uintptr_t *pcs, uint32_t depth)
{
    for (uint32_t i = 0; i < depth; i++) {
        struct rt__frame *frame = rt__frames_find(frames, pcs[i]);
        for (uint32_t at = 0; frame && at < frame->n; at++) {
            add_text(out, frame->symbols[at].name);
            add_text(out, "(...)\n\t");
            add_place(out, &frame->symbols[at]);
            /* What is inlined begins nowhere of its own. */
            if (at == frame->n - 1)
                rt__bytes_addf(out, " +0x%" PRIxPTR, frame->pc - rt__frames_start(frames, frame));
            add_text(out, "\n");
        }
    }
}

/* ---- MemStats ---- */

static void add_field(struct rt__bytes *out, const char *name, uint64_t value)
{
    rt__bytes_addf(out, "# %s = %" PRIu64 "\n", name, value);
}

static void add_pair(struct rt__bytes *out, const char *name, uint64_t in_use, uint64_t sys)
{
    rt__bytes_addf(out, "# %s = %" PRIu64 " / %" PRIu64 "\n", name, in_use, sys);
}

static void add_ring(struct rt__bytes *out, const char *name, const uint64_t *values, size_t n)
{
    rt__bytes_addf(out, "# %s = [", name);
    for (size_t i = 0; i < n; i++)
        rt__bytes_addf(out, "%s%" PRIu64, i > 0 ? " " : "", values[i]);
    add_text(out, "]\n");
}

static void add_collector(struct rt__bytes *out, const struct rt_memstats *ms)
{
    char fraction[RT__DOUBLE_TEXT];
    add_field(out, "NextGC", ms->NextGC);
    add_field(out, "LastGC", ms->LastGC);
    add_ring(out, "PauseNs", ms->PauseNs, sizeof ms->PauseNs / sizeof ms->PauseNs[0]);
    add_ring(out, "PauseEnd", ms->PauseEnd, sizeof ms->PauseEnd / sizeof ms->PauseEnd[0]);
    add_field(out, "NumGC", ms->NumGC);
    add_field(out, "NumForcedGC", ms->NumForcedGC);
    rt__bytes_addf(out, "# GCCPUFraction = %s\n", rt__json_double(fraction, ms->GCCPUFraction));
    rt__bytes_addf(out, "# DebugGC = %s\n", ms->DebugGC ? "true" : "false");
}

void rt__part_memstats(struct rt__bytes *out, const struct rt_memstats *ms)
{
    struct rusage usage;
    add_text(out, "\n# runtime.MemStats\n");
    add_field(out, "Alloc", ms->Alloc);
    add_field(out, "TotalAlloc", ms->TotalAlloc);
    add_field(out, "Sys", ms->Sys);
    add_field(out, "Lookups", ms->Lookups);
    add_field(out, "Mallocs", ms->Mallocs);
    add_field(out, "Frees", ms->Frees);
    add_field(out, "HeapAlloc", ms->HeapAlloc);
    add_field(out, "HeapSys", ms->HeapSys);
    add_field(out, "HeapIdle", ms->HeapIdle);
    add_field(out, "HeapInuse", ms->HeapInuse);
    add_field(out, "HeapReleased", ms->HeapReleased);
    add_field(out, "HeapObjects", ms->HeapObjects);
    add_pair(out, "Stack", ms->StackInuse, ms->StackSys);
    add_pair(out, "MSpan", ms->MSpanInuse, ms->MSpanSys);
    add_pair(out, "MCache", ms->MCacheInuse, ms->MCacheSys);
    add_field(out, "BuckHashSys", ms->BuckHashSys);
    add_field(out, "GCSys", ms->GCSys);
    add_field(out, "OtherSys", ms->OtherSys);
    add_collector(out, ms);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        add_field(out, "MaxRSS", (uint64_t)usage.ru_maxrss * 1024);
}
