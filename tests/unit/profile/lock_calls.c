/* lock_calls.c - every call answers what libc's own would, with the profiles, and the trace, off and on. */
#include "tests/unit/profile/charged.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>
#include "runtime/cruntime.h"
#include "runtime/profile/contention.h"
#include "runtime/profile/waiters.h"
#include "runtime/trace/record.h"

#ifdef RT_SANITIZE
/* What ThreadSanitizer would report here is what is tested: misuse, and that it is answered with an error. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_mutex_bugs=0:report_destroy_locked=0";
}
#endif

static const struct {
    int fraction;
    int64_t rate_ns;
    bool recorded;
} modes[] = {{0, 0, false}, {1, 0, false}, {0, 1, false}, {1, 1, false}, {0, 0, true}, {1, 1, true}};

/* Runs the claims in each mode. */
static void in_each_mode(void (*claims)(void))
{
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        rt_set_mutex_profile_fraction(modes[i].fraction);
        rt_set_block_profile_rate(modes[i].rate_ns);
        rt__recording_set(RT__RECORD_FLIGHT, modes[i].recorded);
        claims();
    }
    rt__recording_set(RT__RECORD_FLIGHT, false);
    rt_set_mutex_profile_fraction(0);
    rt_set_block_profile_rate(0);
}

static pthread_mutex_t mutex_of(int type, int robust, int protocol)
{
    pthread_mutex_t m;
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    assert_int_equal(pthread_mutexattr_settype(&attr, type), 0);
    assert_int_equal(pthread_mutexattr_setrobust(&attr, robust), 0);
    assert_int_equal(pthread_mutexattr_setprotocol(&attr, protocol), 0);
    assert_int_equal(pthread_mutex_init(&m, &attr), 0);
    pthread_mutexattr_destroy(&attr);
    return m;
}

/* Runs fn(m) on another thread and gives its answer. */
struct call {
    int (*fn)(pthread_mutex_t *m);
    pthread_mutex_t *m;
    int result;
};

static void *do_call(void *arg)
{
    struct call *c = arg;
    c->result = c->fn(c->m);
    return NULL;
}

static int elsewhere(int (*fn)(pthread_mutex_t *m), pthread_mutex_t *m)
{
    pthread_t thread;
    struct call c = {fn, m, -1};
    assert_int_equal(pthread_create(&thread, NULL, do_call, &c), 0);
    pthread_join(thread, NULL);
    return c.result;
}

static int timedlock_soon(pthread_mutex_t *m)
{
    struct timespec soon = in_ms(CLOCK_REALTIME, 5);
    return pthread_mutex_timedlock(m, &soon);
}

static int clocklock_soon(pthread_mutex_t *m)
{
    struct timespec soon = in_ms(CLOCK_MONOTONIC, 5);
    return pthread_mutex_clocklock(m, CLOCK_MONOTONIC, &soon);
}

/* ---- mutexes ---- */

static void error_checking(void)
{
    pthread_mutex_t m = mutex_of(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
    assert_int_equal(pthread_mutex_unlock(&m), EPERM);
    assert_int_equal(pthread_mutex_lock(&m), 0);
    assert_int_equal(pthread_mutex_lock(&m), EDEADLK);
    assert_int_equal(timedlock_soon(&m), EDEADLK);
    assert_int_equal(elsewhere(pthread_mutex_unlock, &m), EPERM);
    assert_int_equal(elsewhere(pthread_mutex_trylock, &m), EBUSY);
    assert_int_equal(pthread_mutex_unlock(&m), 0);
    assert_int_equal(rt__waiters_near(&m), 0);
    pthread_mutex_destroy(&m);
}

static void an_error_checking_mutex_says_edeadlk_and_eperm(void **state)
{
    (void)state;
    in_each_mode(error_checking);
}

static void recursive(void)
{
    pthread_mutex_t m = mutex_of(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_mutex_lock(&m), 0);
        assert_int_equal(timedlock_soon(&m), 0);
    }
    for (int i = 0; i < 6; i++) {
        assert_int_equal(elsewhere(timedlock_soon, &m), ETIMEDOUT);
        assert_int_equal(pthread_mutex_unlock(&m), 0);
    }
    assert_int_equal(pthread_mutex_unlock(&m), EPERM);
    assert_int_equal(elsewhere(timedlock_soon, &m), 0); /* whose owner is gone for good: not destroyed */
}

