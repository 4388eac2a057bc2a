/* alarms.c - signals to one thread of this process, by a timer or at once.
 *
 * The kernel's calls rather than libc's: timer_create may allocate, and a thread asks for its timer
 * before the program's first instruction in it. Each signal carries a word of the caller's, as timers
 * cannot be taken back: one that was sent may arrive after its timer is gone, and another module of the
 * program may use the same signal.
 */
#define _GNU_SOURCE 1
#include "runtime/os/os.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* glibc 2.36 names the kernel's field only by its union. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
}

static int start(int *alarm, clockid_t clock, pid_t tid, int signal, uint64_t word, const struct itimerspec *times)
{
    int saved_errno = errno, result = 0;
    struct sigevent event;

    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_notify_thread_id = tid;
    event.sigev_signo = signal;
    event.sigev_value.sival_ptr = (void *)(uintptr_t)word;
    if (syscall(SYS_timer_create, clock, &event, alarm) != 0)
        result = -errno;
    else if (syscall(SYS_timer_settime, *alarm, 0, times, NULL) != 0) {
        result = -errno;
        syscall(SYS_timer_delete, *alarm);
    }
    errno = saved_errno;
    return result;
}

int rt__os_alarm_start(int *alarm, pid_t tid, int signal, uint64_t word, uint64_t first_ns, uint64_t period_ns)
{
    struct itimerspec times = {.it_value = timespec_of(first_ns), .it_interval = timespec_of(period_ns)};

    return start(alarm, rt__os_thread_clock(tid), tid, signal, word, &times);
}

int rt__os_alarm_once(int *alarm, pid_t tid, int signal, uint64_t word, uint64_t after_ns)
{
    struct itimerspec times = {.it_value = timespec_of(after_ns)};

    return start(alarm, CLOCK_MONOTONIC, tid, signal, word, &times);
}

void rt__os_alarm_stop(int alarm)
{
    int saved_errno = errno;

    syscall(SYS_timer_delete, alarm);
    errno = saved_errno;
}

int rt__os_alarm_now(pid_t tid, int signal, uint64_t word)
{
    int saved_errno = errno;
    siginfo_t info;

    memset(&info, 0, sizeof info);
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = (void *)(uintptr_t)word;
    int result = syscall(SYS_rt_tgsigqueueinfo, info.si_pid, tid, signal, &info) == 0 ? 0 : -errno;
    errno = saved_errno;
    return result;
}
