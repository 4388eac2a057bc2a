/* contention.c - who is charged with a wait, with how much, and that nobody hangs for it. */
#include "tests/unit/profile/charged.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>
#include "runtime/cruntime.h"
#include "runtime/os/os.h"
#include "runtime/profile/contention.h"
#include "runtime/profile/waiters.h"

/* ---- what is charged ---- */

CHARGED(unlocker) static void unlock(pthread_mutex_t *m)
{
    pthread_mutex_unlock(m);
    STAY;
}

CHARGED(locker) static void lock(pthread_mutex_t *m)
{
    pthread_mutex_lock(m);
    STAY;
}

CHARGED(timed_locker) static int lock_until(pthread_mutex_t *m, const struct timespec *until)
{
    int error = pthread_mutex_timedlock(m, until);
    STAY;
    return error;
}

CHARGED(cond_waiter) static int wait_until(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until)
{
    int error = pthread_cond_timedwait(c, m, until);
    STAY;
    return error;
}

CHARGED(rwlock_waiter) static int write_lock(pthread_rwlock_t *l)
{
    int error = pthread_rwlock_wrlock(l);
    STAY;
    return error;
}

CHARGED(semaphore_waiter) static int take(sem_t *s)
{
    int result = sem_wait(s);
    STAY;
    return result;
}

static void begin(int fraction, int64_t rate_ns)
{
    if (!RT__INTERPOSES) {
        print_message("skipped: the sanitizer's own wrappers stand where ours would\n");
        skip();
    }
    rt__buckets_clear(&rt__mutex_buckets);
    rt__buckets_clear(&rt__block_buckets);
    rt_set_mutex_profile_fraction(fraction);
    rt_set_block_profile_rate(rate_ns);
}

static int end(void **state)
{
    (void)state;
    rt_set_mutex_profile_fraction(0);
    rt_set_block_profile_rate(0);
    return 0;
}

/* ---- others that want the mutex, round by round ---- */

#define OTHERS 2

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t round_begins, round_ends;

struct other {
    pthread_t thread;
    int rounds;
    uint64_t waited_ns;
};

static void *want(void *arg)
{
    struct other *o = arg;
    for (int i = 0; i < o->rounds; i++) {
        pthread_barrier_wait(&round_begins);
        uint64_t from_ns = now_ns();
        lock(&mutex);
        o->waited_ns += now_ns() - from_ns;
        pthread_mutex_unlock(&mutex);
        pthread_barrier_wait(&round_ends);
    }
    return NULL;
}

/* Holds the mutex while all others wait for it; returns how long they waited by their own clocks. */
static uint64_t hold_while_others_wait(int rounds, long hold_ms)
{
    struct other others[OTHERS];
    uint64_t waited_ns = 0;
    pthread_barrier_init(&round_begins, NULL, OTHERS + 1);
    pthread_barrier_init(&round_ends, NULL, OTHERS + 1);
    for (int i = 0; i < OTHERS; i++) {
        others[i] = (struct other){.rounds = rounds};
        assert_int_equal(pthread_create(&others[i].thread, NULL, want, &others[i]), 0);
    }
    for (int i = 0; i < rounds; i++) {
        pthread_mutex_lock(&mutex);
        pthread_barrier_wait(&round_begins);
        WAIT_UNTIL(rt__waiters_near(&mutex) == OTHERS);
        if (hold_ms > 0) {
            sleep_ms(hold_ms);
        }
        unlock(&mutex);
        pthread_barrier_wait(&round_ends);
    }
    for (int i = 0; i < OTHERS; i++) {
        pthread_join(others[i].thread, NULL);
        waited_ns += others[i].waited_ns;
    }
    return waited_ns;
}

static void *lock_and_unlock(void *m)
{
    lock(m);
    pthread_mutex_unlock(m);
    return NULL;
}

/* Without the mutex profile nobody knows who waits: long enough for one who was not stopped by others. */
static void hold_while_others_sleep_into_it(void)
{
    pthread_t other;
    pthread_mutex_lock(&mutex);
    assert_int_equal(pthread_create(&other, NULL, lock_and_unlock, &mutex), 0);
    sleep_ms(200);
    unlock(&mutex);
    pthread_join(other, NULL);
}

static double all_delays(struct rt__buckets *table)
{
    return charged_between(table, 0, UINTPTR_MAX).second;
}

/* ---- whole waits ---- */

