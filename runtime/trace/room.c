/* room.c - how much memory may be recorded into (see room.h).
 *
 * The flight recorder and a trace record into the same chunks, so one bound serves both: what either wants is kept
 * here, and the larger is set. A trace lets its chunks go as soon as they are copied, so what it needs is room for what
 * is recorded while its thread waits for a processor or for the disk. Under a memory limit neither may take more
 * than a small part of it: a trace is for looking at a program, not for pushing it over its limit.
 */
#include "runtime/trace/room.h"

#include <pthread.h>
#include "runtime/cruntime.h"
#include "runtime/trace/chunk.h"

/* Some two million events: a quarter of a second of a program that does nothing but record on four processors. */
#define TRACE_BYTES (16u << 20)
/* Beside a flight recorder, whose chunks a trace may use as well. */
#define TRACE_BESIDE_BYTES (4u << 20)
#define LIMIT_PARTS 32
/* What was copied may be used again at once. (0 would mean never, as long as there is room.) */
#define TRACE_AGE_TICKS 1

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t flight_bytes, flight_age_ticks;
static bool trace_is_taken;

uint64_t rt__room_under_limit(uint64_t bytes, int64_t limit_bytes)
{
    uint64_t most = limit_bytes == INT64_MAX ? UINT64_MAX : (uint64_t)limit_bytes / LIMIT_PARTS;
    if (most < RT__ROOM_LEAST_BYTES) {
        most = RT__ROOM_LEAST_BYTES;
    }
    return bytes < most ? bytes : most;
}

static uint64_t limited(uint64_t bytes)
{
    return rt__room_under_limit(bytes, rt_set_memory_limit(-1));
}

/* Holds the lock. */
static void set_bound(void)
{
    uint64_t bytes = flight_bytes, trace_bytes = 0;
    if (trace_is_taken) {
        trace_bytes = limited(flight_bytes ? TRACE_BESIDE_BYTES : TRACE_BYTES);
    }
    if (trace_bytes > bytes) {
        bytes = trace_bytes;
    }
    rt__chunks_set((size_t)bytes, flight_bytes ? flight_age_ticks : TRACE_AGE_TICKS);
}

uint64_t rt__room_flight(uint64_t bytes, uint64_t age_ticks)
{
    uint64_t got = bytes ? limited(bytes) : 0;
    pthread_mutex_lock(&lock);
    flight_bytes = got;
    flight_age_ticks = age_ticks;
    set_bound();
    pthread_mutex_unlock(&lock);
    return got;
}

void rt__room_trace(bool is_taken)
{
    pthread_mutex_lock(&lock);
    trace_is_taken = is_taken;
    set_bound();
    pthread_mutex_unlock(&lock);
}

void rt__room_forget(void)
{
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    trace_is_taken = false;
    flight_bytes = 0;
    set_bound();
}
