/* Faults: what is said of them, and by whom. Each test looks at the death of a child. */
#ifdef RT_SANITIZE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void faults_are_told(void **state)
{
    (void)state;
    print_message("skipped: faults are the sanitizer's to tell\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(faults_are_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

#include "tests/unit/crash/child.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "runtime/os/os.h"

static volatile int one = 1; /* which the compiler does not know */
static pthread_barrier_t together;

static void reads_null(void)
{
    *(volatile int *)0 = 1;
}

static void a_null_pointer_is_told_and_exits_with_2(void **state)
{
    (void)state;
    start(reads_null, ENV_TB_SINGLE, false);
    end();
    assert_exit(2);
    assert_non_null(strstr(child.text, "panic: runtime error: invalid memory address or nil pointer dereference\n"
                                       "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x"));
}

static void at_level_crash_a_fault_dies_of_its_signal(void **state)
{
    (void)state;
    start(reads_null, ENV_TB_CRASH, false);
    end();
    assert_signal(SIGSEGV);
}

__attribute__((noinline)) static int runs_over(int depth)
{
    volatile char frame[256];
    frame[0] = (char)depth;
    return one ? runs_over(depth + 1) + frame[0] : 0;
}

static void *runs_over_in_thread(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)runs_over(0);
}

static void runs_over_here(void)
{
    runs_over(0);
}

static void runs_over_there(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, runs_over_in_thread, NULL);
    pthread_join(thread, NULL);
}

static void a_stack_that_runs_over_is_told_as_such(void **state)
{
    void (*const ways[])(void) = {runs_over_here, runs_over_there};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        start(ways[i], ENV_TB_SINGLE, false);
        end();
        assert_exit(2);
        assert_non_null(strstr(child.text, "fatal error: stack overflow\n[signal SIGSEGV: "));
        assert_non_null(strstr(child.text, "...additional frames elided...\n"));
    }
}

static void aborts_with_a_pending_cancel(void)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cancel(pthread_self());
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    abort();
}

static void a_thread_that_is_to_be_cancelled_speaks_first(void **state)
{
    (void)state;
    start(aborts_with_a_pending_cancel, ENV_TB_ALL, false);
    end();
    assert_exit(2);
    assert_non_null(strstr(child.text, "fatal error: abort\n"));
    assert_non_null(strstr(child.text, "\nthread "));
}

static void faults_while_speaking(void)
{
    struct itimerspec soon = {.it_value = {.tv_nsec = 50000000}};
    struct sigevent fault = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGSEGV};
    timer_t timer;
    timer_create(CLOCK_MONOTONIC, &fault, &timer);
    make_stderr_stuck();
    timer_settime(timer, 0, &soon, NULL);
    abort();
}

/* As if the speaker itself had crashed: it would otherwise try to write for all of its time. */
static void a_fault_of_the_speaker_ends_the_process_at_once(void **state)
{
    (void)state;
    uint64_t begin_ns = rt__os_now_ns();
    start(faults_while_speaking, ENV_TB_CRASH, false);
    end();
    assert_true(rt__os_now_ns() - begin_ns < RT__CRASH_SPEAK_NS);
    assert_signal(SIGABRT);
}

static void *reads_null_with_others(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&together);
    reads_null();
    return NULL;
}

static void eight_read_null(void)
{
    pthread_t thread;
    pthread_barrier_init(&together, NULL, 8);
    for (int i = 0; i < 7; i++) {
        pthread_create(&thread, NULL, reads_null_with_others, NULL);
    }
    reads_null_with_others(NULL);
}

static void of_eight_threads_that_fault_at_once_one_speaks_and_the_others_tell_how_they_died(void **state)
{
    (void)state;
    start(eight_read_null, ENV_TB_ALL, false);
    end();
    assert_exit(2);
    assert_int_equal(times_said("panic: "), 1);
    assert_int_equal(times_said("\nthread "), 8);
    assert_true(times_said(" [running, ") >= 7); /* a name, or a signal and a name */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_null_pointer_is_told_and_exits_with_2),
        cmocka_unit_test(at_level_crash_a_fault_dies_of_its_signal),
        cmocka_unit_test(a_stack_that_runs_over_is_told_as_such),
        cmocka_unit_test(a_thread_that_is_to_be_cancelled_speaks_first),
        cmocka_unit_test(a_fault_of_the_speaker_ends_the_process_at_once),
        cmocka_unit_test(of_eight_threads_that_fault_at_once_one_speaks_and_the_others_tell_how_they_died),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
