/* names.c - asks another process what stands at the addresses of a stack.
 *
 * To find names takes malloc, locks, stdio and libdw, of which nothing can be used any more by a process that is dying:
 * it may have died in any of them. So it starts its own program anew, which has all of that in good order, and which
 * looks at the dying one from outside (names_child.c). Here are only raw system calls and memory laid by before main.
 *
 * The child is made as by vfork: it borrows this memory until it executes, so that neither the size of the process nor
 * what other threads do to it matters; libc's fork would run handlers and wait for malloc's locks. All signals are
 * blocked in it from before its birth: a handler of the program's must not run there, and the terminal's ^C or ^\,
 * meant for the program, must not take its last words. It dies with the thread that made it, and at the end of the
 * socket.
 *
 * It may be late, or there is none: too many processes, no /proc, a file that is gone. Then the stack is written by
 * objects and offsets, and nobody is asked again until the end. A program that has other rights than its user never
 * starts one.
 */
#include "runtime/crash/names.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "runtime/os/os.h"

#define MS ((uint64_t)1000000)
#define NS_PER_S ((uint64_t)1000000000)

/* The first answer takes the start of a program and the reading of its debug information: for 20 frames of the app of
 * this project 0.2 s, and 2 s where eight others want the same two cores. The ones after it take up to 11 ms, a
 * file that was not read before aside. Whoever supervises a program waits some ten seconds for its end. */
#define FIRST_NS (5 * NS_PER_S)
#define NEXT_NS (2 * NS_PER_S)
#define WRITE_NS (2 * NS_PER_S)
/* It ends by itself within a millisecond of the socket's end, if it does. */
#define END_NS (200 * MS)
#define KILL_NS (1000 * MS)

#define CHILD_STACK_BYTES ((size_t)32 << 10) /* for six system calls, and a sanitizer that watches them */

/* The child's functions return to no one who would undo what a sanitizer notes at their beginning. */
#if defined(__has_attribute)
#if __has_attribute(no_sanitize)
#define IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))
#endif
#endif
#ifndef IN_CHILD
#define IN_CHILD
#endif

/* clone(2) by a name that ThreadSanitizer does not stand in front of: its own takes locks. */
extern int __clone(int (*run)(void *), void *stack, int flags, void *arg, ...);

static struct {
    char *stack;        /* of the child until it executes; NULL: there is never to be one */
    char **environment; /* the strings of the program's start, [0] for ours */
    char variable[sizeof(RT__NAMES_VARIABLE) + 24];
    char program[64];
    pid_t owner; /* who has the child: a fork of this process has not */
    pid_t child; /* 0: none */
    int fd;      /* -1: none */
    bool is_tried, has_answered;
} names = {.fd = -1};

static char text[RT__NAMES_TEXT_MAX];

/* ---- before main ---- */

static size_t copy_environment(char **to)
{
    static const char ours[] = RT__NAMES_VARIABLE "=";
    size_t n = 1;
    for (char **e = environ; e != NULL && *e != NULL; e++) {
        if (strncmp(*e, ours, strlen(ours)) != 0) {
            if (to != NULL) {
                to[n] = *e;
            }
            n++;
        }
    }
    return n;
}

void rt__crash_names_start(void)
{
    if (names.stack != NULL || getauxval(AT_SECURE) != 0) {
        return;
    }
    size_t strings = (copy_environment(NULL) + 1) * sizeof(char *);
    char *memory = rt__os_map_if_any(CHILD_STACK_BYTES + strings, RT__OS_OTHER);
    if (memory == NULL) {
        return;
    }
    names.environment = (char **)(memory + CHILD_STACK_BYTES);
    names.environment[0] = names.variable;
    copy_environment(names.environment);
    strncpy(names.program, rt__os_program(), sizeof(names.program) - 1);
    names.stack = memory;
}

/* ---- the child, until it executes ---- */

/* 0 and 1 are the socket, which may be one of them already; 2 is nothing: what goes wrong is not for the user. */
static IN_CHILD bool take_socket(int theirs)
{
    long nothing = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY | O_CLOEXEC);
    long high = syscall(SYS_fcntl, theirs, F_DUPFD, 3);
    if (high < 0 || syscall(SYS_dup3, high, 0, 0) < 0 || syscall(SYS_dup3, high, 1, 0) < 0) {
        return false;
    }
    if (nothing != 2 && (nothing < 0 || syscall(SYS_dup3, nothing, 2, 0) < 0)) {
        syscall(SYS_close, 2);
    } else if (nothing == 2) {
        syscall(SYS_fcntl, 2, F_SETFD, 0);
    }
#ifdef SYS_close_range
    /* Of the program's files, those that it lets others have. */
    syscall(SYS_close_range, 3, ~0u, 0);
#endif
    return true;
}

/* Nothing that executes a set-user-id file may gain rights by it, and nothing may be left behind. */
static IN_CHILD int run_child(void *theirs)
{
    static const struct rlimit no_core = {0, 0};
    char *arguments[] = {(char *)RT__NAMES_PROGRAM, names.program, NULL};
    if (syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && syscall(SYS_getppid) == names.owner &&
        syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && take_socket((int)(intptr_t)theirs)) {
        syscall(SYS_prlimit64, 0, RLIMIT_CORE, &no_core, NULL);
        syscall(SYS_execve, "/proc/self/exe", arguments, names.environment);
    }
    syscall(SYS_exit_group, 127);
    __builtin_unreachable();
}

