/* trace.h - the execution trace: what every thread did, in what order. Go's runtime/trace, for C.
 *
 *   clock.c       time as the recorder reads it (ticks), and how it becomes nanoseconds
 *   event.c       events as words of memory (pure)
 *   chunk.c       the memory that threads record into, bounded, used again when it is full
 *   record.c      recording: one thread, one event; nobody waits for anybody
 *   threads.c     the records of threads, from their begin to their end
 *   task.c        tasks, regions and logs: the public API of programs
 *   sites.c       names with the places that used them; stacks.c  stacks; each kept once (intern.c)
 *   wakes.c       who has let whom go on
 *   calls.c       poll, epoll_wait, sleeps, fsync: calls that block, for the whole process
 *   blocks.c      the block of a thread, from just before such a call to just after it
 *   heap_events.c the heap's size and goal, as counters
 *   samples.c     CPU samples, while the CPU profiler runs
 *   figures.c     counters, for the metrics
 *   timeline.c    chunks, in the order of a thread's life, as moments that any writer can write (pure)
 *   go_writer.c go_wire.c go_table.c  moments as `go tool trace` reads them
 *   chrome_writer.c           moments as Perfetto and chrome://tracing read them
 *   places.c      addresses and sites as functions, files and lines, for both writers
 *   stream.c      a whole trace, written while it is recorded
 *   flight.c      the flight recorder: the last seconds, written when asked
 *   state.c       what is recorded at all, and for whom
 *
 * Recording goes on when a trace is being taken or the flight recorder is on; both read the same events. Stacks
 * come from unwind/, names from symbols/. Must never: wait for a lock while recording, allocate from a heap
 * while recording, or drop an event without counting it.
 */
#ifndef RT_TRACE_TRACE_H
#define RT_TRACE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

struct env_settings;

/* Before main, and before other threads are made: the clock, and the main thread's record. */
void rt__trace_start(const struct env_settings *settings);

/* ---- stream.c: one trace at a time ---- */

enum rt__trace_format { RT__TRACE_GO, RT__TRACE_CHROME };

/* Begins a trace that is written to fd (kept open by the caller) while it is recorded, by a thread of its own. 0,
 * -EBUSY when one is being taken, -EAGAIN when there is no thread to be had, -ENOMEM. */
int rt__trace_begin(int fd, enum rt__trace_format format);
/* Ends it: all is written when it returns. 0, -EINVAL when none is being taken, or the error of the first write
 * that failed. */
int rt__trace_end(void);

/* ---- flight.c ---- */

/* Writes the window to fd. 0, -EINVAL when the recorder is off, -EBUSY when another snapshot is being written, -ENOMEM,
 * or the error of write(2). */
int rt__flight_write(int fd, enum rt__trace_format format);

#endif
