/* gops_text.c - see gops_text.h.
 *
 * gops shows what it is sent as it is, and scripts read it: so numbers are written as Go's fmt and time packages write
 * them. Must not depend on the program's locale: no %f but rt__fmt_double's digits and whole numbers.
 */
#include "runtime/agent/gops_text.h"

#include <inttypes.h>
#include <time.h>
#include "runtime/cruntime.h"
#include "runtime/stats/json_text.h"

#define NS_PER_S UINT64_C(1000000000)

const char *rt__gops_bytes(char *buf, uint64_t bytes)
{
    static const char *const units[] = {"KB", "MB", "GB", "TB", "PB"};
    unsigned i = 0;
    if (bytes < 1024) {
        snprintf(buf, RT__GOPS_TEXT, "%" PRIu64 " bytes", bytes);
        return buf;
    }
    while (i + 1 < sizeof(units) / sizeof(*units) && bytes >> (10 * (i + 2)) != 0) {
        i++;
    }
    /* Hundredths, to the nearest and half to even, as printf rounds an exact quotient. */
    unsigned shift = 10 * (i + 1);
    uint64_t whole = bytes >> shift, rest = bytes & ((UINT64_C(1) << shift) - 1);
    __extension__ typedef unsigned __int128 wide;
    wide hundredths = (wide)rest * 100, half = (wide)1 << (shift - 1);
    uint64_t cents = (uint64_t)(hundredths >> shift);
    wide left = hundredths - ((wide)cents << shift);
    if (left > half || (left == half && cents % 2 == 1)) {
        cents++;
    }
    whole += cents / 100;
    snprintf(buf, RT__GOPS_TEXT, "%" PRIu64 ".%02" PRIu64 "%s (%" PRIu64 " bytes)", whole, cents % 100, units[i],
             bytes);
    return buf;
}

/* .5 of 500 thousandths, and nothing of 0. Returns the length. */
static int put_fraction(char *buf, size_t size, uint64_t part, int digits)
{
    if (part == 0) {
        buf[0] = '\0';
        return 0;
    }
    for (; part % 10 == 0; part /= 10) {
        digits--;
    }
    return snprintf(buf, size, ".%0*" PRIu64, digits, part);
}

const char *rt__gops_duration(char *buf, uint64_t ns)
{
    static const struct {
        uint64_t ns;
        int digits;
        const char *name;
    } small[] = {{1, 0, "ns"}, {1000, 3, "\u00b5s"}, {1000000, 6, "ms"}};
    char fraction[16], before[32] = "";
    if (ns == 0 || ns >= NS_PER_S) {
        uint64_t s = ns / NS_PER_S;
        put_fraction(fraction, sizeof(fraction), ns % NS_PER_S, 9);
        if (s >= 3600) {
            snprintf(before, sizeof(before), "%" PRIu64 "h%" PRIu64 "m", s / 3600, s / 60 % 60);
        } else if (s >= 60) {
            snprintf(before, sizeof(before), "%" PRIu64 "m", s / 60);
        }
        snprintf(buf, RT__GOPS_TEXT, "%s%" PRIu64 "%ss", before, s % 60, fraction);
        return buf;
    }
    unsigned i = ns >= 1000000 ? 2 : ns >= 1000 ? 1 : 0;
    put_fraction(fraction, sizeof(fraction), ns % small[i].ns, small[i].digits);
    snprintf(buf, RT__GOPS_TEXT, "%" PRIu64 "%s%s", ns / small[i].ns, fraction, small[i].name);
    return buf;
}

const char *rt__gops_time(char *buf, uint64_t unix_ns)
{
    time_t seconds = (time_t)(unix_ns / NS_PER_S);
    struct tm tm;
    char fraction[16], date[32] = "", zone[24] = "";
    localtime_r(&seconds, &tm);
    put_fraction(fraction, sizeof(fraction), unix_ns % NS_PER_S, 9);
    strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
    strftime(zone, sizeof(zone), "%z %Z", &tm);
    snprintf(buf, RT__GOPS_TEXT, "%s%s %s", date, fraction, zone);
    return buf;
}

