/* dying.h - a process that dies by a mistake and writes its stack: what the tests of names share. */
#ifndef TESTS_CRASH_DYING_H
#define TESTS_CRASH_DYING_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "runtime/crash/names.h"
#include "runtime/unwind/unwind.h"

#define OUT 100 /* where a process that dies writes; above all that the runtime opens */
#define PATIENCE_S 300

/* ---- a program with a mistake ---- */

static volatile int *volatile nowhere = (volatile int *)8;

enum { CULPRIT_LINE = __LINE__ + 4 };

static __attribute__((noinline)) int culprit(int a)
{
    *nowhere = a;
    return a + *nowhere;
}

enum { INLINED_LINE = __LINE__ + 4 };

static inline __attribute__((always_inline)) int inlined(int a)
{
    return culprit(a * 2) + 1;
}

enum { OUTER_LINE = __LINE__ + 4 };

static __attribute__((noinline)) int outer(int a)
{
    return inlined(a + 1) * 3;
}

static volatile int result;

enum { CRASH_LINE = __LINE__ + 4 };

static inline void crash(void)
{
    result = outer(1);
}

/* ---- how it dies ---- */

static bool with_system;
static void (*before_end)(const uintptr_t *pcs, uint32_t depth); /* what else it does once it has written */

enum { CLEAN = 0, LEFT_A_FILE = 2, LEFT_A_CHILD, NO_CHILD };

/* Not _exit: before a call that does not return AddressSanitizer uses malloc, whose lock another thread may have held
 * when this process was forked. */
static inline void leave(int status)
{
    syscall(SYS_exit_group, status);
}

static inline size_t open_files(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 256; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

static size_t files_at_start;

static inline void on_death(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    uintptr_t pcs[RT__STACK_MAX];
    uint32_t depth = (uint32_t)rt__unwind_context(context, pcs, RT__STACK_MAX);
    rt__crash_write_frames(OUT, pcs, depth, with_system);
    if (before_end != NULL) {
        before_end(pcs, depth);
    }
    rt__crash_names_end();
    if (waitpid(-1, NULL, WNOHANG | __WALL) != -1 || errno != ECHILD) {
        leave(LEFT_A_CHILD);
    }
    leave(open_files() == files_at_start ? CLEAN : LEFT_A_FILE);
}

static inline void die_as_told(void)
{
    static char alternate[64 << 10];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
    struct sigaction action = {.sa_sigaction = on_death, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    alarm(PATIENCE_S); /* rather than stay behind */
    sigaltstack(&stack, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    files_at_start = open_files();
}

struct death {
    pid_t pid;
    int from; /* what it writes */
};

static inline struct death begin(void (*life)(void))
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct death d = {.pid = fork(), .from = ends[0]};
    assert_true(d.pid >= 0);
    if (d.pid == 0) {
        dup2(ends[1], OUT);
        close(ends[0]);
        close(ends[1]);
        die_as_told();
        life();
        leave(1);
    }
    close(ends[1]);
    return d;
}

static char output[256 << 10];

static inline const char *read_all(int fd)
{
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, output + len, sizeof(output) - 1 - len)) > 0) {
        len += (size_t)n;
    }
    output[len] = '\0';
    close(fd);
    return output;
}

static inline int status_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static inline const char *death_of(void (*life)(void))
{
    struct death d = begin(life);
    const char *text = read_all(d.from);
    assert_int_equal(status_of(d.pid), CLEAN);
    return text;
}

/* ---- what it has written ---- */

static inline void assert_named(const char *text)
{
    assert_int_equal(strncmp(text, "culprit(...)\n", 13), 0);
    assert_non_null(strstr(text, "\nouter(...)\n"));
    assert_non_null(strstr(text, "\nmain(...)\n"));
}

static inline void assert_plain(const char *text)
{
    char program[64];
    snprintf(program, sizeof(program), "%.50s+0x", program_invocation_short_name);
    assert_int_equal(strncmp(text, program, strlen(program)), 0);
    assert_non_null(strstr(text, "\nlibc.so.6+0x"));
    assert_non_null(strstr(text, " pc=0x"));
}

#endif
