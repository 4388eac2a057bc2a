/* Who speaks, and how the process ends: one thread at a time, and always. Each test looks at the death of a child. */
#undef NDEBUG /* assert itself is tested */
#include "tests/unit/crash/child.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "runtime/cruntime.h"
#include "runtime/os/os.h"

static void panics(void)
{
    rt_panic("no %s", "room");
}

/* ---- panics and SIGQUIT: in all builds ---- */

static void a_panic_says_its_message_and_exits_with_2(void **state)
{
    (void)state;
    start(panics, ENV_TB_SINGLE, false);
    end();
    assert_exit(2);
    assert_ptr_equal(strstr(child.text, "panic: no room\n\nthread "), child.text);
    assert_int_equal(times_said("thread "), 1);
}

static void at_level_none_nothing_is_said(void **state)
{
    (void)state;
    start(panics, ENV_TB_NONE, false);
    end();
    assert_exit(2);
    assert_string_equal(child.text, "");
}

static void at_level_crash_a_panic_dies_of_sigabrt(void **state)
{
    (void)state;
    start(panics, ENV_TB_CRASH, false);
    end();
    assert_signal(SIGABRT);
    assert_non_null(strstr(child.text, "panic: no room\n"));
}

static volatile int one = 1; /* which the compiler does not know */

static void fails_an_assertion(void)
{
    assert(one > 2);
}

static void a_failed_assertion_says_libcs_line_and_why(void **state)
{
    char expected[256];
    (void)state;
    start(fails_an_assertion, ENV_TB_SINGLE, false);
    end();
    assert_exit(2);
    snprintf(expected, sizeof(expected), "%s: %s:", program_invocation_short_name, __FILE__);
    assert_ptr_equal(strstr(child.text, expected), child.text);
    assert_non_null(strstr(child.text, ": fails_an_assertion: Assertion `one > 2' failed.\n"
                                       "fatal error: assertion failed: one > 2\n\nthread "));
}

static pthread_barrier_t together;

static void *panics_with_others(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&together);
    rt_panic("all at once");
}

static void eight_panic(void)
{
    pthread_t thread;
    pthread_barrier_init(&together, NULL, 8);
    for (int i = 0; i < 7; i++) {
        pthread_create(&thread, NULL, panics_with_others, NULL);
    }
    panics_with_others(NULL);
}

static void of_eight_threads_that_panic_at_once_one_speaks(void **state)
{
    (void)state;
    start(eight_panic, ENV_TB_ALL, false);
    end();
    assert_exit(2);
    assert_int_equal(times_said("panic: all at once"), 1);
    assert_true(times_said("\nthread ") >= 8);
}

static void *waits(void *unused)
{
    while (one) {
        usleep(10000);
    }
    return unused;
}

static void waits_in_two_threads(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, waits, NULL);
    pthread_setname_np(thread, "waiter");
    fprintf(stderr, "ready\n");
    waits(NULL);
}

/* What AddressSanitizer calls before a call that does not return, and what uses malloc. */
static volatile bool is_dying;

#ifndef __SANITIZE_THREAD__ /* it asks before there is a dlsym */
int pthread_getattr_np(pthread_t thread, pthread_attr_t *attr)
{
    static int (*libcs)(pthread_t, pthread_attr_t *);
    if (is_dying) {
        syscall(SYS_exit_group, 94);
    }
    if (libcs == NULL) {
        libcs = (int (*)(pthread_t, pthread_attr_t *))dlsym(RTLD_NEXT, "pthread_getattr_np");
    }
    return libcs(thread, attr);
}
#endif

static void dies_by_sigquit(void)
{
    is_dying = true;
    syscall(SYS_tgkill, getpid(), rt__os_tid(), SIGQUIT);
    waits(NULL); /* ThreadSanitizer delivers signals only when a thread waits */
}

static void nobody_asks_libc_for_the_bounds_of_the_stack_while_the_process_dies(void **state)
{
    (void)state;
    start(dies_by_sigquit, ENV_TB_ALL, false);
    end();
    assert_exit(2);
}

static void sigquit_says_where_all_threads_are_and_exits_with_2(void **state)
{
    (void)state;
    start(waits_in_two_threads, ENV_TB_SINGLE, false);
    hear("ready\n");
    kill(child.pid, SIGQUIT);
    end();
    assert_exit(2);
    assert_ptr_equal(strstr(child.text, "ready\nSIGQUIT: quit\nPC="), child.text);
    assert_non_null(strstr(child.text, "\"waiter\"]:\n"));
}

static void at_level_crash_sigquit_dies_of_itself(void **state)
{
    (void)state;
    start(waits_in_two_threads, ENV_TB_CRASH, false);
    hear("ready\n");
    kill(child.pid, SIGQUIT);
    end();
    assert_signal(SIGQUIT);
}

/* ThreadSanitizer hands signals on when a thread waits; usleep is such a place, pause is not. */
static void quit_now(void)
{
    raise(SIGQUIT);
    usleep(1000);
}

static void quits_three_times(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, waits, NULL);
    pthread_setname_np(thread, "waiter");
    for (int i = 0; i < 3; i++) {
        quit_now();
    }
    _exit(7);
}

