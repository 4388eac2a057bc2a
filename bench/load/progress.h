/* progress.h - a progress bar on stderr, when that is a terminal. Nothing otherwise. One thread. */
#ifndef BENCH_LOAD_PROGRESS_H
#define BENCH_LOAD_PROGRESS_H

#include <stdint.h>

/* progress_show - draws the bar, at most ten times a second. */
void progress_show(const char *what, uint64_t done, uint64_t all);

/* progress_hide - takes the bar away, if there is one. */
void progress_hide(void);

#endif