/* ---- memstats -------------------------------------------------------------------------------------- */

static void put_bytes(FILE *out, const char *name, uint64_t bytes)
{
    char text[RT__GOPS_TEXT];
    fprintf(out, "%s: %s\n", name, rt__gops_bytes(text, bytes));
}

static void put_count(FILE *out, const char *name, uint64_t n)
{
    fprintf(out, "%s: %" PRIu64 "\n", name, n);
}

static void write_memory(FILE *out, const struct rt_memstats *ms)
{
    put_bytes(out, "alloc", ms->Alloc);
    put_bytes(out, "total-alloc", ms->TotalAlloc);
    put_bytes(out, "sys", ms->Sys);
    put_count(out, "lookups", ms->Lookups);
    put_count(out, "mallocs", ms->Mallocs);
    put_count(out, "frees", ms->Frees);
    put_bytes(out, "heap-alloc", ms->HeapAlloc);
    put_bytes(out, "heap-sys", ms->HeapSys);
    put_bytes(out, "heap-idle", ms->HeapIdle);
    put_bytes(out, "heap-in-use", ms->HeapInuse);
    put_bytes(out, "heap-released", ms->HeapReleased);
    put_count(out, "heap-objects", ms->HeapObjects);
    put_bytes(out, "stack-in-use", ms->StackInuse);
    put_bytes(out, "stack-sys", ms->StackSys);
    put_bytes(out, "mspan-in-use", ms->MSpanInuse);
    put_bytes(out, "mspan-sys", ms->MSpanSys);
    put_bytes(out, "mcache-in-use", ms->MCacheInuse);
    put_bytes(out, "mcache-sys", ms->MCacheSys);
    put_bytes(out, "buck-hash-sys", ms->BuckHashSys);
    put_bytes(out, "other-sys", ms->OtherSys);
    put_bytes(out, "gc-sys", ms->GCSys);
}

static void write_cycles(FILE *out, const struct rt_memstats *ms)
{
    char text[RT__GOPS_TEXT];
    unsigned newest = (ms->NumGC + 255) % 256;
    fprintf(out, "next-gc: when heap-alloc >= %s\n", rt__gops_bytes(text, ms->NextGC));
    fprintf(out, "last-gc: %s\n", ms->LastGC ? rt__gops_time(text, ms->LastGC) : "-");
    fprintf(out, "gc-pause-total: %s\n", rt__gops_duration(text, ms->PauseTotalNs));
    put_count(out, "gc-pause", ms->PauseNs[newest]);
    put_count(out, "gc-pause-end", ms->PauseEnd[newest]);
    put_count(out, "num-gc", ms->NumGC);
    put_count(out, "num-forced-gc", ms->NumForcedGC);
    fprintf(out, "gc-cpu-fraction: %s\n", rt__fmt_double(text, ms->GCCPUFraction));
    fprintf(out, "enable-gc: %s\n", ms->EnableGC ? "true" : "false");
    fprintf(out, "debug-gc: %s\n", ms->DebugGC ? "true" : "false");
}

void rt__gops_write_memstats(FILE *out, const struct rt_memstats *ms)
{
    write_memory(out, ms);
    write_cycles(out, ms);
}

void rt__gops_write_stats(FILE *out, const struct rt__gops_stats *stats)
{
    put_count(out, "goroutines", stats->threads);
    put_count(out, "OS threads", stats->threads_made);
    fprintf(out, "GOMAXPROCS: %d\nnum CPU: %d\n", stats->procs, stats->cpus);
}

/* ---- numbers --------------------------------------------------------------------------------------- */

int rt__gops_varint(const uint8_t *bytes, size_t len, int64_t *value)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < len; i++) {
        if (i == 9 && bytes[i] > 1) {
            return -1;
        }
        n |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
        if (bytes[i] < 0x80) {
            *value = (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
            return (int)i + 1;
        }
    }
    return 0;
}
