/* goroutine.c - every thread is listed with what it does and its stack, and who does not answer in time without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "runtime/cruntime.h"
#include "runtime/profile/profile.h"
#include "runtime/unwind/unwind.h"
#include "tests/unit/profile/cpu_burn.h"

BURNER(spinning)
BURNER(asking)

#define PATIENCE_NS (20000 * MS)

static void collect(struct rt__profile *p)
{
    rt__profile_begin(p, rt__profile_goroutine.kind);
    rt__profile_goroutine.collect(p);
    assert_false(p->failed);
}

/* The one sample of a thread; NULL when there is none. */
static const struct rt__sample *of_thread(const struct rt__profile *p, pid_t tid)
{
    const struct rt__sample *found = NULL;
    for (size_t i = 0; i < p->count; i++) {
        if (p->samples[i].tid == tid) {
            assert_null(found);
            found = &p->samples[i];
        }
    }
    return found;
}

/* ---- threads that do something known ---------------------------------------------------------- */

struct worker {
    const char *name;
    void (*work)(struct worker *w);
    pthread_t thread;
    pid_t tid;
    bool stop;
};

static bool is_stopped(const struct worker *w)
{
    return __atomic_load_n(&w->stop, __ATOMIC_ACQUIRE);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    pthread_setname_np(pthread_self(), w->name);
    __atomic_store_n(&w->tid, rt__os_tid(), __ATOMIC_RELEASE);
    w->work(w);
    return NULL;
}

static void start(struct worker *w)
{
    assert_int_equal(pthread_create(&w->thread, NULL, run, w), 0);
    while (__atomic_load_n(&w->tid, __ATOMIC_ACQUIRE) == 0) {
        sched_yield();
    }
}

/* Until /proc has it in the state that the test is about. */
static void wait_for_state(const struct worker *w, char letter)
{
    struct rt__os_task task = {0};
    for (uint64_t end_ns = rt__os_now_ns() + PATIENCE_NS; rt__os_now_ns() < end_ns;) {
        if (rt__os_task_read(w->tid, &task) && task.state == letter) {
            return;
        }
        sched_yield();
    }
    assert_int_equal(task.state, letter);
}

static void stop(struct worker *w)
{
    __atomic_store_n(&w->stop, true, __ATOMIC_RELEASE);
    pthread_join(w->thread, NULL);
}

static void spin(struct worker *w)
{
    while (!is_stopped(w)) {
        burn_spinning(20 * MS);
    }
}

/* Until it has used more time than a thread takes to get as far as its work. */
static void wait_for_spinning(const struct worker *w)
{
    while (rt__os_thread_cpu_of_ns(w->tid) < 5 * MS) {
        sched_yield();
    }
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void wait_for_condition(struct worker *w)
{
    pthread_mutex_lock(&mutex);
    while (!w->stop) {
        pthread_cond_wait(&cond, &mutex);
    }
    pthread_mutex_unlock(&mutex);
}

static void stop_waiting(struct worker *w)
{
    pthread_mutex_lock(&mutex);
    w->stop = true;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&mutex);
    pthread_join(w->thread, NULL);
}

static void spin_deaf(struct worker *w)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    spin(w);
}

/* ---- the tests -------------------------------------------------------------------------------- */

static void a_spinning_thread_is_listed_with_its_function_its_name_and_its_labels(void **state)
{
    struct worker w = {.name = "spinner", .work = spin};
    struct rt__profile p;
    (void)state;
    SKIP_WHERE_SIGNALS_COME_LATE
    start(&w);
    wait_for_spinning(&w);
    wait_for_state(&w, 'R');
    collect(&p);
    stop(&w);
    const struct rt__sample *s = of_thread(&p, w.tid);
    assert_non_null(s);
    assert_true(is_in_spinning(s));
    assert_true(is_thread(s, "spinner"));
    assert_string_equal(s->note, "running");
    assert_null(s->labels);
    assert_int_equal(s->values[0], 1);
    rt__profile_release(&p);
}

static void spin_under_labels(struct worker *w)
{
    rt_labels_set(rt_labels_new((const char *[]){"job", "spin"}, 1));
    spin(w);
}

