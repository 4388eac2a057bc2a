/* cpu.h - the processor's name, for the head of the output: pure. */
#ifndef RT_BENCH_CPU_H
#define RT_BENCH_CPU_H

#include <stdbool.h>
#include <stddef.h>

/* The processor's name, out of the text of /proc/cpuinfo; with_mhz: followed by its speed unless it says that itself,
 * as on all but x86, whose processors give their whole name. False when there is none. */
bool rt__bench_cpu_name(const char *cpuinfo, bool with_mhz, char *buf, size_t size);

#endif
