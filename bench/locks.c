/* locks.c - the lock benchmark with the runtime linked in, which takes the calls. -p switches both profiles on,
 * -r the flight recorder. It ends with status 1 when the calls are libc's own: they must never pass for ours. */
#include <dlfcn.h>
#include "runtime/cruntime.h"

#define BENCH_NAME "locks"
#define BENCH_SETUP set_up
static void set_up(int profiles, int recorded);
#include "bench/locks.inc.h"

static void set_up(int profiles, int recorded)
{
    if (dlsym(RTLD_DEFAULT, "pthread_mutex_lock") == dlsym(RTLD_NEXT, "pthread_mutex_lock")) {
        fprintf(stderr, BENCH_NAME ": the runtime did not take these calls\n");
        exit(1);
    }
    rt_set_mutex_profile_fraction(profiles);
    rt_set_block_profile_rate(profiles);
    if (recorded && rt_flight_recorder_start(NULL) != 0) {
        fprintf(stderr, BENCH_NAME ": the flight recorder does not start\n");
        exit(1);
    }
}