static void a_thread_is_listed_with_its_labels(void **state)
{
    struct worker w = {.name = "labelled", .work = spin_under_labels};
    struct rt__profile p;
    (void)state;
    SKIP_WHERE_SIGNALS_COME_LATE
    start(&w);
    collect(&p);
    const struct rt__sample *s = of_thread(&p, w.tid);
    for (uint64_t end_ns = rt__os_now_ns() + PATIENCE_NS; !s->labels && rt__os_now_ns() < end_ns;) {
        rt__profile_release(&p);
        collect(&p);
        s = of_thread(&p, w.tid);
    }
    stop(&w);
    assert_ptr_equal(s->labels, rt_labels_new((const char *[]){"job", "spin"}, 1));
    rt__profile_release(&p);
}

static void a_thread_in_a_condition_wait_is_listed_as_futex_with_its_stack_and_goes_on_waiting(void **state)
{
    struct worker w = {.name = "waiter", .work = wait_for_condition};
    struct rt__profile p;
    (void)state;
    start(&w);
    wait_for_state(&w, 'S');
    for (int i = 0; i < 3; i++) {
        collect(&p);
        const struct rt__sample *s = of_thread(&p, w.tid);
        assert_non_null(s);
        assert_string_equal(s->note, "futex");
        assert_true(s->depth > 0);
        rt__profile_release(&p);
        wait_for_state(&w, 'S');
    }
    stop_waiting(&w);
}

static void a_thread_that_blocks_all_signals_is_listed_without_a_stack_and_holds_nobody_up(void **state)
{
    struct worker deaf = {.name = "deaf", .work = spin_deaf}, w = {.name = "spinner", .work = spin};
    struct rt__profile p;
    (void)state;
    SKIP_WHERE_SIGNALS_COME_LATE
    start(&deaf);
    start(&w);
    usleep(1000);
    uint64_t began_ns = rt__os_now_ns();
    collect(&p);
    uint64_t took_ns = rt__os_now_ns() - began_ns;
    const struct rt__sample *s = of_thread(&p, deaf.tid);
    assert_non_null(s);
    assert_int_equal(s->depth, 0);
    assert_true(is_thread(s, "deaf"));
    assert_string_equal(s->note, "running, no answer");
    assert_true(is_in_spinning(of_thread(&p, w.tid)));
    assert_true(took_ns >= 200 * MS);
    assert_true(took_ns < PATIENCE_NS);
    rt__profile_release(&p);
    stop(&deaf);
    stop(&w);
}

static void block_then_let_through(struct worker *w)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPROF);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    spin(w);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    __atomic_store_n(&w->stop, false, __ATOMIC_RELEASE);
    spin(w);
}

static void a_late_answer_disturbs_neither_its_thread_nor_the_next_profile(void **state)
{
    struct worker w = {.name = "late", .work = block_then_let_through};
    struct rt__profile p;
    (void)state;
    SKIP_WHERE_SIGNALS_COME_LATE
    start(&w);
    usleep(1000);
    collect(&p);
    assert_int_equal(of_thread(&p, w.tid)->depth, 0);
    rt__profile_release(&p);
    __atomic_store_n(&w.stop, true, __ATOMIC_RELEASE);
    for (uint64_t end_ns = rt__os_now_ns() + PATIENCE_NS; is_stopped(&w) && rt__os_now_ns() < end_ns;) {
        sched_yield();
    }
    assert_false(is_stopped(&w));
    collect(&p);
    assert_true(is_in_spinning(of_thread(&p, w.tid)));
    assert_string_equal(of_thread(&p, w.tid)->note, "running");
    rt__profile_release(&p);
    stop(&w);
}

static __attribute__((noinline, section("asking"))) void collect_from_here(struct rt__profile *p)
{
    collect(p);
    __asm__ volatile("" ::: "memory");
}

static void the_calling_thread_is_listed_as_running_with_its_own_stack(void **state)
{
    struct rt__profile p;
    (void)state;
    collect_from_here(&p);
    const struct rt__sample *s = of_thread(&p, rt__os_tid());
    assert_non_null(s);
    assert_string_equal(s->note, "running");
    assert_true(is_in_asking(s));
    rt__profile_release(&p);
}

enum { CROWD = 150 };

