/* threads.c - who runs in this process, and where a thread's stack begins.
 *
 * The obvious calls allocate: opendir its buffer, pthread_getattr_np a CPU mask, and on the main
 * thread a stdio stream over /proc/self/maps. The runtime asks from inside malloc, so it reads
 * /proc with open, getdents64 and read, and takes stack bases from what libc keeps anyway.
 */
#define _GNU_SOURCE 1
#include "runtime/os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

pid_t rt__os_tid(void)
{
    return gettid();
}

/* glibc's note of where the main thread's stack began; exported by ld.so for collectors. */
extern void *__libc_stack_end;

/* glibc puts a thread's descriptor, to which pthread_self points, and its TLS at the top of the
 * thread's stack, also when the program gave the stack; the main thread's descriptor lies
 * elsewhere, below the stack. So the base is whichever mark is the nearest above this frame. That
 * stays right in the child of a fork from another thread, where a test "tid = pid" goes wrong. */
void *rt__os_stack_base(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t marks[2] = {(uintptr_t)pthread_self(), (uintptr_t)__libc_stack_end};
    uintptr_t base = 0;

    for (int i = 0; i < 2; i++) {
        if (marks[i] > here && (base == 0 || marks[i] < base))
            base = marks[i];
    }
    return (void *)base;
}

/* Reads a small file whole; its length, or -1. */
static ssize_t read_at(int dir, const char *path, char *buf, size_t size)
{
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -1;
    do
        n = read(fd, buf, size);
    while (n < 0 && errno == EINTR);
    close(fd);
    return n;
}

/* 0 for what is not a thread's folder ("." and ".."). */
static pid_t parse_tid(const char *name)
{
    pid_t tid = 0;

    for (; *name != '\0'; name++) {
        if (*name < '0' || *name > '9')
            return 0;
        tid = tid * 10 + (*name - '0');
    }
    return tid;
}

static bool name_begins_with(int tasks, const char *tid_text, const char *prefix)
{
    char path[32];
    char comm[32]; /* the kernel keeps 15 bytes, then a newline */
    size_t id_length = strlen(tid_text);
    size_t prefix_length = strlen(prefix);

    if (id_length + sizeof "/comm" > sizeof path)
        return false;
    memcpy(path, tid_text, id_length);
    memcpy(path + id_length, "/comm", sizeof "/comm");
    ssize_t n = read_at(tasks, path, comm, sizeof comm);
    if (n > 0 && comm[n - 1] == '\n')
        n--;
    /* A thread that ended since its folder was listed has no name any more: n is -1. */
    return n >= 0 && (size_t)n >= prefix_length && memcmp(comm, prefix, prefix_length) == 0;
}

void rt__os_threads_named(const char *prefix, void (*found)(pid_t tid, void *arg), void *arg)
{
    int saved_errno = errno;
    _Alignas(struct dirent64) char entries[2048];
    int tasks = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ssize_t n;

    if (tasks < 0) {
        errno = saved_errno;
        return;
    }
    while ((n = getdents64(tasks, entries, sizeof entries)) > 0) {
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
            pid_t tid = parse_tid(entry->d_name);
            if (tid != 0 && name_begins_with(tasks, entry->d_name, prefix))
                found(tid, arg);
            at += entry->d_reclen;
        }
    }
    close(tasks);
    errno = saved_errno;
}