static void a_recursive_mutex_is_free_after_as_many_unlocks_as_locks(void **state)
{
    (void)state;
    in_each_mode(recursive);
}

static int lock_and_die(pthread_mutex_t *m)
{
    return pthread_mutex_lock(m);
}

static void *hold_until_waited_for(void *arg)
{
    pthread_mutex_lock(arg);
    __atomic_store_n((bool *)((pthread_mutex_t *)arg + 1), true, __ATOMIC_RELEASE);
    sleep_ms(20);
    return NULL;
}

static void robust(void)
{
    struct {
        pthread_mutex_t m;
        bool held;
    } s = {.m = mutex_of(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE)};
    pthread_t owner;
    assert_int_equal(elsewhere(lock_and_die, &s.m), 0);
    assert_int_equal(pthread_mutex_lock(&s.m), EOWNERDEAD);
    assert_int_equal(pthread_mutex_consistent(&s.m), 0);
    assert_int_equal(pthread_mutex_unlock(&s.m), 0);
    /* and while somebody waits */
    assert_int_equal(pthread_create(&owner, NULL, hold_until_waited_for, &s), 0);
    WAIT_UNTIL(__atomic_load_n(&s.held, __ATOMIC_ACQUIRE));
    assert_int_equal(pthread_mutex_lock(&s.m), EOWNERDEAD);
    pthread_join(owner, NULL);
    assert_int_equal(rt__waiters_near(&s.m), 0);
    assert_int_equal(pthread_mutex_unlock(&s.m), 0);
    assert_int_equal(pthread_mutex_lock(&s.m), ENOTRECOVERABLE);
    assert_int_equal(pthread_mutex_trylock(&s.m), ENOTRECOVERABLE);
    pthread_mutex_destroy(&s.m);
}

static void a_robust_mutex_tells_of_its_dead_owner(void **state)
{
    (void)state;
    in_each_mode(robust);
}

static void timed(void)
{
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    struct timespec bad = {.tv_sec = 0, .tv_nsec = 1000000000};
    assert_int_equal(pthread_mutex_timedlock(&m, &bad), 0); /* free: the time is not looked at */
    assert_int_equal(elsewhere(timedlock_soon, &m), ETIMEDOUT);
    assert_int_equal(elsewhere(clocklock_soon, &m), ETIMEDOUT);
    assert_int_equal(pthread_mutex_timedlock(&m, &bad), EINVAL);
    assert_int_equal(pthread_mutex_clocklock(&m, CLOCK_PROCESS_CPUTIME_ID, &bad), EINVAL);
    assert_int_equal(rt__waiters_near(&m), 0);
    assert_int_equal(pthread_mutex_unlock(&m), 0);
    assert_int_equal(clocklock_soon(&m), 0);
    assert_int_equal(pthread_mutex_unlock(&m), 0);
    assert_int_equal(pthread_mutex_clocklock(&m, CLOCK_PROCESS_CPUTIME_ID, &bad), EINVAL);
}

static void a_timed_lock_says_etimedout_and_einval(void **state)
{
    (void)state;
    in_each_mode(timed);
}

static void priority_inheriting(void)
{
    pthread_mutex_t m = mutex_of(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT);
    assert_int_equal(pthread_mutex_lock(&m), 0);
    assert_int_equal(pthread_mutex_lock(&m), EDEADLK);
    assert_int_equal(elsewhere(timedlock_soon, &m), ETIMEDOUT);
    assert_int_equal(pthread_mutex_unlock(&m), 0);
    pthread_mutex_destroy(&m);
}

