/* gops_text.h - the words and numbers of gops' protocol. Pure. */
#ifndef RT_AGENT_GOPS_TEXT_H
#define RT_AGENT_GOPS_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct rt_memstats;

/* Room for any of the texts below, with its NUL. */
#define RT__GOPS_TEXT 80

/* `4.38MB (4590944 bytes)`, or `12 bytes` below 1 KB. Returns buf. */
const char *rt__gops_bytes(char *buf, uint64_t bytes);
/* A time.Duration: `2.325873ms`, `1m0.5s`. */
const char *rt__gops_duration(char *buf, uint64_t ns);
/* A time.Time in the local zone: `2025-01-31 12:00:00.5 +0100 CET`. */
const char *rt__gops_time(char *buf, uint64_t unix_ns);

void rt__gops_write_memstats(FILE *out, const struct rt_memstats *ms);

struct rt__gops_stats {
    uint64_t threads, threads_made;
    int procs, cpus;
};
void rt__gops_write_stats(FILE *out, const struct rt__gops_stats *stats);

/* A signed varint, zig-zag, as encoding/binary writes it. Returns how many bytes it has; 0: more have to come; -1: it
 * does not fit 64 bits. */
int rt__gops_varint(const uint8_t *bytes, size_t len, int64_t *value);

#endif