static void with_sigquit_continue_the_process_lives_on_and_can_be_asked_again(void **state)
{
    (void)state;
    start(quits_three_times, ENV_TB_SINGLE, true);
    end();
    assert_exit(7);
    assert_int_equal(times_said("SIGQUIT: quit"), 3);
    assert_int_equal(times_said("\"waiter\"]:\n"), 3);
}

static volatile sig_atomic_t aborts_seen;

static void sees_abort(int signal)
{
    (void)signal;
    aborts_seen++;
}

static void quits_with_an_abort_handler(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, waits, NULL);
    signal(SIGABRT, sees_abort);
    quit_now();
    _exit(aborts_seen);
}

static void a_dump_of_a_living_process_leaves_its_handlers_alone(void **state)
{
    (void)state;
    start(quits_with_an_abort_handler, ENV_TB_ALL, true);
    end();
    assert_exit(0);
    assert_int_equal(times_said("\nthread "), 2);
#ifndef RT_SANITIZE /* which put off handlers */
    assert_int_equal(times_said("no answer"), 0);
#endif
}

/* ---- while another thread speaks ---- */

static pid_t speaker; /* atomic */

static void *quits(void *unused)
{
    (void)unused;
    __atomic_store_n(&speaker, rt__os_tid(), __ATOMIC_RELEASE);
    quit_now();
    return NULL;
}

/* A thread that will be speaking for the next seconds. */
static void let_a_thread_speak(void)
{
    pthread_t thread;
    struct rt__os_task task = {.call = RT__OS_NO_CALL};
    make_stderr_stuck();
    pthread_create(&thread, NULL, quits, NULL);
    while (task.call != SYS_ppoll) {
        pid_t tid = __atomic_load_n(&speaker, __ATOMIC_ACQUIRE);
        usleep(1000);
        if (tid != 0 && !rt__os_task_read(tid, &task)) {
            _exit(97); /* it spoke, to whom? */
        }
    }
}

static void quits_while_another_does(void)
{
    let_a_thread_speak();
    quit_now();
    _exit(0);
}

static void a_second_sigquit_while_one_is_being_answered_is_ignored(void **state)
{
    (void)state;
    start(quits_while_another_does, ENV_TB_ALL, true);
    end();
    assert_exit(0);
}

static void forks_while_a_thread_speaks(void)
{
    int heard = dup(STDERR_FILENO), status;
    let_a_thread_speak();
    pid_t forked = fork();
    if (forked == 0) {
        dup2(heard, STDERR_FILENO);
        panics();
    }
    _exit(waitpid(forked, &status, 0) == forked && WIFEXITED(status) ? WEXITSTATUS(status) : 96);
}

static void a_child_that_was_forked_meanwhile_can_speak(void **state)
{
    (void)state;
    start(forks_while_a_thread_speaks, ENV_TB_ALL, true);
    end();
    assert_exit(2);
    assert_ptr_equal(strstr(child.text, "panic: no room\n"), child.text);
}

static void quits_where_a_shell_has_ignored_it(void)
{
    signal(SIGQUIT, SIG_IGN);
    rt__crash_start(&(struct env_settings){.traceback = ENV_TB_ALL});
    quit_now();
    _exit(0);
}

/* As every `./app &` of a script is started. */
static void a_sigquit_that_was_ignored_at_the_start_is_heard(void **state)
{
    (void)state;
    start(quits_where_a_shell_has_ignored_it, ENV_TB_ALL, false);
    end();
    assert_exit(2);
    assert_non_null(strstr(child.text, "SIGQUIT: quit\n"));
}

static void programs_handler(int signal)
{
    (void)signal;
}

static void a_handler_that_was_there_stays(void)
{
    struct sigaction now;
    signal(SIGQUIT, programs_handler);
    signal(SIGSEGV, programs_handler);
    rt__crash_start(&(struct env_settings){.traceback = ENV_TB_ALL});
    sigaction(SIGQUIT, NULL, &now);
    bool stays = now.sa_handler == programs_handler;
    sigaction(SIGSEGV, NULL, &now);
    _exit(stays && now.sa_handler == programs_handler ? 0 : 1);
}

static void what_is_handled_already_stays_so(void **state)
{
    (void)state;
    start(a_handler_that_was_there_stays, ENV_TB_ALL, false);
    end();
    assert_exit(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_panic_says_its_message_and_exits_with_2),
        cmocka_unit_test(at_level_none_nothing_is_said),
        cmocka_unit_test(at_level_crash_a_panic_dies_of_sigabrt),
        cmocka_unit_test(a_failed_assertion_says_libcs_line_and_why),
        cmocka_unit_test(of_eight_threads_that_panic_at_once_one_speaks),
        cmocka_unit_test(nobody_asks_libc_for_the_bounds_of_the_stack_while_the_process_dies),
        cmocka_unit_test(sigquit_says_where_all_threads_are_and_exits_with_2),
        cmocka_unit_test(at_level_crash_sigquit_dies_of_itself),
        cmocka_unit_test(with_sigquit_continue_the_process_lives_on_and_can_be_asked_again),
        cmocka_unit_test(a_dump_of_a_living_process_leaves_its_handlers_alone),
        cmocka_unit_test(a_second_sigquit_while_one_is_being_answered_is_ignored),
        cmocka_unit_test(a_child_that_was_forked_meanwhile_can_speak),
        cmocka_unit_test(a_sigquit_that_was_ignored_at_the_start_is_heard),
        cmocka_unit_test(what_is_handled_already_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