static void a_mutex_that_inherits_priority_works_as_before(void **state)
{
    (void)state;
    in_each_mode(priority_inheriting);
}

/* ---- conditions ---- */

static void conditions(void)
{
    pthread_mutex_t m = mutex_of(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
    pthread_cond_t c = PTHREAD_COND_INITIALIZER;
    struct timespec soon = in_ms(CLOCK_REALTIME, 5), soon_monotonic = in_ms(CLOCK_MONOTONIC, 5);
    struct timespec bad = {.tv_sec = 0, .tv_nsec = -1};
    assert_int_equal(pthread_cond_wait(&c, &m), EPERM); /* not the caller's */
    pthread_mutex_lock(&m);
    assert_int_equal(pthread_cond_timedwait(&c, &m, &soon), ETIMEDOUT);
    assert_int_equal(pthread_cond_clockwait(&c, &m, CLOCK_MONOTONIC, &soon_monotonic), ETIMEDOUT);
    assert_int_equal(pthread_cond_timedwait(&c, &m, &bad), EINVAL);
    assert_int_equal(pthread_mutex_lock(&m), EDEADLK); /* still the caller's */
    assert_int_equal(pthread_mutex_unlock(&m), 0);
    pthread_cond_destroy(&c);
    pthread_mutex_destroy(&m);
}

static void waits_for_conditions_say_etimedout_eperm_and_einval(void **state)
{
    (void)state;
    in_each_mode(conditions);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static bool waiting, cleaned;

static void clean_up(void *unused)
{
    (void)unused;
    cleaned = pthread_mutex_unlock(&mutex) == 0; /* cancelled waits have the mutex again */
}

static void *wait_for_ever(void *unused)
{
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push(clean_up, NULL);
    __atomic_store_n(&waiting, true, __ATOMIC_RELEASE);
    for (;;) {
        pthread_cond_wait(&cond, &mutex);
    }
    pthread_cleanup_pop(0);
    return unused;
}

static void cancellation(void)
{
    pthread_t thread;
    void *result;
    waiting = cleaned = false;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_ever, NULL), 0);
    WAIT_UNTIL(__atomic_load_n(&waiting, __ATOMIC_ACQUIRE));
    pthread_mutex_lock(&mutex); /* had only while the other waits */
    pthread_mutex_unlock(&mutex);
    assert_int_equal(pthread_cancel(thread), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_true(cleaned);
    assert_int_equal(rt__waiters_near(&mutex), 0);
    assert_int_equal(pthread_mutex_trylock(&mutex), 0);
    assert_int_equal(pthread_mutex_unlock(&mutex), 0);
}

static void a_thread_cancelled_in_a_wait_cleans_up_and_leaves_no_waiter_behind(void **state)
{
    (void)state;
    in_each_mode(cancellation);
}

/* ---- semaphores and read-write locks ---- */

static void *take_cancelled(void *arg)
{
    pthread_cancel(pthread_self());
    sem_wait(arg); /* is there to be had, and a point of cancellation all the same */
    return NULL;
}

static void semaphores(void)
{
    sem_t s;
    pthread_t thread;
    void *result;
    struct timespec soon = in_ms(CLOCK_REALTIME, 5), bad = {.tv_sec = 0, .tv_nsec = 1000000000};
    sem_init(&s, 0, 2);
    errno = EXDEV;
    assert_int_equal(sem_wait(&s), 0);
    assert_int_equal(errno, EXDEV);
    assert_int_equal(sem_timedwait(&s, &bad), -1);
    assert_int_equal(errno, EINVAL);
    errno = 0;
    assert_int_equal(sem_clockwait(&s, CLOCK_PROCESS_CPUTIME_ID, &soon), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(pthread_create(&thread, NULL, take_cancelled, &s), 0);
    pthread_join(thread, &result);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_int_equal(sem_timedwait(&s, &soon), 0);
    assert_int_equal(sem_timedwait(&s, &soon), -1);
    assert_int_equal(errno, ETIMEDOUT);
    soon = in_ms(CLOCK_MONOTONIC, 5);
    errno = 0;
    assert_int_equal(sem_clockwait(&s, CLOCK_MONOTONIC, &soon), -1);
    assert_int_equal(errno, ETIMEDOUT);
    sem_destroy(&s);
}

static void semaphores_are_cancelled_time_out_and_refuse_as_before(void **state)
{
    (void)state;
    in_each_mode(semaphores);
}

static void rwlocks(void)
{
    pthread_rwlock_t l = PTHREAD_RWLOCK_INITIALIZER;
    assert_int_equal(pthread_rwlock_wrlock(&l), 0);
    assert_int_equal(pthread_rwlock_wrlock(&l), EDEADLK);
    assert_int_equal(pthread_rwlock_rdlock(&l), EDEADLK);
    assert_int_equal(pthread_rwlock_unlock(&l), 0);
    assert_int_equal(pthread_rwlock_rdlock(&l), 0);
    assert_int_equal(pthread_rwlock_rdlock(&l), 0);
    assert_int_equal(pthread_rwlock_trywrlock(&l), EBUSY);
    assert_int_equal(pthread_rwlock_unlock(&l), 0);
    assert_int_equal(pthread_rwlock_unlock(&l), 0);
    pthread_rwlock_destroy(&l);
}

static void read_write_locks_say_edeadlk_and_ebusy_as_before(void **state)
{
    (void)state;
    in_each_mode(rwlocks);
}

/* ---- switching while others are at it ---- */

static bool stop;
static uint64_t guarded;

static void *count_guarded(void *arg)
{
    uint64_t *mine = arg;
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        pthread_mutex_lock(&mutex);
        guarded++;
        pthread_mutex_unlock(&mutex);
        ++*mine;
    }
    return NULL;
}

static void switching_profiles_and_trace_on_and_off_loses_no_lock_and_leaves_no_waiter(void **state)
{
    (void)state;
    pthread_t threads[3];
    uint64_t counts[3] = {0}, sum = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_guarded, &counts[i]), 0);
    }
    for (int i = 0; i < 2000; i++) {
        rt_set_mutex_profile_fraction(i % 2);
        rt_set_block_profile_rate(i / 2 % 2);
        rt__recording_set(RT__RECORD_FLIGHT, i / 4 % 2);
        sched_yield();
    }
    rt_set_mutex_profile_fraction(0);
    rt_set_block_profile_rate(0);
    rt__recording_set(RT__RECORD_FLIGHT, false);
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        sum += counts[i];
    }
    assert_int_equal(guarded, sum);
    assert_int_equal(rt__waiters_near(&mutex), 0);
    assert_false(rt__is_wanted(&mutex));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_checking_mutex_says_edeadlk_and_eperm),
        cmocka_unit_test(a_recursive_mutex_is_free_after_as_many_unlocks_as_locks),
        cmocka_unit_test(a_robust_mutex_tells_of_its_dead_owner),
        cmocka_unit_test(a_timed_lock_says_etimedout_and_einval),
        cmocka_unit_test(a_mutex_that_inherits_priority_works_as_before),
        cmocka_unit_test(waits_for_conditions_say_etimedout_eperm_and_einval),
        cmocka_unit_test(a_thread_cancelled_in_a_wait_cleans_up_and_leaves_no_waiter_behind),
        cmocka_unit_test(semaphores_are_cancelled_time_out_and_refuse_as_before),
        cmocka_unit_test(read_write_locks_say_edeadlk_and_ebusy_as_before),
        cmocka_unit_test(switching_profiles_and_trace_on_and_off_loses_no_lock_and_leaves_no_waiter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
