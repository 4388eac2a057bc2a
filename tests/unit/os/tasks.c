/* Tasks: what /proc says of a thread, read without allocating, and signals that find one thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/os/os.h"

#define MS 1000000ull
#define PATIENCE_NS (20000 * MS)

static void the_state_stands_behind_the_last_parenthesis(void **state)
{
    (void)state;
    assert_int_equal(rt__os_task_state("12 (cat) R 1 2 3"), 'R');
    assert_int_equal(rt__os_task_state("12 (a) S (b) D 1 2 3"), 'D');
    assert_int_equal(rt__os_task_state("12 () Z"), 'Z');
    assert_int_equal(rt__os_task_state("12 (cat)"), 0);
    assert_int_equal(rt__os_task_state(""), 0);
}

static void the_call_is_a_number_none_or_unknown(void **state)
{
    (void)state;
    assert_int_equal(rt__os_task_call("202 0x7f 0x80 0x0 0x0 0x0 0x0 0x7ffe 0x7f44\n"), 202);
    assert_int_equal(rt__os_task_call("0 0x3 0x7f\n"), 0);
    assert_int_equal(rt__os_task_call("running\n"), RT__OS_NO_CALL);
    assert_int_equal(rt__os_task_call("-1 0x7ffe 0x7f44\n"), RT__OS_NO_CALL);
    assert_int_equal(rt__os_task_call(""), RT__OS_CALL_UNKNOWN);
    assert_true(rt__os_task_call("99999999999999999999 0x0") > 0);
}

struct waiter {
    pid_t tid;
    int pipe[2];
};

static void *wait_in_read(void *arg)
{
    struct waiter *w = arg;
    char byte;

    pthread_setname_np(pthread_self(), "a (b) c");
    __atomic_store_n(&w->tid, rt__os_tid(), __ATOMIC_RELEASE);
    return read(w->pipe[0], &byte, 1) == 1 ? NULL : w;
}

static void start_waiter(struct waiter *w, pthread_t *thread)
{
    w->tid = 0;
    assert_int_equal(pipe(w->pipe), 0);
    assert_int_equal(pthread_create(thread, NULL, wait_in_read, w), 0);
    while (__atomic_load_n(&w->tid, __ATOMIC_ACQUIRE) == 0)
        sched_yield();
}

static void end_waiter(struct waiter *w, pthread_t thread)
{
    void *failed;

    assert_int_equal(write(w->pipe[1], "", 1), 1);
    pthread_join(thread, &failed);
    assert_null(failed);
    close(w->pipe[0]);
    close(w->pipe[1]);
}

static void a_waiting_thread_has_its_name_its_state_and_its_call(void **state)
{
    (void)state;
    struct waiter w;
    struct rt__os_task task;
    pthread_t thread;

    start_waiter(&w, &thread);
    uint64_t end_ns = rt__os_now_ns() + PATIENCE_NS;
    do
        assert_true(rt__os_task_read(w.tid, &task));
    while ((task.state != 'S' || task.call != SYS_read) && rt__os_now_ns() < end_ns);
    assert_int_equal(task.tid, w.tid);
    assert_string_equal(task.name, "a (b) c");
    assert_int_equal(task.state, 'S');
    assert_int_equal(task.call, SYS_read);
    end_waiter(&w, thread);
}

static void the_calling_thread_runs(void **state)
{
    (void)state;
    struct rt__os_task task;

    assert_true(rt__os_task_read(rt__os_tid(), &task));
    assert_int_equal(task.state, 'R');
}

static void a_name_of_fifteen_bytes_is_whole_and_an_empty_one_empty(void **state)
{
    (void)state;
    char old[RT__OS_NAME_BYTES], name[RT__OS_NAME_BYTES];

    assert_true(rt__os_task_name(rt__os_tid(), old));
    pthread_setname_np(pthread_self(), "fifteen bytes!!");
    assert_true(rt__os_task_name(rt__os_tid(), name));
    assert_string_equal(name, "fifteen bytes!!");
    pthread_setname_np(pthread_self(), "");
    memset(name, 'x', sizeof name);
    assert_true(rt__os_task_name(rt__os_tid(), name));
    assert_string_equal(name, "");
    pthread_setname_np(pthread_self(), old);
}

static void a_thread_that_is_gone_is_an_answer_and_leaves_errno_alone(void **state)
{
    (void)state;
    struct waiter w;
    struct rt__os_task task;
    pthread_t thread;
    char name[RT__OS_NAME_BYTES];

    start_waiter(&w, &thread);
    end_waiter(&w, thread);
    errno = EDOM;
    uint64_t end_ns = rt__os_now_ns() + PATIENCE_NS;
    while (rt__os_task_read(w.tid, &task) && rt__os_now_ns() < end_ns)
        sched_yield();
    assert_false(rt__os_task_read(w.tid, &task));
    assert_false(rt__os_task_name(w.tid, name));
    assert_int_equal(rt__os_alarm_now(w.tid, SIGUSR1, 1), -ESRCH);
    int alarm;
    assert_true(rt__os_alarm_start(&alarm, w.tid, SIGUSR1, 1, MS, MS) < 0);
    assert_int_equal(errno, EDOM);
}

struct walk {
    pid_t wanted;
    unsigned found, all;
};

static void look_for(pid_t tid, void *arg)
{
    struct walk *walk = arg;

    walk->found += tid == walk->wanted;
    walk->all++;
}

static void a_walk_finds_every_thread_once(void **state)
{
    (void)state;
    struct waiter w;
    pthread_t thread;

    start_waiter(&w, &thread);
    struct walk other = {.wanted = w.tid}, self = {.wanted = rt__os_tid()};
    assert_true(rt__os_tasks(look_for, &other));
    assert_true(rt__os_tasks(look_for, &self));
    assert_int_equal(other.found, 1);
    assert_int_equal(self.found, 1);
    assert_true(other.all >= 2);
    end_waiter(&w, thread);
}

/* ---- alarms ------------------------------------------------------------------------------------ */

