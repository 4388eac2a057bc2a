/* gctrace.h - Go's trace lines, as text. Pure: no clock, no file, no allocation.
 * rt_gctrace_format (cruntime.h) is implemented in gctrace.c. */
#ifndef RT_GC_GCTRACE_H
#define RT_GC_GCTRACE_H

#include <stddef.h>
#include <stdint.h>

struct rt_cycle;

/* ns as milliseconds the way Go prints them (fmtNSAsMS): 10 ms and more as whole ms; below that
 * two significant digits with at most three decimals; 0 as 0. Returns the length, < 24. */
int rt__format_ms(char *buf, size_t size, uint64_t ns);

/* gcpacertrace: `pacer: 12% CPU (50 exp.) for S+T+G B work (E B exp.) in B -> B (∆goal N, cons/mark X)`
 * in Go's layout (mgcpacer.go, endCycle); what a field cannot mean here is documented in
 * docs/architecture.md. */
struct rt__pacer_trace {
    uint32_t cpu_percent, cpu_percent_expected;
    uint64_t heap_scan_bytes, stack_scan_bytes, globals_scan_bytes, scan_expected_bytes;
    uint64_t trigger_bytes, live_bytes;
    int64_t goal_delta_bytes;
};
int rt__pacertrace_format(char *buf, size_t size, const struct rt__pacer_trace *t);

/* scavtrace: `scav 0 KiB work (bg), 0 KiB work (eager), 0 KiB now, 50% util` and ` (forced)`. */
struct rt__scav_trace {
    uint64_t background_bytes, eager_bytes, released_bytes;
    uint32_t util_percent;
    int forced;
};
int rt__scavtrace_format(char *buf, size_t size, const struct rt__scav_trace *t);

/* inittrace: `init NAME @0.008 ms, 0.010 ms clock, 0 bytes, 0 allocs` */
int rt__inittrace_format(char *buf, size_t size, const char *module, uint64_t at_ns, uint64_t clock_ns, uint64_t bytes,
                         uint64_t allocs);

#endif
