/* thread_note.c - see thread_note.h.
 *
 * Calls are named as a program calls them, not as the kernel does: several of the kernel's are one function
 * of libc's (pselect6: select), and "nanosleep" is what people look for. futex stays, as it may be a
 * mutex, a condition or a join; the stack tells which.
 */
#include "runtime/os/thread_note.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

struct named_call {
    long number;
    const char *name;
};

/* Calls in which a thread can be found waiting. Some architectures lack the older ones. */
static const struct named_call calls[] = {
    {SYS_futex, "futex"},
    {SYS_epoll_pwait, "epoll_wait"},
    {SYS_ppoll, "poll"},
    {SYS_pselect6, "select"},
    {SYS_clock_nanosleep, "nanosleep"},
    {SYS_nanosleep, "nanosleep"},
    {SYS_read, "read"},
    {SYS_readv, "readv"},
    {SYS_pread64, "pread"},
    {SYS_preadv, "preadv"},
    {SYS_write, "write"},
    {SYS_writev, "writev"},
    {SYS_pwrite64, "pwrite"},
    {SYS_pwritev, "pwritev"},
    {SYS_sendfile, "sendfile"},
    {SYS_splice, "splice"},
    {SYS_fsync, "fsync"},
    {SYS_fdatasync, "fdatasync"},
    {SYS_sync, "sync"},
    {SYS_syncfs, "syncfs"},
    {SYS_sync_file_range, "sync_file_range"},
    {SYS_msync, "msync"},
    {SYS_madvise, "madvise"},
    {SYS_mmap, "mmap"},
    {SYS_munmap, "munmap"},
    {SYS_mprotect, "mprotect"},
    {SYS_mremap, "mremap"},
    {SYS_brk, "brk"},
    {SYS_openat, "open"},
    {SYS_close, "close"},
    {SYS_ftruncate, "ftruncate"},
    {SYS_fallocate, "fallocate"},
    {SYS_unlinkat, "unlink"},
    {SYS_renameat2, "rename"},
    {SYS_getdents64, "readdir"},
    {SYS_newfstatat, "stat"},
    {SYS_flock, "flock"},
    {SYS_fcntl, "fcntl"},
    {SYS_ioctl, "ioctl"},
    {SYS_accept, "accept"},
    {SYS_accept4, "accept"},
    {SYS_connect, "connect"},
    {SYS_recvfrom, "recv"},
    {SYS_recvmsg, "recvmsg"},
    {SYS_recvmmsg, "recvmmsg"},
    {SYS_sendto, "send"},
    {SYS_sendmsg, "sendmsg"},
    {SYS_sendmmsg, "sendmmsg"},
    {SYS_wait4, "wait"},
    {SYS_waitid, "waitid"},
    {SYS_rt_sigtimedwait, "sigwait"},
    {SYS_rt_sigsuspend, "sigsuspend"},
    {SYS_semtimedop, "semop"},
    {SYS_semop, "semop"},
    {SYS_msgrcv, "msgrcv"},
    {SYS_msgsnd, "msgsnd"},
    {SYS_mq_timedreceive, "mq_receive"},
    {SYS_mq_timedsend, "mq_send"},
    {SYS_io_getevents, "io_getevents"},
    {SYS_io_uring_enter, "io_uring_enter"},
    {SYS_sched_yield, "sched_yield"},
    {SYS_getrandom, "getrandom"},
#ifdef SYS_epoll_pwait2
    {SYS_epoll_pwait2, "epoll_wait"},
#endif
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, "epoll_wait"},
#endif
#ifdef SYS_poll
    {SYS_poll, "poll"},
#endif
#ifdef SYS_select
    {SYS_select, "select"},
#endif
#ifdef SYS_pause
    {SYS_pause, "pause"},
#endif
#ifdef SYS_open
    {SYS_open, "open"},
#endif
#ifdef SYS_unlink
    {SYS_unlink, "unlink"},
#endif
#ifdef SYS_rename
    {SYS_rename, "rename"},
#endif
};

static const char *call_name(long number)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        if (calls[i].number == number) {
            return calls[i].name;
        }
    }
    return NULL;
}

static bool is_stopped(char state)
{
    return state == 'T' || state == 't';
}

static bool has_ended(char state)
{
    return state == 'Z' || state == 'X' || state == 'x';
}

/* Of a thread that sleeps outside of a call: a page of its memory is being brought. */
static const char *outside_of_calls(char state)
{
    return state == 'S' || state == 'D' ? "page fault" : "running";
}

const char *rt__thread_word(const struct rt__os_task *task)
{
    if (is_stopped(task->state)) {
        return "stopped";
    }
    if (has_ended(task->state)) {
        return "ended";
    }
    if (task->state == 'R') {
        return "running";
    }
    if (task->call == RT__OS_NO_CALL) {
        return outside_of_calls(task->state);
    }
    return task->call >= 0 ? call_name(task->call) : "sleeping";
}

void rt__thread_note(const struct rt__os_task *task, bool has_answered, char note[RT__THREAD_NOTE_BYTES])
{
    const char *word = rt__thread_word(task);
    const char *after = has_answered ? "" : ", no answer";
    if (word) {
        snprintf(note, RT__THREAD_NOTE_BYTES, "%s%s", word, after);
    } else {
        snprintf(note, RT__THREAD_NOTE_BYTES, "syscall %ld%s", task->call, after);
    }
}

bool rt__thread_can_be_asked(const struct rt__os_task *task)
{
    return !is_stopped(task->state) && !has_ended(task->state) && task->call != SYS_rt_sigtimedwait;
}
