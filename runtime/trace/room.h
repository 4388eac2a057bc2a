/* room.h - how much memory may be recorded into, as long as somebody reads what is recorded. */
#ifndef RT_TRACE_ROOM_H
#define RT_TRACE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#define RT__ROOM_LEAST_BYTES (64u << 10) /* of the flight recorder: eight threads with a chunk each */

/* What is left of bytes under a memory limit (INT64_MAX: none). Pure. */
uint64_t rt__room_under_limit(uint64_t bytes, int64_t limit_bytes);

/* The flight recorder is on and wants that much, and to keep what is younger than age; 0 bytes: it is off. Returns the
 * bytes that it has got. */
uint64_t rt__room_flight(uint64_t bytes, uint64_t age_ticks);
/* A trace is being taken, or has ended. */
void rt__room_trace(bool is_taken);
/* In the child of a fork: nothing is recorded, and nobody holds the lock. */
void rt__room_forget(void);

#endif
