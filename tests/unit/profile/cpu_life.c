/* cpu_life.c - the CPU profile's beginning and end: one at a time, beside what the program does, and nothing is left.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "runtime/unwind/unwind.h"
#include "tests/unit/profile/cpu_profiled.h"

BURNER(sixty)
BURNER(thirty)
BURNER(ten)

/* ---- one at a time ---------------------------------------------------------------------------- */

static void a_second_profile_is_refused_while_one_runs_and_the_first_is_not_disturbed(void **state)
{
    struct rt__profile p;
    (void)state;
    begin();
    assert_int_equal(rt__cpu_profile_begin(), -EBUSY);
    burn_seen(burn_sixty);
    end(&p);
    if (!SIGNALS_COME_LATE) {
        assert_true(count(&p, is_in_sixty) >= 5);
    }
    rt__profile_release(&p);
}

static void an_end_without_a_beginning_is_refused(void **state)
{
    struct rt__profile p;
    (void)state;
    assert_int_equal(rt__cpu_profile_end(&p), -EINVAL);
    begin();
    end(&p);
    rt__profile_release(&p);
    assert_int_equal(rt__cpu_profile_end(&p), -EINVAL);
}

static void *begin_here(void *unused)
{
    begin();
    return unused;
}

static void a_profile_ends_in_another_thread_than_it_began_in(void **state)
{
    struct rt__profile p;
    pthread_t thread;
    (void)state;
    start(&thread, begin_here, NULL);
    pthread_join(thread, NULL);
    burn_seen(burn_sixty);
    end(&p);
    if (!SIGNALS_COME_LATE) {
        assert_true(count(&p, is_in_sixty) >= 5);
    }
    rt__profile_release(&p);
}

/* ---- nothing is left -------------------------------------------------------------------------- */

static unsigned count_lines(const char *path, const char *prefix)
{
    char line[256];
    unsigned n = 0;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file)) {
        n += strncmp(line, prefix, strlen(prefix)) == 0;
    }
    if (file) {
        fclose(file);
    }
    return n;
}

static void count_one(pid_t tid, void *n)
{
    (void)tid;
    ++*(unsigned *)n;
}

/* Threads that were joined leave /proc a moment later, so those of another test may have been counted before. */
static void assert_threads_become(unsigned most)
{
    unsigned n = 0;
    for (uint64_t end_ns = rt__os_now_ns() + 10000 * MS; rt__os_now_ns() < end_ns;) {
        n = 0;
        rt__os_tasks(count_one, &n);
        if (n <= most) {
            return;
        }
        usleep(1000);
    }
    assert_in_range(n, 1, most);
}

static int next_fd(void)
{
    int fd = dup(STDERR_FILENO);
    close(fd);
    return fd;
}

static void many_profiles_leave_no_timers_threads_descriptors_or_memory(void **state)
{
    unsigned threads = 0;
    struct rt__profile p;
    (void)state;
    begin();
    end(&p);
    rt__profile_release(&p);
    uint64_t mapped = rt__os_mapped(RT__OS_BUCKETS);
    rt__os_tasks(count_one, &threads);
    unsigned timers = count_lines("/proc/self/timers", "ID:");
    int fd = next_fd();
    for (int i = 0; i < 200; i++) {
        begin();
        burn_ten(2 * MS);
        end(&p);
        rt__profile_release(&p);
    }
    assert_threads_become(threads);
    assert_int_equal(count_lines("/proc/self/timers", "ID:"), timers);
    assert_int_equal(next_fd(), fd);
    /* The looker's slot: whether it is there when the last look is made is chance. */
    assert_true(rt__os_mapped(RT__OS_BUCKETS) - mapped <= 64 << 10);
}

static void *burn_briefly(void *unused)
{
    rt__profile_thread_begins();
    pthread_setname_np(pthread_self(), "brief");
    burn_thirty(4 * MS);
    return unused;
}

static bool is_brief(const struct rt__sample *s)
{
    return is_thread(s, "brief");
}

