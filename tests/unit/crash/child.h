/* child.h - children that die as a test wants it, and what they said. */
#ifndef TESTS_UNIT_CRASH_CHILD_H
#define TESTS_UNIT_CRASH_CHILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/crash/crash.h"

#define PATIENCE_MS 60000
#define TEXT_BYTES (256u << 10)

struct child {
    pid_t pid;
    int err; /* what it says */
    int status;
    char text[TEXT_BYTES];
};
static struct child child;

/* cmocka has handlers of its own, which ours would leave alone. */
static void crashes_are_ours(enum env_traceback level, bool quit_continues)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT};
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
        signal(signals[i], SIG_DFL);
    }
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    rt__crash_start(&(struct env_settings){.traceback = level, .sigquit_continue = quit_continues});
}

/* Starts a child whose stderr is read here; in the child it does not return. */
static void start(void (*fn)(void), enum env_traceback level, bool quit_continues)
{
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    child.pid = fork();
    if (child.pid == 0) {
        dup2(fd[1], STDERR_FILENO);
        close(fd[0]);
        close(fd[1]);
        crashes_are_ours(level, quit_continues);
        fn();
        _exit(99);
    }
    close(fd[1]);
    child.err = fd[0];
    child.text[0] = '\0';
}

/* Reads until the text has the words, or to its end when words is NULL. */
static void hear(const char *words)
{
    size_t len = strlen(child.text);
    while (!words || !strstr(child.text, words)) {
        struct pollfd asked = {.fd = child.err, .events = POLLIN};
        if (poll(&asked, 1, PATIENCE_MS) != 1) {
            kill(child.pid, SIGKILL);
            fail_msg("not said within a minute: %s; but: %s", words ? words : "(the end)", child.text);
        }
        ssize_t n = read(child.err, child.text + len, TEXT_BYTES - 1 - len);
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
        child.text[len] = '\0';
    }
    if (words && !strstr(child.text, words)) {
        fail_msg("not said: %s; but: %s", words, child.text);
    }
}

static void end(void)
{
    hear(NULL);
    close(child.err);
    assert_int_equal(waitpid(child.pid, &child.status, 0), child.pid);
}

static void assert_exit(int status)
{
    if (!WIFEXITED(child.status) || WEXITSTATUS(child.status) != status) {
        fail_msg("ended with status 0x%x: %s", (unsigned)child.status, child.text);
    }
}

static void assert_signal(int signal)
{
    if (!WIFSIGNALED(child.status) || WTERMSIG(child.status) != signal) {
        fail_msg("ended with status 0x%x: %s", (unsigned)child.status, child.text);
    }
}

static unsigned times_said(const char *words)
{
    unsigned count = 0;
    for (const char *at = child.text; (at = strstr(at, words)); at++) {
        count++;
    }
    return count;
}

/* A pipe that nobody reads, and that is full. */
static void make_stderr_stuck(void)
{
    static const char zeros[4096];
    int fd[2];
    if (pipe(fd) != 0) {
        _exit(98);
    }
    dup2(fd[1], STDERR_FILENO);
    fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
    while (write(STDERR_FILENO, zeros, sizeof(zeros)) > 0) {
    }
    fcntl(STDERR_FILENO, F_SETFL, 0);
}

#endif