static struct {
    pid_t tid;
    int code;
    uint64_t word;
    unsigned count;
} heard;

static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    heard.tid = rt__os_tid();
    heard.code = info->si_code;
    heard.word = (uint64_t)(uintptr_t)info->si_value.sival_ptr;
    __atomic_add_fetch(&heard.count, 1 + (unsigned)(info->si_code == SI_TIMER ? info->si_overrun : 0),
                       __ATOMIC_RELEASE);
}

static unsigned heard_count(void)
{
    return __atomic_load_n(&heard.count, __ATOMIC_ACQUIRE);
}

static void listen_anew(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};

    sigaction(SIGUSR1, &action, NULL);
    memset(&heard, 0, sizeof heard);
}

static void a_signal_comes_to_the_one_thread_with_its_word(void **state)
{
    (void)state;
    struct waiter w;
    pthread_t thread;

    listen_anew();
    start_waiter(&w, &thread);
    assert_int_equal(rt__os_alarm_now(w.tid, SIGUSR1, UINT64_C(0xfedcba9876543210)), 0);
    end_waiter(&w, thread); /* what it reads comes after the signal */
    assert_int_equal(heard_count(), 1);
    assert_int_equal(heard.tid, w.tid);
    assert_int_equal(heard.code, SI_QUEUE);
    assert_true(heard.word == UINT64_C(0xfedcba9876543210));
}

static void a_timer_of_real_time_signals_its_thread_once(void **state)
{
    (void)state;
    int alarm;
    uint64_t begin_ns = rt__os_now_ns();

    listen_anew();
    assert_int_equal(rt__os_alarm_once(&alarm, rt__os_tid(), SIGUSR1, 78, 20 * MS), 0);
    while (heard_count() == 0 && rt__os_now_ns() - begin_ns < 60000 * MS)
        usleep(1000);
    assert_true(rt__os_now_ns() - begin_ns >= 20 * MS);
    usleep(50 * 1000); /* a second one would have come */
    rt__os_alarm_stop(alarm);
    assert_int_equal(heard_count(), 1);
    assert_int_equal(heard.tid, rt__os_tid());
    assert_int_equal(heard.code, SI_TIMER);
    assert_true(heard.word == 78);
}

static void burn(uint64_t cpu_ns)
{
    uint64_t end_ns = rt__os_thread_cpu_ns() + cpu_ns;

    while (rt__os_thread_cpu_ns() < end_ns)
        ;
}

static void a_timer_signals_its_thread_once_a_period_of_its_cpu_time_until_it_is_stopped(void **state)
{
    (void)state;
    int alarm;

    listen_anew();
    assert_int_equal(rt__os_alarm_start(&alarm, rt__os_tid(), SIGUSR1, 77, 5 * MS, 10 * MS), 0);
    burn(300 * MS);
    usleep(1); /* ThreadSanitizer delivers what has come when a thread waits */
    unsigned count = heard_count();
    rt__os_alarm_stop(alarm);
    assert_true(count >= 1);
#ifndef RT_SANITIZE
    assert_in_range(count, 26, 34);
#endif
    assert_int_equal(heard.tid, rt__os_tid());
    assert_int_equal(heard.code, SI_TIMER);
    assert_true(heard.word == 77);
    usleep(1); /* one may have been on its way */
    count = heard_count();
    burn(50 * MS);
    usleep(1);
    assert_int_equal(heard_count(), count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_stands_behind_the_last_parenthesis),
        cmocka_unit_test(the_call_is_a_number_none_or_unknown),
        cmocka_unit_test(a_waiting_thread_has_its_name_its_state_and_its_call),
        cmocka_unit_test(the_calling_thread_runs),
        cmocka_unit_test(a_name_of_fifteen_bytes_is_whole_and_an_empty_one_empty),
        cmocka_unit_test(a_thread_that_is_gone_is_an_answer_and_leaves_errno_alone),
        cmocka_unit_test(a_walk_finds_every_thread_once),
        cmocka_unit_test(a_signal_comes_to_the_one_thread_with_its_word),
        cmocka_unit_test(a_timer_of_real_time_signals_its_thread_once),
        cmocka_unit_test(a_timer_signals_its_thread_once_a_period_of_its_cpu_time_until_it_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
