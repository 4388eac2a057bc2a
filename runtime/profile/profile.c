/* profile.c - the profiles by name, the public calls, and the start of this folder.
 *
 * A profile is taken whole into memory, symbols are looked up, and only then is it written out: what is slow
 * comes after the moment that the profile shows. Nothing here runs inside malloc or in a signal handler.
 */
#include "runtime/profile/profile.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include "env/settings.h"
#include "runtime/cruntime.h"
#include "runtime/profile/dump.h"

static const struct rt__profile_entry *const entries[] = {
    &rt__profile_allocs, &rt__profile_block, &rt__profile_goroutine,
    &rt__profile_heap,   &rt__profile_mutex, &rt__profile_threadcreate,
};

const struct rt__profile_entry *rt__profile_at(unsigned i)
{
    return i < sizeof(entries) / sizeof(*entries) ? entries[i] : NULL;
}

const struct rt__profile_entry *rt__profile_named(const char *name, size_t len)
{
    const struct rt__profile_entry *entry;
    for (unsigned i = 0; (entry = rt__profile_at(i)) != NULL; i++) {
        if (strlen(entry->kind->name) == len && memcmp(entry->kind->name, name, len) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* ---- writing ------------------------------------------------------------------------------------ */

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int write_profile(const struct rt__profile *p, int debug, int fd)
{
    struct rt__bytes bytes = {0};
    int result = rt__profile_render(p, debug, &bytes);
    if (result == 0) {
        result = write_all(fd, bytes.data, bytes.len);
    }
    rt__bytes_release(&bytes);
    return result;
}

RT_API int rt_profile_write(const char *name, int debug, int fd)
{
    const struct rt__profile_entry *entry = name ? rt__profile_named(name, strlen(name)) : NULL;
    struct rt__profile p;
    if (!entry) {
        return -ENOENT;
    }
    rt__profile_begin(&p, entry->kind);
    entry->collect(&p);
    int result = write_profile(&p, debug, fd);
    rt__profile_release(&p);
    return result;
}

/* ---- the CPU profile ------------------------------------------------------------------------------ */

/* Where the profile of rt_cpu_profile_start goes. Others begin and end profiles of their own (debug/), so
 * stop must not end one of those. */
static pthread_mutex_t cpu_lock = PTHREAD_MUTEX_INITIALIZER;
static int cpu_fd = -1;

RT_API int rt_cpu_profile_start(int fd)
{
    if (fd < 0) {
        return -EBADF;
    }
    pthread_mutex_lock(&cpu_lock);
    int result = rt__cpu_profile_begin();
    if (result == 0) {
        cpu_fd = fd;
    }
    pthread_mutex_unlock(&cpu_lock);
    return result;
}

RT_API int rt_cpu_profile_stop(void)
{
    struct rt__profile p;
    pthread_mutex_lock(&cpu_lock);
    int fd = cpu_fd;
    cpu_fd = -1;
    int result = fd >= 0 ? rt__cpu_profile_end(&p) : -EINVAL;
    pthread_mutex_unlock(&cpu_lock);
    if (result == 0) {
        result = write_profile(&p, 0, fd);
        rt__profile_release(&p);
    }
    return result;
}

/* The child has no profile under way: timers are not inherited. */
static void before_fork(void)
{
    pthread_mutex_lock(&cpu_lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&cpu_lock);
}

static void after_fork_in_child(void)
{
    cpu_fd = -1;
    pthread_mutex_unlock(&cpu_lock);
}

/* ---- start ---------------------------------------------------------------------------------------- */

void rt__profile_start(const struct env_settings *settings)
{
    rt__contention_start(settings);
    rt__profile_heap_start(settings);
    rt__heap_dump_start(settings->heapdumpdir);
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}