static void while_both_profiles_are_off_nothing_is_recorded_and_nothing_is_mapped(void **state)
{
    (void)state;
    begin(0, 0);
    uint64_t mapped = rt__os_mapped(RT__OS_BUCKETS);
    for (int i = 0; i < 100; i++) {
        struct timespec soon = in_ms(CLOCK_REALTIME, 1);
        lock(&mutex);
        pthread_cond_t never = PTHREAD_COND_INITIALIZER;
        assert_int_equal(wait_until(&never, &mutex, &soon), ETIMEDOUT);
        unlock(&mutex);
    }
    assert_int_equal(rt__buckets_count(&rt__mutex_buckets), 0);
    assert_int_equal(rt__buckets_count(&rt__block_buckets), 0);
    assert_int_equal(rt__os_mapped(RT__OS_BUCKETS), mapped);
}

/* Between the holder's clock and the waiters' lies only how long they take to wake up. */
static void waiting_for_a_mutex_is_charged_to_who_unlocks_it_and_to_who_waited(void **state)
{
    (void)state;
    const int rounds = 20;
    begin(1, 1);
    double waited_ns = (double)hold_while_others_wait(rounds, 50);
    struct charged by_unlock = CHARGED_TO(&rt__mutex_buckets, unlocker);
    struct charged by_lock = CHARGED_TO(&rt__block_buckets, locker);
    assert_int_equal(by_unlock.stacks, 1);
    assert_int_equal(by_unlock.first, rounds);
    assert_true(by_unlock.second <= waited_ns);
    assert_true(by_unlock.second >= 0.8 * waited_ns);
    assert_true(by_unlock.second >= rounds * OTHERS * 50e6);
    assert_true(all_delays(&rt__mutex_buckets) <= waited_ns + 0.05 * waited_ns);
    assert_int_equal(by_lock.first, rounds * OTHERS);
    assert_true(by_lock.second <= waited_ns);
    assert_true(by_lock.second >= 0.95 * waited_ns);
    assert_int_equal(CHARGED_TO(&rt__mutex_buckets, locker).stacks, 0);
    assert_int_equal(CHARGED_TO(&rt__block_buckets, unlocker).stacks, 0);
}

static void a_mutex_profile_alone_leaves_the_block_profile_empty_and_the_other_way_round(void **state)
{
    (void)state;
    begin(1, 0);
    hold_while_others_wait(3, 0);
    assert_int_equal(CHARGED_TO(&rt__mutex_buckets, unlocker).first, 3);
    assert_int_equal(CHARGED_TO(&rt__block_buckets, locker).stacks, 0);
    begin(0, 1);
    hold_while_others_sleep_into_it();
    assert_int_equal(CHARGED_TO(&rt__mutex_buckets, unlocker).stacks, 0);
    assert_int_equal(CHARGED_TO(&rt__block_buckets, locker).first, 1);
}

/* A tenth of 3000 is 300 give or take 17: a quarter off is four times that and more. */
static void one_in_ten_unlocks_stands_for_all_of_them(void **state)
{
    (void)state;
    const int rounds = 3000;
    begin(10, 1);
    hold_while_others_wait(rounds, 0);
    struct charged sampled = CHARGED_TO(&rt__mutex_buckets, unlocker);
    assert_true(sampled.first > 0.75 * rounds && sampled.first < 1.25 * rounds);
    assert_int_equal((int64_t)sampled.first % 10, 0);
    assert_true(sampled.second > 0);
}

static void a_wait_for_a_condition_is_in_the_block_profile_only(void **state)
{
    (void)state;
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    begin(1, 1);
    pthread_mutex_lock(&mutex);
    struct timespec soon = in_ms(CLOCK_REALTIME, 100);
    uint64_t from_ns = now_ns();
    assert_int_equal(wait_until(&never, &mutex, &soon), ETIMEDOUT);
    double waited_ns = (double)(now_ns() - from_ns);
    pthread_mutex_unlock(&mutex);
    struct charged waited = CHARGED_TO(&rt__block_buckets, cond_waiter);
    assert_int_equal(waited.first, 1);
    assert_true(waited.second <= waited_ns && waited.second >= 0.9 * waited_ns);
    assert_int_equal(CHARGED_TO(&rt__mutex_buckets, cond_waiter).stacks, 0);
}

