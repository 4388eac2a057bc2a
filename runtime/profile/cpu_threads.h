/* cpu_threads.h - the threads that a CPU profile watches: for each a timer on its CPU clock and a ring of samples.
 *
 * A slot is a thread's while it is watched. Slots are mapped as threads come and never unmapped, as a late
 * signal may still look at one. All calls are made under cpu.c's lock; only the signal handler is not.
 */
#ifndef RT_PROFILE_CPU_THREADS_H
#define RT_PROFILE_CPU_THREADS_H

#include <sys/types.h>
#include "runtime/profile/cpu_losses.h"
#include "runtime/profile/cpu_table.h"

/* What becomes of samples: one profile. */
struct rt__cpu_sums {
    struct rt__cpu_table table;
    struct rt__cpu_losses losses;
};

/* Begins to watch a thread that is not watched yet. */
void rt__cpu_threads_watch(pid_t tid);
/* Moves all samples into the sums, and lets go of threads that have ended. */
void rt__cpu_threads_look(struct rt__cpu_sums *sums);
/* The same, and lets go of all: no sample comes any more. */
void rt__cpu_threads_let_go(struct rt__cpu_sums *sums);
/* In a forked child, which has neither the timers nor the threads. */
void rt__cpu_threads_forget(void);

#endif
