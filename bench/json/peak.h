/* peak.h - how much memory reading a file of rooms in pieces takes at most. */
#ifndef BENCH_JSON_PEAK_H
#define BENCH_JSON_PEAK_H

#include <stdbool.h>
#include <stdint.h>

struct rooms_peak {
    uint64_t peak_bytes;   /* of both heaps, above what was there before */
    uint64_t result_bytes; /* of rooms, photos and texts */
    uint64_t rooms;
};

/* rooms_measure_peak - reads the file by rooms_read_stream. False on an error, which is in `error` (ROOMS_ERROR_BYTES).
 * Runs cycles, and holds the collector still in between; no other thread may be allocating. */
bool rooms_measure_peak(const char *path, struct rooms_peak *out, char *error);

#endif
