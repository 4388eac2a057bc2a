/* dump.c - what held the memory, written down when CMEMLIMIT is passed, before worse happens.
 *
 * A pressure hook, so it runs when a cycle has not helped; once in the life of the process, because the first breach
 * is the one that explains the others, and a program that lives at its limit would otherwise fill the disk. The
 * profile is taken and written by a thread of its own: the hook may run on the background thread, which
 * must not allocate, or deep inside a program's function, whose locks it must not keep for so long.
 * The file appears whole under its name or not at all.
 */
#include "runtime/profile/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "runtime/cruntime.h"
#include "runtime/os/os.h"

static const char *folder;
static bool done;

static int write_file(const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    int result = rt_profile_write("heap", 0, fd);
    if (result == 0 && fsync(fd) != 0) {
        result = -errno;
    }
    close(fd);
    return result;
}

static void *dump(void *unused)
{
    char name[PATH_MAX], unfinished[PATH_MAX];
    (void)unused;
    pthread_setname_np(pthread_self(), "rt-heapdump");
    snprintf(name, sizeof(name), "%s/%s.%d.heap.pb.gz", folder, rt__os_program(), (int)getpid());
    snprintf(unfinished, sizeof(unfinished), "%s/.%s.%d.heap.part", folder, rt__os_program(), (int)getpid());
    unlink(unfinished); /* of an earlier process with this number */
    int result = write_file(unfinished);
    if (result == 0 && rename(unfinished, name) != 0) {
        result = -errno;
    }
    if (result == 0) {
        rt__os_print("%s: CMEMLIMIT is passed; heap profile: %s\n", rt__os_program(), name);
    } else {
        unlink(unfinished);
        rt__os_print("%s: CMEMLIMIT is passed; cannot write the heap profile %s: %s\n", rt__os_program(), name,
                     strerrordesc_np(-result));
    }
    return NULL;
}

static void on_pressure(void *unused)
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all, old;
    (void)unused;
    if (__atomic_exchange_n(&done, true, __ATOMIC_RELAXED)) {
        return;
    }
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    sigdelset(&all, SIGPWR); /* the collector's own */
    sigdelset(&all, SIGXCPU);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&thread, &attr, dump, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    if (error != 0) {
        rt__os_print("%s: CMEMLIMIT is passed; no thread to write the heap profile: %s\n", rt__os_program(),
                     strerrordesc_np(error));
    }
}

void rt__heap_dump_start(const char *path)
{
    if (path[0] == '\0') {
        return;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || access(path, W_OK | X_OK) != 0) {
        rt__os_die(2, "CDEBUG=heapdumpdir=%s: want a folder that files can be made in: %s", path,
                   strerrordesc_np(errno));
    }
    close(fd);
    folder = path;
    rt_hook_add(RT_HOOK_PRESSURE, on_pressure, NULL);
}