static void a_mutex_let_go_by_waiting_for_a_condition_is_charged_to_the_wait(void **state)
{
    (void)state;
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    pthread_t other;
    begin(1, 0);
    pthread_mutex_lock(&mutex);
    assert_int_equal(pthread_create(&other, NULL, lock_and_unlock, &mutex), 0);
    WAIT_UNTIL(rt__waiters_near(&mutex) == 1);
    sleep_ms(20);
    struct timespec soon = in_ms(CLOCK_REALTIME, 20);
    assert_int_equal(wait_until(&never, &mutex, &soon), ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
    pthread_join(other, NULL);
    struct charged charged = CHARGED_TO(&rt__mutex_buckets, cond_waiter);
    assert_int_equal(charged.first, 1);
    assert_true(charged.second >= 20e6);
}

static void a_recursive_mutex_is_charged_to_the_unlock_that_frees_it(void **state)
{
    (void)state;
    pthread_mutex_t m = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
    pthread_t other;
    begin(1, 0);
    pthread_mutex_lock(&m);
    pthread_mutex_lock(&m);
    assert_int_equal(pthread_create(&other, NULL, lock_and_unlock, &m), 0);
    WAIT_UNTIL(rt__waiters_near(&m) == 1);
    sleep_ms(20);
    pthread_mutex_unlock(&m);
    unlock(&m);
    pthread_join(other, NULL);
    struct charged charged = CHARGED_TO(&rt__mutex_buckets, unlocker);
    assert_int_equal(charged.first, 1);
    assert_true(charged.second >= 20e6);
    assert_true(all_delays(&rt__mutex_buckets) == charged.second);
}

static void who_gives_up_waiting_is_charged_to_itself_and_waits_no_more(void **state)
{
    (void)state;
    pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
    begin(1, 1);
    pthread_mutex_lock(&held);
    struct timespec soon = in_ms(CLOCK_REALTIME, 20);
    assert_int_equal(lock_until(&held, &soon), ETIMEDOUT);
    assert_int_equal(rt__waiters_near(&held), 0);
    unlock(&held);
    assert_int_equal(CHARGED_TO(&rt__block_buckets, timed_locker).first, 1);
    assert_true(CHARGED_TO(&rt__block_buckets, timed_locker).second >= 10e6);
    assert_int_equal(CHARGED_TO(&rt__mutex_buckets, unlocker).stacks, 0);
}

static void *release_both_later(void *arg)
{
    sleep_ms(20);
    sem_post(arg);
    return NULL;
}

static void waits_for_semaphores_are_in_the_block_profile_and_free_ones_are_not(void **state)
{
    (void)state;
    sem_t s;
    pthread_t other;
    begin(0, 1);
    sem_init(&s, 0, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(take(&s), 0);
    }
    assert_int_equal(CHARGED_TO(&rt__block_buckets, semaphore_waiter).stacks, 0);
    assert_int_equal(pthread_create(&other, NULL, release_both_later, &s), 0);
    assert_int_equal(take(&s), 0);
    pthread_join(other, NULL);
    assert_int_equal(CHARGED_TO(&rt__block_buckets, semaphore_waiter).first, 1);
    sem_destroy(&s);
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static bool reading;

static void *read_for_a_while(void *unused)
{
    pthread_rwlock_rdlock(&rwlock);
    __atomic_store_n(&reading, true, __ATOMIC_RELEASE);
    sleep_ms(50);
    pthread_rwlock_unlock(&rwlock);
    return unused;
}

static void a_writer_that_waits_for_a_reader_is_in_the_block_profile(void **state)
{
    (void)state;
    pthread_t reader;
    begin(0, 1);
    assert_int_equal(write_lock(&rwlock), 0); /* nobody has it: no wait */
    pthread_rwlock_unlock(&rwlock);
    assert_int_equal(CHARGED_TO(&rt__block_buckets, rwlock_waiter).stacks, 0);
    assert_int_equal(pthread_create(&reader, NULL, read_for_a_while, NULL), 0);
    WAIT_UNTIL(__atomic_load_n(&reading, __ATOMIC_ACQUIRE));
    assert_int_equal(write_lock(&rwlock), 0);
    pthread_rwlock_unlock(&rwlock);
    pthread_join(reader, NULL);
    assert_int_equal(CHARGED_TO(&rt__block_buckets, rwlock_waiter).first, 1);
}

/* ---- nobody hangs ---- */

static void *want_and_take(void *finished)
{
    for (int i = 0; i < 5; i++) {
        pthread_barrier_wait(&round_begins);
        lock(&mutex);
        pthread_mutex_unlock(&mutex);
        pthread_barrier_wait(&round_ends); /* or the other one could take the mutex again before this one has had it */
    }
    __atomic_store_n((bool *)finished, true, __ATOMIC_RELEASE);
    return NULL;
}

/* As when the collector stopped a thread that was adding to the tables and waits itself. */
static void events_are_dropped_and_counted_while_a_stopped_thread_holds_the_tables(void **state)
{
    (void)state;
    pthread_t other;
    bool finished = false;
    begin(1, 1);
    uint64_t dropped = rt__buckets_dropped(&rt__mutex_buckets) + rt__buckets_dropped(&rt__block_buckets);
    pthread_barrier_init(&round_begins, NULL, 2);
    pthread_barrier_init(&round_ends, NULL, 2);
    assert_int_equal(pthread_create(&other, NULL, want_and_take, &finished), 0);
    rt__buckets_lock(&rt__mutex_buckets);
    rt__buckets_lock(&rt__block_buckets);
    for (int i = 0; i < 5; i++) {
        pthread_mutex_lock(&mutex);
        pthread_barrier_wait(&round_begins);
        WAIT_UNTIL(rt__waiters_near(&mutex) == 1);
        unlock(&mutex);
        pthread_barrier_wait(&round_ends);
    }
    WAIT_UNTIL(__atomic_load_n(&finished, __ATOMIC_ACQUIRE));
    rt__buckets_unlock(&rt__block_buckets);
    rt__buckets_unlock(&rt__mutex_buckets);
    pthread_join(other, NULL);
    assert_true(rt__buckets_dropped(&rt__mutex_buckets) + rt__buckets_dropped(&rt__block_buckets) >= dropped + 10);
    assert_int_equal(CHARGED_TO(&rt__mutex_buckets, unlocker).stacks, 0);
}

static void cycles_beside_contended_threads_end_with_both_profiles_on(void **state)
{
    (void)state;
    begin(1, 1);
    for (int i = 0; i < 30; i++) {
        hold_while_others_wait(1, 0);
        rt_gc();
    }
    assert_int_equal(CHARGED_TO(&rt__mutex_buckets, unlocker).first, 30);
}

/* ---- fork ---- */

static void *wait_for_it(void *unused)
{
    lock(&mutex);
    pthread_mutex_unlock(&mutex);
    return unused;
}

static int contend_in_child(void)
{
    alarm(20);
    int ok = rt__waiters_near(&mutex) == 0; /* who waited has stayed behind */
    rt__buckets_clear(&rt__mutex_buckets);
    pthread_mutex_unlock(&mutex);
    hold_while_others_wait(2, 0);
    return ok && CHARGED_TO(&rt__mutex_buckets, unlocker).first == 2 ? 0 : 1;
}

static void the_child_of_a_fork_has_no_waiters_and_records_its_own(void **state)
{
    (void)state;
    pthread_t other;
    int status;
#ifdef __SANITIZE_THREAD__
    print_message("skipped: ThreadSanitizer makes no threads in the child of a fork\n");
    skip();
#endif
    begin(1, 1);
    pthread_mutex_lock(&mutex);
    assert_int_equal(pthread_create(&other, NULL, wait_for_it, NULL), 0);
    WAIT_UNTIL(rt__waiters_near(&mutex) == 1);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(contend_in_child());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    unlock(&mutex);
    pthread_join(other, NULL);
    assert_int_equal(CHARGED_TO(&rt__mutex_buckets, unlocker).first, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_both_profiles_are_off_nothing_is_recorded_and_nothing_is_mapped),
        cmocka_unit_test_teardown(waiting_for_a_mutex_is_charged_to_who_unlocks_it_and_to_who_waited, end),
        cmocka_unit_test_teardown(a_mutex_profile_alone_leaves_the_block_profile_empty_and_the_other_way_round, end),
        cmocka_unit_test_teardown(one_in_ten_unlocks_stands_for_all_of_them, end),
        cmocka_unit_test_teardown(a_wait_for_a_condition_is_in_the_block_profile_only, end),
        cmocka_unit_test_teardown(a_mutex_let_go_by_waiting_for_a_condition_is_charged_to_the_wait, end),
        cmocka_unit_test_teardown(a_recursive_mutex_is_charged_to_the_unlock_that_frees_it, end),
        cmocka_unit_test_teardown(who_gives_up_waiting_is_charged_to_itself_and_waits_no_more, end),
        cmocka_unit_test_teardown(waits_for_semaphores_are_in_the_block_profile_and_free_ones_are_not, end),
        cmocka_unit_test_teardown(a_writer_that_waits_for_a_reader_is_in_the_block_profile, end),
        cmocka_unit_test_teardown(events_are_dropped_and_counted_while_a_stopped_thread_holds_the_tables, end),
        cmocka_unit_test_teardown(cycles_beside_contended_threads_end_with_both_profiles_on, end),
        cmocka_unit_test_teardown(the_child_of_a_fork_has_no_waiters_and_records_its_own, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
