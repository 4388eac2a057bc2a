/* raw_locks.c - the lock benchmark without the runtime: libc's own calls. */
#define BENCH_NAME "raw_locks"
#define BENCH_SETUP(profiles, recorded) ((void)(profiles), (void)(recorded))
#include "bench/locks.inc.h"