/* ---- its birth and its end ---- */

static void name_variable(void)
{
    struct rt__text t = {.buf = names.variable, .size = sizeof(names.variable)};
    rt__text_add(&t, RT__NAMES_VARIABLE "=");
    rt__text_add_number(&t, (uint64_t)names.owner);
}

static void begin(void)
{
    int ends[2];
    uint64_t all = ~(uint64_t)0, before = 0;
    names.is_tried = true;
    names.has_answered = false;
    names.owner = (pid_t)syscall(SYS_getpid);
    if (names.stack == NULL || syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return;
    }
    name_variable();
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof(all));
    names.child =
        __clone(run_child, names.stack + CHILD_STACK_BYTES, CLONE_VM | CLONE_VFORK, (void *)(intptr_t)ends[1]);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
    syscall(SYS_close, ends[1]);
    names.fd = ends[0];
    if (names.child < 0) {
        names.child = 0;
    }
}

static struct timespec time_left(uint64_t deadline_ns)
{
    uint64_t now_ns = rt__os_now_ns(), left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    return (struct timespec){.tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S)};
}

/* Whether it has ended, or somebody else has waited for it: it is nobody's concern then. */
static bool is_gone(uint64_t deadline_ns)
{
    for (;;) {
        long got = syscall(SYS_wait4, names.child, NULL, WNOHANG | __WALL, NULL);
        if (got == names.child || (got < 0 && errno != EINTR)) {
            return true;
        }
        if (rt__os_now_ns() >= deadline_ns) {
            return false;
        }
        const struct timespec pause = {.tv_nsec = (long)MS};
        syscall(SYS_ppoll, NULL, 0, &pause, NULL, sizeof(uint64_t));
    }
}

static void hang_up(void)
{
    if (names.fd >= 0) {
        syscall(SYS_close, names.fd);
        names.fd = -1;
    }
}

void rt__crash_names_end(void)
{
    bool is_ours = names.child > 0 && names.owner == syscall(SYS_getpid);
    bool is_working = names.fd >= 0;
    hang_up();
    /* As long as it is not waited for, its pid is no one else's. */
    if (is_ours && !is_gone(is_working ? rt__os_now_ns() + END_NS : 0)) {
        syscall(SYS_kill, names.child, SIGKILL);
        is_gone(rt__os_now_ns() + KILL_NS);
    }
    names.child = 0;
    names.is_tried = false;
}

/* ---- question and answer ---- */

static bool receive(void *to, size_t size, uint64_t deadline_ns)
{
    for (size_t done = 0; done < size;) {
        struct pollfd asked = {.fd = names.fd, .events = POLLIN};
        struct timespec left = time_left(deadline_ns);
        long n = syscall(SYS_ppoll, &asked, 1, &left, NULL, sizeof(uint64_t));
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return false;
        }
        n = n > 0 ? syscall(SYS_recvfrom, names.fd, (char *)to + done, size - done, MSG_DONTWAIT, NULL, NULL) : 0;
        if (n > 0) {
            done += (size_t)n;
        } else if (asked.revents != 0 && (n == 0 || (errno != EINTR && errno != EAGAIN))) {
            return false;
        }
    }
    return true;
}

/* The answer's length; 0 when there is none. */
static size_t ask(const uintptr_t *pcs, uint32_t depth, bool with_system)
{
    static struct rt__names_question question;
    uint64_t deadline_ns = rt__os_now_ns() + (names.has_answered ? NEXT_NS : FIRST_NS);
    uint32_t len = 0;
    question.depth = depth;
    question.with_system = with_system;
    for (uint32_t i = 0; i < depth; i++) {
        question.pcs[i] = pcs[i];
    }
    size_t size = RT__NAMES_QUESTION_BYTES(depth);
    long sent = syscall(SYS_sendto, names.fd, &question, size, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
    bool good = sent == (long)size && receive(&len, sizeof(len), deadline_ns) && len > 0 && len <= sizeof(text) &&
                receive(text, len, deadline_ns);
    names.has_answered |= good;
    return good ? len : 0;
}

void rt__crash_write_frames(int fd, const uintptr_t *pcs, uint32_t depth, bool with_system)
{
    size_t len = 0;
    depth = depth < RT__STACK_MAX ? depth : RT__STACK_MAX;
    if (depth == 0) {
        return;
    }
    if (names.is_tried && names.owner != syscall(SYS_getpid)) {
        rt__crash_names_end();
    }
    if (!names.is_tried) {
        begin();
    }
    if (names.fd >= 0) {
        len = ask(pcs, depth, with_system);
    }
    if (len == 0) {
        struct rt__text t = {.buf = text, .size = sizeof(text)};
        hang_up();
        rt__names_plain(&t, pcs, depth, "/proc/self/maps");
        len = t.len;
    }
    rt__crash_write(fd, text, len, rt__os_now_ns() + WRITE_NS);
}
