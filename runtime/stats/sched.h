/* sched.h - CDEBUG=schedtrace=N: every N milliseconds one line about who runs, in the form of GODEBUG=schedtrace.
 *
 *   sched.c   the line from its figures (pure), and the thread that prints it
 */
#ifndef RT_STATS_SCHED_H
#define RT_STATS_SCHED_H

#include <stddef.h>
#include <stdint.h>
#include "env/settings.h"

struct rt__sched {
    uint64_t elapsed_ns; /* since program start */
    unsigned max_procs;
    unsigned threads;  /* all of the process */
    unsigned runnable; /* of these, those that run or could; not the one that counts them */
    unsigned
        waiting; /* and those that wait for a device, which Go's figures know nothing of: neither idle nor running */
};

/* `SCHED 1004ms: gomaxprocs=2 idleprocs=1 threads=13 spinningthreads=0 needspinning=0 idlethreads=12 runqueue=0`, with
 * a newline. Returns its length, as snprintf. */
int rt__sched_format(char *buf, size_t size, const struct rt__sched *s);

/* Before main: starts the thread when asked for. A forked child has none. */
void rt__sched_start(const struct env_settings *settings);

#endif
