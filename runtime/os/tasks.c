/* tasks.c - which threads run in this process, and what each of them is doing.
 *
 * From /proc/self/task, where a thread is a folder: comm has its name, stat its state, syscall the call
 * that it is in. opendir and stdio allocate, and the runtime asks from inside malloc, so this reads with
 * open, getdents64 and read. A thread may end between two of these: that is an answer, not an error.
 */
#define _GNU_SOURCE 1
#include "runtime/os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define TASKS "/proc/self/task"

/* ---- what the files say ------------------------------------------------------------------------ */

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

/* "id (name) S ...": a name may itself hold parentheses and blanks, so the last one counts. */
char rt__os_task_state(const char *stat)
{
    const char *end = strrchr(stat, ')');

    return end != NULL && end[1] == ' ' ? end[2] : 0;
}

/* "running", "-1 sp pc" (waits, but in no call), or the call's number and arguments. */
long rt__os_task_call(const char *text)
{
    long call = 0;

    if (strncmp(text, "running", 7) == 0 || strncmp(text, "-1 ", 3) == 0)
        return RT__OS_NO_CALL;
    if (*text < '0' || *text > '9')
        return RT__OS_CALL_UNKNOWN;
    for (; *text >= '0' && *text <= '9' && call < 1000000; text++)
        call = call * 10 + (*text - '0');
    return call;
}

/* ---- reading them ------------------------------------------------------------------------------ */

static char *put_number(char *end, pid_t number)
{
    do
        *--end = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    return end;
}

/* Reads one of a thread's files, as much as fits, and ends it with a NUL; its length, or -1. */
static ssize_t read_file(pid_t tid, const char *file, char *buf, size_t size)
{
    char path[64] = TASKS "/";
    char digits[16];
    char *digit = put_number(digits + sizeof digits, tid);
    size_t count = (size_t)(digits + sizeof digits - digit);
    ssize_t n;

    memcpy(path + sizeof TASKS, digit, count);
    memcpy(path + sizeof TASKS + count, file, strlen(file) + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    do
        n = read(fd, buf, size - 1);
    while (n < 0 && errno == EINTR);
    close(fd);
    buf[n > 0 ? n : 0] = '\0';
    return n;
}

bool rt__os_task_name(pid_t tid, char name[RT__OS_NAME_BYTES])
{
    int saved_errno = errno;
    char text[RT__OS_NAME_BYTES + 2]; /* a newline follows the name */
    ssize_t n = read_file(tid, "/comm", text, sizeof text);

    errno = saved_errno;
    if (n <= 0)
        return false;
    size_t length = (size_t)n - (text[n - 1] == '\n');
    memcpy(name, text, length);
    memset(name + length, 0, RT__OS_NAME_BYTES - length);
    return true;
}

bool rt__os_task_read(pid_t tid, struct rt__os_task *task)
{
    int saved_errno = errno;
    char text[256]; /* the state stands within the first 40 bytes of stat, the number first in syscall */

    *task = (struct rt__os_task){.tid = tid, .call = RT__OS_CALL_UNKNOWN};
    bool is_there = rt__os_task_name(tid, task->name);
    if (is_there && read_file(tid, "/stat", text, sizeof text) > 0)
        task->state = rt__os_task_state(text);
    if (is_there && read_file(tid, "/syscall", text, sizeof text) > 0)
        task->call = rt__os_task_call(text);
    errno = saved_errno;
    return is_there;
}

/* ---- walking ----------------------------------------------------------------------------------- */

bool rt__os_tasks(void (*found)(pid_t tid, void *arg), void *arg)
{
    int saved_errno = errno;
    _Alignas(struct dirent64) char entries[2048];
    int tasks = open(TASKS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ssize_t n;

    if (tasks < 0) {
        errno = saved_errno;
        return false;
    }
    while ((n = getdents64(tasks, entries, sizeof entries)) > 0) {
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
            pid_t tid = parse_tid(entry->d_name);
            if (tid != 0)
                found(tid, arg);
            at += entry->d_reclen;
        }
    }
    close(tasks);
    errno = saved_errno;
    return true;
}

struct named {
    const char *prefix;
    void (*found)(pid_t tid, void *arg);
    void *arg;
};

static void pass_on_if_named(pid_t tid, void *arg)
{
    const struct named *wanted = arg;
    char name[RT__OS_NAME_BYTES];

    if (rt__os_task_name(tid, name) && strncmp(name, wanted->prefix, strlen(wanted->prefix)) == 0)
        wanted->found(tid, wanted->arg);
}

void rt__os_threads_named(const char *prefix, void (*found)(pid_t tid, void *arg), void *arg)
{
    struct named wanted = {prefix, found, arg};

    rt__os_tasks(pass_on_if_named, &wanted);
}
