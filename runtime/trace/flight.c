/* flight.c - the flight recorder: the last seconds of what every thread did, written when somebody asks.
 *
 * While it is on all threads record into chunks that they take again when they are old (chunk.c), and nothing else
 * happens. A snapshot copies the chunks and makes a trace of the copies, so it neither stops recording nor loses
 * anything by it. It begins where it is whole: from the moment on that no thread has lost an event of, and not before
 * the age that was asked for. Must never leave half a file where a whole one was.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "runtime/cruntime.h"
#include "runtime/os/os.h"
#include "runtime/trace/clock.h"
#include "runtime/trace/heap_events.h"
#include "runtime/trace/reading.h"
#include "runtime/trace/record.h"
#include "runtime/trace/room.h"
#include "runtime/trace/trace.h"

#define AGE_NS UINT64_C(10000000000) /* Go's */
#define BYTES (10u << 20)            /* Go's */
#define NS_PER_S UINT64_C(1000000000)
#define FILE_NAMES 100 /* tried, until one is free */

/* on is read without the lock; it is written, and the rest is used, under it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool on;
static uint64_t age_ns, started_ns, started_ticks;
static bool writing; /* atomic: a snapshot is being written */

/* ---- on and off ------------------------------------------------------------------------------- */

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&lock);
}

/* What was recorded is of the parent's threads, so in a child it is off (state.c sees to recording); who was writing
 * stayed with the parent. */
static void after_fork_in_child(void)
{
    on = false;
    writing = false;
    rt__reading_forget();
    rt__room_forget();
    pthread_mutex_unlock(&lock);
}

static void mind_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* Without overflow, however long. */
static uint64_t in_ticks(uint64_t ns)
{
    __uint128_t ticks = (__uint128_t)ns * rt__clock_ticks_per_s() / NS_PER_S;
    return ticks > UINT64_MAX ? UINT64_MAX : (uint64_t)ticks;
}

/* Holds the lock. */
static void switch_on(uint64_t bytes, uint64_t age)
{
    age_ns = age;
    started_ticks = rt__ticks();
    rt__room_flight(bytes, in_ticks(age));
    rt__recording_set(RT__RECORD_FLIGHT, true);
    started_ns = rt__os_now_ns();
    __atomic_store_n(&on, true, __ATOMIC_RELEASE);
}

RT_API int rt_flight_recorder_start(const struct rt_flight_recorder_config *config)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint64_t bytes = config && config->max_bytes ? config->max_bytes : BYTES;
    if (bytes < RT__ROOM_LEAST_BYTES) {
        return -EINVAL;
    }
    pthread_once(&once, mind_forks);
    pthread_mutex_lock(&lock);
    int error = on ? -EBUSY : 0;
    if (!error) {
        switch_on(bytes, config && config->min_age_ns ? config->min_age_ns : AGE_NS);
    }
    pthread_mutex_unlock(&lock);
    return error;
}

RT_API void rt_flight_recorder_stop(void)
{
    pthread_mutex_lock(&lock);
    if (on) {
        __atomic_store_n(&on, false, __ATOMIC_RELEASE);
        rt__recording_set(RT__RECORD_FLIGHT, false);
        rt__room_flight(0, 0);
    }
    pthread_mutex_unlock(&lock);
}

RT_API bool rt_flight_recorder_is_enabled(void)
{
    return __atomic_load_n(&on, __ATOMIC_ACQUIRE);
}

/* ---- a snapshot ------------------------------------------------------------------------------- */

struct window {
    uint64_t from_ns, to_ns;
    uint64_t recorded_since; /* ticks */
};

/* Up to now. What is older than its begin was not asked for, or was recorded before it was asked for. */
static struct window wanted(void)
{
    struct window w = {.to_ns = rt__os_now_ns()};
    pthread_mutex_lock(&lock);
    w.from_ns = w.to_ns > age_ns ? w.to_ns - age_ns : 0;
    if (w.from_ns < started_ns) {
        w.from_ns = started_ns;
    }
    w.recorded_since = started_ticks;
    pthread_mutex_unlock(&lock);
    return w;
}

/* What was recorded last of all that is gone. Asked for after the chunks have been copied. */
static uint64_t whole_from(void)
{
    struct rt__clock_map clock;
    rt__clock_read(&clock);
    return rt__clock_ns(&clock, rt__chunks_overwritten());
}

static int write_gathered(int fd, enum rt__trace_format format, const struct rt__gathered *g, const struct window *w)
{
    struct rt__reading *r = g->no_memory ? NULL : rt__reading_begin(fd, format, w->from_ns, w->recorded_since);
    if (!r) {
        return -ENOMEM;
    }
    rt__reading_until(r, w->to_ns);
    rt__reading_feed(r, g, RT__READING_NEW);
    return rt__reading_end(r);
}

static int write_window(int fd, enum rt__trace_format format)
{
    struct rt__gathered g;
    rt__heap_event(true);
    struct window w = wanted();
    rt__gather(&g, false);
    uint64_t whole_ns = whole_from();
    if (w.from_ns < whole_ns) {
        w.from_ns = whole_ns < w.to_ns ? whole_ns : w.to_ns;
    }
    int error = write_gathered(fd, format, &g, &w);
    rt__gathered_release(&g);
    return error;
}

int rt__flight_write(int fd, enum rt__trace_format format)
{
    if (!rt_flight_recorder_is_enabled()) {
        return -EINVAL;
    }
    if (__atomic_exchange_n(&writing, true, __ATOMIC_ACQUIRE)) {
        return -EBUSY;
    }
    int error = write_window(fd, format);
    __atomic_store_n(&writing, false, __ATOMIC_RELEASE);
    return error;
}

RT_API int rt_flight_recorder_write(int fd)
{
    return rt__flight_write(fd, RT__TRACE_GO);
}

/* ---- into a file ------------------------------------------------------------------------------ */

/* A new file beside path, whose name goes to *name (malloc'd). The descriptor, or -errno. The number is there for those
 * that a killed process of the same id left behind. */
static int open_beside(const char *path, char **name)
{
    for (unsigned i = 0; i < FILE_NAMES; i++) {
        if (asprintf(name, "%s.%d.%u", path, (int)getpid(), i) < 0) {
            return -ENOMEM;
        }
        int fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd >= 0) {
            return fd;
        }
        int error = -errno;
        free(*name);
        if (error != -EEXIST) {
            return error;
        }
    }
    return -EEXIST;
}

static int failed(int result)
{
    return result < 0 ? -errno : 0;
}

/* The folder of path: a name is on the disk when its folder is. */
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    if (!folder) {
        return -ENOMEM;
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = failed(fd);
    free(folder);
    if (!error) {
        error = failed(fsync(fd));
        close(fd);
    }
    return error == -EINVAL ? 0 : error; /* of a file system whose folders are always on the disk */
}

static int write_and_sync(int fd)
{
    int error = rt_flight_recorder_write(fd);
    if (!error) {
        error = failed(fsync(fd));
    }
    int close_error = failed(close(fd));
    return error ? error : close_error;
}

RT_API int rt_flight_recorder_write_file(const char *path)
{
    char *name;
    if (!rt_flight_recorder_is_enabled()) {
        return -EINVAL; /* without a trace on the disk */
    }
    int fd = open_beside(path, &name);
    if (fd < 0) {
        return fd;
    }
    int error = write_and_sync(fd);
    if (!error) {
        error = failed(rename(name, path));
    }
    if (error) {
        unlink(name);
    }
    free(name);
    return error ? error : sync_folder(path);
}
