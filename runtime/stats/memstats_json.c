/* memstats_json.c - MemStats as Go's expvar prints it: one line, Go's names, Go's order.
 *
 * Tools that read /debug/vars of Go programs read this; so the fields are exactly Go's, and the
 * struct's own size and version stay out. NextGC without a goal is 2^64-1, as in Go.
 */
#include "runtime/cruntime.h"

#include <inttypes.h>
#include <stdint.h>
#include "runtime/stats/json_text.h"

static void write_field(FILE *out, const char *name, uint64_t value)
{
    fprintf(out, "\"%s\":%" PRIu64 ",", name, value);
}

static void write_array(FILE *out, const char *name, const uint64_t *values, size_t n)
{
    fprintf(out, "\"%s\":[", name);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "%s%" PRIu64, i > 0 ? "," : "", values[i]);
    fputs("],", out);
}

static void write_collector(FILE *out, const struct rt_memstats *ms)
{
    char fraction[RT__DOUBLE_TEXT];
    write_field(out, "NextGC", ms->NextGC);
    write_field(out, "LastGC", ms->LastGC);
    write_field(out, "PauseTotalNs", ms->PauseTotalNs);
    write_array(out, "PauseNs", ms->PauseNs, sizeof ms->PauseNs / sizeof ms->PauseNs[0]);
    write_array(out, "PauseEnd", ms->PauseEnd, sizeof ms->PauseEnd / sizeof ms->PauseEnd[0]);
    write_field(out, "NumGC", ms->NumGC);
    write_field(out, "NumForcedGC", ms->NumForcedGC);
    fprintf(out, "\"GCCPUFraction\":%s,", rt__json_double(fraction, ms->GCCPUFraction));
    fprintf(out, "\"EnableGC\":%s,\"DebugGC\":%s,", ms->EnableGC ? "true" : "false", ms->DebugGC ? "true" : "false");
}

static void write_by_size(FILE *out, const struct rt_memstats *ms)
{
    fputs("\"BySize\":[", out);
    for (unsigned i = 0; i < RT_SIZE_CLASSES; i++)
        fprintf(out, "%s{\"Size\":%" PRIu32 ",\"Mallocs\":%" PRIu64 ",\"Frees\":%" PRIu64 "}", i > 0 ? "," : "",
                ms->BySize[i].Size, ms->BySize[i].Mallocs, ms->BySize[i].Frees);
    fputc(']', out);
}

void rt_memstats_write_json(FILE *out, const struct rt_memstats *ms)
{
    fputc('{', out);
    write_field(out, "Alloc", ms->Alloc);
    write_field(out, "TotalAlloc", ms->TotalAlloc);
    write_field(out, "Sys", ms->Sys);
    write_field(out, "Lookups", ms->Lookups);
    write_field(out, "Mallocs", ms->Mallocs);
    write_field(out, "Frees", ms->Frees);
    write_field(out, "HeapAlloc", ms->HeapAlloc);
    write_field(out, "HeapSys", ms->HeapSys);
    write_field(out, "HeapIdle", ms->HeapIdle);
    write_field(out, "HeapInuse", ms->HeapInuse);
    write_field(out, "HeapReleased", ms->HeapReleased);
    write_field(out, "HeapObjects", ms->HeapObjects);
    write_field(out, "StackInuse", ms->StackInuse);
    write_field(out, "StackSys", ms->StackSys);
    write_field(out, "MSpanInuse", ms->MSpanInuse);
    write_field(out, "MSpanSys", ms->MSpanSys);
    write_field(out, "MCacheInuse", ms->MCacheInuse);
    write_field(out, "MCacheSys", ms->MCacheSys);
    write_field(out, "BuckHashSys", ms->BuckHashSys);
    write_field(out, "GCSys", ms->GCSys);
    write_field(out, "OtherSys", ms->OtherSys);
    write_collector(out, ms);
    write_by_size(out, ms);
    fputc('}', out);
}