static void threads_that_come_and_go_are_sampled_and_leave_nothing(void **state)
{
    enum { THREADS = 64, ROUNDS = 5 };
    struct rt__profile p;
    pthread_t threads[THREADS];
    unsigned before = 0;
    (void)state;
    rt__os_tasks(count_one, &before);
    unsigned timers = count_lines("/proc/self/timers", "ID:");
    begin();
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < THREADS; i++) {
            start(&threads[i], burn_briefly, NULL);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
        }
    }
    end(&p);
    int64_t brief = count(&p, is_brief);
    print_message("#= %lld samples of %d threads of 4 ms; %s\n", (long long)brief, THREADS * ROUNDS, p.comment);
    /* 128 if each timer were looked at in time; at the kernel's ticks many of these threads have ended. */
    assert_true(brief <= 180);
    assert_true(brief >= 5 || SIGNALS_COME_LATE);
    assert_true(brief >= 90 || strstr(p.comment, "threads too short"));
    assert_threads_become(before);
    assert_int_equal(count_lines("/proc/self/timers", "ID:"), timers);
    rt__profile_release(&p);
}

/* ---- beside a program's own signals and processes --------------------------------------------- */

/* Any thread may be the one that gets a signal for the process. */
static int foreign_count, ours_count;

static int foreign(void)
{
    return __atomic_load_n(&foreign_count, __ATOMIC_RELAXED);
}

static void on_foreign(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    __atomic_add_fetch(&foreign_count, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&ours_count, info->si_code == SI_TIMER || info->si_code == SI_QUEUE, __ATOMIC_RELAXED);
}

static void a_programs_own_handler_goes_on_getting_what_is_not_ours_and_gets_nothing_else(void **state)
{
    struct sigaction mine = {.sa_sigaction = on_foreign, .sa_flags = SA_SIGINFO}, old;
    struct rt__profile p;
    (void)state;
    begin();
    end(&p);
    rt__profile_release(&p);
    sigaction(SIGPROF, &mine, &old);
    begin();
    raise(SIGPROF);
    burn_seen(burn_sixty);
    raise(SIGPROF);
    if (!SIGNALS_COME_LATE) {
        assert_int_equal(foreign(), 2);
    }
    struct itimerval often = {{0, 10000}, {0, 10000}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_PROF, &often, NULL);
    for (uint64_t end_ns = rt__os_now_ns() + 10000 * MS; foreign() < 5 && rt__os_now_ns() < end_ns;) {
        burn_ten(10 * MS);
        usleep(1);
    }
    setitimer(ITIMER_PROF, &never, NULL);
    end(&p);
    assert_true(foreign() >= 5);
    assert_int_equal(__atomic_load_n(&ours_count, __ATOMIC_RELAXED), 0);
    if (!SIGNALS_COME_LATE) {
        assert_true(count(&p, is_in_sixty) >= 5);
    }
    rt__profile_release(&p);
    int before = foreign();
    raise(SIGPROF);
    usleep(1);
    assert_int_equal(foreign(), before + 1);
}

static int profile_in_child(void)
{
    struct rt__profile p;
    alarm(20);
    if (rt__cpu_profile_end(&p) != -EINVAL || rt__cpu_profile_begin() != 0) {
        return 1;
    }
    burn_until_found(burn_thirty, 100 * MS);
    if (rt__cpu_profile_end(&p) != 0 || count(&p, is_in_sixty) != 0) {
        return 2;
    }
    return count(&p, is_in_thirty) >= 5 ? 0 : 3;
}

static void a_child_forked_beside_a_running_profile_takes_its_own(void **state)
{
    struct rt__profile p;
    int status;
    (void)state;
    SKIP_WHERE_SIGNALS_COME_LATE
    begin();
    double periods = burn_until_found(burn_sixty, 100 * MS);
    pid_t child = fork();
    if (child == 0) {
        _exit(profile_in_child());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    end(&p);
    assert_near(count(&p, is_in_sixty), periods, 1);
    assert_int_equal(count(&p, is_in_thirty), 0);
    rt__profile_release(&p);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_profile_is_refused_while_one_runs_and_the_first_is_not_disturbed),
        cmocka_unit_test(an_end_without_a_beginning_is_refused),
        cmocka_unit_test(a_profile_ends_in_another_thread_than_it_began_in),
        cmocka_unit_test(many_profiles_leave_no_timers_threads_descriptors_or_memory),
        cmocka_unit_test(threads_that_come_and_go_are_sampled_and_leave_nothing),
        cmocka_unit_test(a_programs_own_handler_goes_on_getting_what_is_not_ours_and_gets_nothing_else),
        cmocka_unit_test(a_child_forked_beside_a_running_profile_takes_its_own),
    };
    rt__unwind_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
