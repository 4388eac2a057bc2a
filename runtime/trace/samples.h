/* samples.h - the CPU profiler's samples, for the trace: which thread was where, when.
 *
 * A ring of the newest, written by signal handlers and read while they write. A sample that was overwritten, or was
 * still being written, when its reader came is counted.
 */
#ifndef RT_TRACE_SAMPLES_H
#define RT_TRACE_SAMPLES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* 20 s of two busy processors, more than the flight recorder keeps. 96 KiB. */
#define RT__SAMPLES 4096u

/* Maps the ring. Before the first sample; again does nothing. */
void rt__samples_prepare(void);
/* In the SIGPROF handler of the thread, while something is recorded. pcs: see unwind.h, innermost first. */
void rt__trace_sample(pid_t tid, const uintptr_t *pcs, size_t depth);

typedef void rt__sample_fn(uint64_t ticks, pid_t tid, uint32_t stack, void *arg);
/* Calls fn with each sample since the cursor, oldest first, and moves the cursor on. A cursor of 0 is before the
 * oldest that is still there. Returns how many. */
size_t rt__samples_each(uint64_t *cursor, rt__sample_fn *fn, void *arg);

/* Samples that readers did not get, and such as found no ring. */
uint64_t rt__samples_lost(void);
/* In the child of a fork: the ring is empty. */
void rt__samples_forget(void);

#endif