static void all_threads_of_a_crowd_answer_and_are_counted(void **state)
{
    static struct worker crowd[CROWD];
    struct rt__profile p;
    (void)state;
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = (struct worker){.name = "crowd", .work = wait_for_condition};
        start(&crowd[i]);
    }
    for (int i = 0; i < CROWD; i++) {
        wait_for_state(&crowd[i], 'S');
    }
    assert_true(rt__profile_goroutine.count() > CROWD);
    collect(&p);
    for (int i = 0; i < CROWD; i++) {
        const struct rt__sample *s = of_thread(&p, crowd[i].tid);
        assert_non_null(s);
        assert_true(s->depth > 0);
        assert_string_equal(s->note, "futex");
    }
    for (int i = 0; i < CROWD; i++) {
        stop_waiting(&crowd[i]);
    }
    rt__profile_release(&p);
}

static void *collect_often(void *tid)
{
    struct rt__profile p;
    for (int i = 0; i < 5; i++) {
        collect(&p);
        const struct rt__sample *s = of_thread(&p, *(pid_t *)tid);
        assert_true(s && s->depth > 0);
        rt__profile_release(&p);
    }
    return NULL;
}

static void profiles_asked_for_at_once_by_two_threads_are_both_whole(void **state)
{
    struct worker w = {.name = "waiter", .work = wait_for_condition};
    pthread_t thread;
    (void)state;
    start(&w);
    wait_for_state(&w, 'S');
    assert_int_equal(pthread_create(&thread, NULL, collect_often, &w.tid), 0);
    collect_often(&w.tid);
    pthread_join(thread, NULL);
    stop_waiting(&w);
}

static void threads_answer_while_a_cpu_profile_runs_and_both_are_right(void **state)
{
    struct worker w = {.name = "spinner", .work = spin};
    struct rt__profile p, cpu;
    int64_t spinning = 0;
    unsigned answers = 0;
    (void)state;
    SKIP_WHERE_SIGNALS_COME_LATE
    start(&w);
    wait_for_spinning(&w);
    assert_int_equal(rt__cpu_profile_begin(), 0);
    uint64_t began_ns = rt__os_thread_cpu_of_ns(w.tid);
    while (rt__os_thread_cpu_of_ns(w.tid) - began_ns < 300 * MS) {
        collect(&p);
        const struct rt__sample *s = of_thread(&p, w.tid);
        assert_true(s->depth == 0 || is_in_spinning(s)); /* on a busy machine it may have had no turn to answer */
        answers += s->depth > 0;
        rt__profile_release(&p);
    }
    uint64_t used_ns = rt__os_thread_cpu_of_ns(w.tid) - began_ns;
    assert_int_equal(rt__cpu_profile_end(&cpu), 0);
    stop(&w);
    for (size_t i = 0; i < cpu.count; i++) {
        spinning += is_thread(&cpu.samples[i], "spinner") ? cpu.samples[i].values[1] : 0;
    }
    assert_true(answers > 0);
    assert_true(spinning > (int64_t)used_ns / 2 && spinning < (int64_t)used_ns * 3 / 2);
    rt__profile_release(&cpu);
}

static void a_forked_child_lists_its_own_thread(void **state)
{
    struct worker w = {.name = "waiter", .work = wait_for_condition};
    int status;
    (void)state;
    start(&w);
    pid_t child = fork();
    if (child == 0) {
        struct rt__profile p;
        alarm(20);
        rt__profile_begin(&p, rt__profile_goroutine.kind);
        rt__profile_goroutine.collect(&p);
        _exit(p.count == 1 && p.samples[0].tid == getpid() && p.samples[0].depth > 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    stop_waiting(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spinning_thread_is_listed_with_its_function_its_name_and_its_labels),
        cmocka_unit_test(a_thread_is_listed_with_its_labels),
        cmocka_unit_test(a_thread_in_a_condition_wait_is_listed_as_futex_with_its_stack_and_goes_on_waiting),
        cmocka_unit_test(a_thread_that_blocks_all_signals_is_listed_without_a_stack_and_holds_nobody_up),
        cmocka_unit_test(a_late_answer_disturbs_neither_its_thread_nor_the_next_profile),
        cmocka_unit_test(the_calling_thread_is_listed_as_running_with_its_own_stack),
        cmocka_unit_test(all_threads_of_a_crowd_answer_and_are_counted),
        cmocka_unit_test(profiles_asked_for_at_once_by_two_threads_are_both_whole),
        cmocka_unit_test(threads_answer_while_a_cpu_profile_runs_and_both_are_right),
        cmocka_unit_test(a_forked_child_lists_its_own_thread),
    };
    rt__unwind_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
