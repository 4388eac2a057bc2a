/* page_gctrace.c - the page of past cycles, as gctrace lines or as exact figures.
 *
 * The cycles come from the ring, which keeps them whether or not gctrace is on, so a cycle that
 * was not watched can still be looked at. The copy is only as large as there are cycles: under a
 * tight CMEMLIMIT a page that asked for room for 4096 would itself bring the next one on.
 */
#include "runtime/debug/pages.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/debug/form.h"
#include "runtime/gc/ring.h"

struct trace_request {
    size_t n;
    bool json;
};

/* 1..RT__RING_CYCLES in plain digits. */
static int parse_n(const char *text, size_t *n)
{
    size_t value = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9 || text[digits] != '\0')
        return -1;
    for (; *text; text++)
        value = value * 10 + (size_t)(*text - '0');
    if (value < 1 || value > RT__RING_CYCLES)
        return -1;
    *n = value;
    return 0;
}

/* NULL, or what is wrong. */
static const char *read_parameters(const struct rt_debug_request *req, struct trace_request *want)
{
    struct rt__form form;
    int more;
    rt__form_begin(&form, req->query, req->query_len);
    while ((more = rt__form_next(&form)) != 0) {
        bool good = more > 0;
        if (strcmp(form.name, "n") == 0) {
            if (!good || parse_n(form.value, &want->n) != 0)
                return "n: want a whole number from 1 to 4096";
        } else if (strcmp(form.name, "format") == 0) {
            want->json = strcmp(form.value, "json") == 0;
            if (!good || (!want->json && strcmp(form.value, "text") != 0))
                return "format: want text or json";
        } else {
            return "unknown parameter: want n or format";
        }
    }
    return NULL;
}

static void write_lines(FILE *out, const struct rt_cycle *cycles, size_t n)
{
    char line[512];
    for (size_t i = 0; i < n; i++) {
        rt_gctrace_format(line, sizeof line, &cycles[i]);
        fputs(line, out);
    }
}

static void write_cycle(FILE *out, const struct rt_cycle *c)
{
#define FIELD(name) #name, offsetof(struct rt_cycle, name)
    static const struct {
        const char *name;
        size_t offset;
    } fields[] = {
        {FIELD(number)},         {FIELD(start_ns)},          {FIELD(end_unix_ns)}, {FIELD(stop_ns)},
        {FIELD(concurrent_ns)},  {FIELD(pause_mark_ns)},     {FIELD(sweep_ns)},    {FIELD(stop_cpu_ns)},
        {FIELD(assist_cpu_ns)},  {FIELD(background_cpu_ns)}, {FIELD(idle_cpu_ns)}, {FIELD(heap_start_bytes)},
        {FIELD(heap_end_bytes)}, {FIELD(heap_live_bytes)},   {FIELD(goal_bytes)},  {FIELD(stacks_bytes)},
        {FIELD(globals_bytes)},
    };
#undef FIELD
    fputc('{', out);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        uint64_t value;
        memcpy(&value, (const char *)c + fields[i].offset, sizeof value);
        fprintf(out, "\"%s\":%" PRIu64 ",", fields[i].name, value);
    }
    fprintf(out, "\"procs\":%" PRIu32 ",\"gc_cpu_permille\":%" PRIu32 ",\"forced\":%s,\"trim\":%s}", c->procs,
            c->gc_cpu_permille, c->forced ? "true" : "false", c->trim ? "true" : "false");
}

static void write_json(FILE *out, const struct rt_cycle *cycles, size_t n)
{
    fputc('[', out);
    for (size_t i = 0; i < n; i++) {
        fputs(i > 0 ? ",\n" : "\n", out);
        write_cycle(out, &cycles[i]);
    }
    fputs("\n]\n", out);
}

void rt__page_gctrace(const struct rt_debug_request *req, FILE *out, struct rt_debug_response *res)
{
    struct trace_request want = {.n = RT__RING_CYCLES};
    const char *wrong = read_parameters(req, &want);
    if (wrong) {
        rt__page_fail(out, res, 400, "bad value", "%s", wrong);
        return;
    }
    struct rt_gc_stats stats;
    rt_read_gc_stats(&stats);
    size_t room = stats.num_gc < want.n ? (size_t)stats.num_gc : want.n;
    struct rt_cycle *cycles = room > 0 ? malloc(room * sizeof *cycles) : NULL;
    if (room > 0 && !cycles) {
        rt__page_fail(out, res, 500, "internal", "no memory for %zu cycles", room);
        return;
    }
    size_t n = room > 0 ? rt_cycles_read(cycles, room) : 0;
    res->content_type = want.json ? RT__JSON_TYPE : RT__TEXT_TYPE;
    if (want.json)
        write_json(out, cycles, n);
    else
        write_lines(out, cycles, n);
    free(cycles);
}
