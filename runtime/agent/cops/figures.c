/* figures.c - see figures.h. */
#include "runtime/agent/cops/figures.h"

#include <stdlib.h>
#include <string.h>
#include "runtime/agent/cops/json.h"

bool cops_figures_memstats(struct cops_figures *out, const char *body, size_t len)
{
    static const struct {
        const char *name;
        size_t offset;
    } fields[] = {
        {"HeapAlloc", offsetof(struct cops_figures, heap)},
        {"HeapObjects", offsetof(struct cops_figures, objects)},
        {"TotalAlloc", offsetof(struct cops_figures, total_alloc)},
        {"Mallocs", offsetof(struct cops_figures, mallocs)},
        {"Frees", offsetof(struct cops_figures, frees)},
        {"NextGC", offsetof(struct cops_figures, goal)},
        {"NumGC", offsetof(struct cops_figures, num_gc)},
        {"NumForcedGC", offsetof(struct cops_figures, num_forced)},
        {"PauseTotalNs", offsetof(struct cops_figures, pause_total_ns)},
    };
    struct cops_json json;
    if (!cops_json_read(&json, body, len))
        return false;
    bool ok = YAJL_IS_NUMBER(cops_json_member(json.root, "HeapAlloc"));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        uint64_t value = cops_json_uint(cops_json_member(json.root, fields[i].name));
        memcpy((char *)out + fields[i].offset, &value, sizeof value);
    }
    out->gc_cpu_fraction = cops_json_number(cops_json_member(json.root, "GCCPUFraction"));
    yajl_val pauses = cops_json_member(json.root, "PauseNs");
    for (size_t i = 0; YAJL_IS_ARRAY(pauses) && i < pauses->u.array.len && i < COPS_PAUSES; i++)
        out->pauses_ns[i] = cops_json_uint(pauses->u.array.values[i]);
    cops_json_free(&json);
    return ok;
}

/* Whole numbers keep their digits: 2^64-1 says that there is no goal. */
static void take_metric(struct cops_figures *out, const char *name, const char *value)
{
    static const struct {
        const char *name;
        size_t offset;
    } whole[] = {
        {"/cruntime/held:bytes", offsetof(struct cops_figures, held)},
        {"/cruntime/rss:bytes", offsetof(struct cops_figures, rss)},
        {"/cruntime/threads:threads", offsetof(struct cops_figures, threads)},
        {"/gc/gomemlimit:bytes", offsetof(struct cops_figures, limit)},
        {"/gc/heap/goal:bytes", offsetof(struct cops_figures, goal)},
        {"/sched/gomaxprocs:threads", offsetof(struct cops_figures, procs)},
    };
    static const char unit[] = ":requests";
    size_t len = strlen(name), unit_len = sizeof unit - 1;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        if (strcmp(name, whole[i].name) == 0) {
            uint64_t n = strtoull(value, NULL, 10);
            memcpy((char *)out + whole[i].offset, &n, sizeof n);
        }
    }
    if (strcmp(name, "/cpu/classes/gc/total:cpu-seconds") == 0)
        out->gc_cpu_s = strtod(value, NULL);
    else if (strcmp(name, "/cpu/classes/total:cpu-seconds") == 0)
        out->cpu_s = strtod(value, NULL);
    else if (len > unit_len && strcmp(name + len - unit_len, unit) == 0) {
        out->has_requests = true;
        out->requests += strtoull(value, NULL, 10);
    }
}

void cops_figures_metrics(struct cops_figures *out, const char *body, size_t len)
{
    char line[256];
    while (len > 0) {
        const char *end = memchr(body, '\n', len);
        size_t n = end ? (size_t)(end - body) : len;
        if (n < sizeof line) {
            memcpy(line, body, n);
            line[n] = '\0';
            char *space = strrchr(line, ' ');
            if (space) {
                *space = '\0';
                take_metric(out, line, space + 1);
            }
        }
        n += end != NULL;
        body += n;
        len -= n;
    }
}

static double grown(uint64_t before, uint64_t now)
{
    return now > before ? (double)(now - before) : 0;
}

static void read_pauses(const struct cops_figures *now, uint64_t gcs, struct cops_rates *out)
{
    for (uint64_t i = 0; i < gcs && i < COPS_PAUSES; i++) {
        uint64_t pause = now->pauses_ns[(now->num_gc - i + COPS_PAUSES - 1) % COPS_PAUSES];
        if (i == 0)
            out->last_pause_ns = pause;
        if (pause > out->longest_pause_ns)
            out->longest_pause_ns = pause;
    }
}

void cops_rates(const struct cops_figures *before, const struct cops_figures *now, struct cops_rates *out)
{
    *out = (struct cops_rates){.seconds = grown(before->at_ns, now->at_ns) / 1e9};
    if (out->seconds <= 0)
        return;
    out->alloc_per_s = grown(before->total_alloc, now->total_alloc) / out->seconds;
    out->objects_per_s = grown(before->mallocs, now->mallocs) / out->seconds;
    out->requests_per_s = grown(before->requests, now->requests) / out->seconds;
    out->gcs = now->num_gc > before->num_gc ? now->num_gc - before->num_gc : 0;
    out->gcs_per_s = (double)out->gcs / out->seconds;
    if (now->cpu_s > before->cpu_s && now->gc_cpu_s > before->gc_cpu_s)
        out->gc_cpu = (now->gc_cpu_s - before->gc_cpu_s) / (now->cpu_s - before->cpu_s);
    if (out->gc_cpu > 1)
        out->gc_cpu = 1;
    read_pauses(now, out->gcs, out);
}
