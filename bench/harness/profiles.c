/* profiles.c - the profiles and the trace that the flags ask for, of the whole run, by the runtime's public functions.
 *
 * All files are opened first: a run of an hour must not end in a file that could not be written. What goes over the
 * whole run (CPU, trace) is begun here; the others are written at the end.
 */
#include "bench/harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "runtime/cruntime.h"

enum { CPU, TRACE, MEM, BLOCK, MUTEX, KINDS };

static struct {
    char path[4096]; /* "": not asked for */
    int fd;
} files[KINDS];
static bool is_stopped = true; /* atomic */

static bool open_one(int kind, const char *name, const char *dir, char *error, size_t size)
{
    if (name[0] == '\0') {
        files[kind].path[0] = '\0';
        return true;
    }
    bool in_dir = dir[0] && name[0] != '/';
    int length =
        snprintf(files[kind].path, sizeof(files[kind].path), "%s%s%s", in_dir ? dir : "", in_dir ? "/" : "", name);
    bool fits = length < (int)sizeof(files[kind].path);
    files[kind].fd = fits ? open(files[kind].path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    if (files[kind].fd < 0) {
        snprintf(error, size, "cannot write %.400s: %s", files[kind].path, strerror(fits ? errno : ENAMETOOLONG));
        return false;
    }
    return true;
}

static bool is_wanted(int kind)
{
    return files[kind].path[0] != '\0';
}

static bool begin(int kind, int result, const char *what, char *error, size_t size)
{
    if (result != 0) {
        snprintf(error, size, "cannot begin the %s of %.400s: %s", what, files[kind].path, strerror(-result));
    }
    return result == 0;
}

bool rt__bench_profiles_start(const struct rt__bench_flags *flags, char *error, size_t error_size)
{
    const char *dir = flags->outputdir;
    if (!open_one(CPU, flags->cpuprofile, dir, error, error_size) ||
        !open_one(TRACE, flags->trace, dir, error, error_size) ||
        !open_one(MEM, flags->memprofile, dir, error, error_size) ||
        !open_one(BLOCK, flags->blockprofile, dir, error, error_size) ||
        !open_one(MUTEX, flags->mutexprofile, dir, error, error_size)) {
        return false;
    }
    if (flags->memprofilerate > 0) {
        rt_set_mem_profile_rate(flags->memprofilerate);
    }
    if (is_wanted(BLOCK)) {
        rt_set_block_profile_rate(flags->blockprofilerate);
    }
    if (is_wanted(MUTEX)) {
        rt_set_mutex_profile_fraction((int)flags->mutexprofilefraction);
    }
    if (is_wanted(CPU) && !begin(CPU, rt_cpu_profile_start(files[CPU].fd), "CPU profile", error, error_size)) {
        return false;
    }
    if (is_wanted(TRACE) && !begin(TRACE, rt_trace_start(files[TRACE].fd), "trace", error, error_size)) {
        return false;
    }
    __atomic_store_n(&is_stopped, false, __ATOMIC_SEQ_CST);
    return true;
}

/* Takes what writing it came to. */
static bool finish(int kind, int result)
{
    if (close(files[kind].fd) != 0 && result == 0) {
        result = -errno;
    }
    if (result != 0) {
        fprintf(stderr, "benchmark: cannot write %s: %s\n", files[kind].path, strerror(-result));
    }
    return result == 0;
}

bool rt__bench_profiles_stop(void)
{
    bool is_good = true;
    if (__atomic_exchange_n(&is_stopped, true, __ATOMIC_SEQ_CST)) {
        return true;
    }
    if (is_wanted(CPU)) {
        is_good = finish(CPU, rt_cpu_profile_stop()) && is_good;
    }
    if (is_wanted(TRACE)) {
        is_good = finish(TRACE, rt_trace_stop()) && is_good;
    }
    if (is_wanted(MEM)) {
        rt_gc(); /* what died is known by then */
        is_good = finish(MEM, rt_profile_write("allocs", 0, files[MEM].fd)) && is_good;
    }
    if (is_wanted(BLOCK)) {
        is_good = finish(BLOCK, rt_profile_write("block", 0, files[BLOCK].fd)) && is_good;
    }
    if (is_wanted(MUTEX)) {
        is_good = finish(MUTEX, rt_profile_write("mutex", 0, files[MUTEX].fd)) && is_good;
    }
    return is_good;
}
