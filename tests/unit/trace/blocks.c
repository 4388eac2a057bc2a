/* blocks.c - threads that wait for locks, conditions and semaphores leave an event each, and who let them go. */
#include "tests/unit/trace/blocked.h"

#include <semaphore.h>
#include <signal.h>
#include "runtime/profile/contention.h"

/* ---- locks ---- */

CHARGED(locker) static void lock_it(struct worker *w)
{
    pthread_mutex_lock(w->arg);
    STAY;
    pthread_mutex_unlock(w->arg);
}

static void a_thread_that_waits_for_a_mutex_leaves_one_event(void **state)
{
    (void)state;
    need_the_wrappers();
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    struct worker w;
    pthread_mutex_lock(&m);
    start(&w, lock_it, &m);
    WAIT_UNTIL(is_blocked(&w));
    sleep_ms(20);
    pthread_mutex_unlock(&m);
    struct left left = finish(&w);
    assert_int_equal(left.n, 1);
    assert_int_equal(reason_of(&left.events[0]), RT__BLOCK_MUTEX);
    assert_true(length_ns(&left.events[0]) >= 15 * MS);
    assert_stack_of(&left.events[0], locker);
    /* let go at the end of it, not at its begin */
    assert_true(since_wake_ns(&left.events[0]) > 0);
    assert_true(left.events[0].words[1] >> 8 <= left.events[0].words[0] - left.events[0].ticks);
    assert_false(rt__is_wanted(&m));
}

static void lock_often(struct worker *w)
{
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(w->arg);
        pthread_mutex_unlock(w->arg);
    }
}

static void locks_that_are_free_leave_no_event(void **state)
{
    (void)state;
    need_the_wrappers();
    pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER, recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
    assert_int_equal(run(lock_often, &plain).n, 0);
    pthread_mutex_lock(&plain); /* another lock is held all the while */
    assert_int_equal(run(lock_often, &recursive).n, 0);
    pthread_mutex_unlock(&plain);
}

static void lock_until_late(struct worker *w)
{
    struct timespec soon = in_ms(CLOCK_MONOTONIC, 10);
    NOTE_UNLESS(w, pthread_mutex_clocklock(w->arg, CLOCK_MONOTONIC, &soon) == ETIMEDOUT);
}

static void a_wait_in_vain_is_an_event_that_nobody_ended(void **state)
{
    (void)state;
    need_the_wrappers();
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&m);
    struct left left = run(lock_until_late, &m);
    assert_int_equal(left.n, 1);
    assert_true(length_ns(&left.events[0]) >= 8 * MS);
    assert_int_equal(since_wake_ns(&left.events[0]), 0);
    assert_false(rt__is_wanted(&m));
    pthread_mutex_unlock(&m);
}

static void an_unlock_notes_a_wake_only_when_it_is_the_last_and_wanted(void **state)
{
    (void)state;
    need_the_wrappers();
    pthread_mutex_t m = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
    struct worker w;
    pthread_mutex_lock(&m);
    pthread_mutex_unlock(&m);
    assert_int_equal(rt__wake_find(&m), 0);
    pthread_mutex_lock(&m);
    pthread_mutex_lock(&m);
    start(&w, lock_it, &m);
    WAIT_UNTIL(is_blocked(&w));
    assert_true(rt__is_wanted(&m));
    pthread_mutex_unlock(&m);
    assert_int_equal(rt__wake_find(&m), 0);
    pthread_mutex_unlock(&m);
    struct left left = finish(&w); /* which has taken the note */
    assert_true(since_wake_ns(last(&left)) > 0);
    assert_int_equal(rt__wake_find(&m), 0);
}

/* ---- conditions, semaphores, read-write locks, threads ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static bool flag;

CHARGED(condwaiter) static void wait_for_flag(struct worker *w)
{
    (void)w;
    pthread_mutex_lock(&mutex);
    while (!flag) {
        pthread_cond_wait(&cond, &mutex);
    }
    pthread_mutex_unlock(&mutex);
}

static void a_thread_that_waits_for_a_condition_is_let_go_by_its_signal(void **state)
{
    (void)state;
    need_the_wrappers();
    static int (*const wake[])(pthread_cond_t *) = {pthread_cond_signal, pthread_cond_broadcast};
    for (int i = 0; i < 2; i++) {
        struct worker w;
        flag = false;
        start(&w, wait_for_flag, NULL);
        WAIT_UNTIL(is_blocked(&w) && __atomic_load_n(&w.record->blocked_reason, __ATOMIC_RELAXED) == RT__BLOCK_COND);
        sleep_ms(10);
        pthread_mutex_lock(&mutex); /* had only while the other waits */
        flag = true;
        uint64_t woken = rt__ticks();
        wake[i](&cond);
        pthread_mutex_unlock(&mutex);
        struct left left = finish(&w);
        const struct rt__event *e = last(&left);
        assert_int_equal(reason_of(e), RT__BLOCK_COND);
        assert_true(length_ns(e) >= 8 * MS);
        assert_stack_of(e, condwaiter);
        assert_true(e->words[1] >> 8 > 0);
        assert_true(e->words[1] >> 8 <= e->words[0] - woken);
    }
}

static void wait_until_late(struct worker *w)
{
    struct timespec soon = in_ms(CLOCK_MONOTONIC, 50);
    pthread_mutex_lock(&mutex);
    NOTE_UNLESS(w, pthread_cond_clockwait(&cond, &mutex, CLOCK_MONOTONIC, &soon) == ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
}

static void a_signal_that_was_for_another_did_not_let_go_one_that_waited_its_time_out(void **state)
{
    (void)state;
    need_the_wrappers();
    struct worker w;
    start(&w, wait_until_late, NULL);
    WAIT_UNTIL(is_blocked(&w) && __atomic_load_n(&w.record->blocked_reason, __ATOMIC_RELAXED) == RT__BLOCK_COND);
    rt__wake_note(&cond, rt__ticks());
    struct left left = finish(&w);
    assert_int_equal(left.n, 1);
    assert_int_equal(reason_of(&left.events[0]), RT__BLOCK_COND);
    assert_int_equal(since_wake_ns(&left.events[0]), 0);
}

static void take_semaphore(struct worker *w)
{
    NOTE_UNLESS(w, sem_wait(w->arg) == 0);
}

static void a_thread_that_waits_for_a_semaphore_is_let_go_by_its_post(void **state)
{
    (void)state;
    need_the_wrappers();
    sem_t s;
    struct worker w;
    sem_init(&s, 0, 1);
    assert_int_equal(run(take_semaphore, &s).n, 0);
    start(&w, take_semaphore, &s);
    WAIT_UNTIL(is_blocked(&w));
    sleep_ms(10);
    uint64_t woken = rt__ticks();
    sem_post(&s);
    struct left left = finish(&w);
    assert_int_equal(left.n, 1);
    assert_int_equal(reason_of(&left.events[0]), RT__BLOCK_SEMAPHORE);
    assert_true(left.events[0].words[1] >> 8 > 0);
    assert_true(left.events[0].words[1] >> 8 <= left.events[0].words[0] - woken);
    sem_destroy(&s);
}

static void read_it(struct worker *w)
{
    NOTE_UNLESS(w, pthread_rwlock_rdlock(w->arg) == 0);
    pthread_rwlock_unlock(w->arg);
}

static void write_it(struct worker *w)
{
    NOTE_UNLESS(w, pthread_rwlock_wrlock(w->arg) == 0);
    pthread_rwlock_unlock(w->arg);
}

static void readers_and_writers_that_wait_are_let_go_by_the_unlock(void **state)
{
    (void)state;
    need_the_wrappers();
    static void (*const want[])(struct worker *) = {read_it, write_it};
    for (int i = 0; i < 2; i++) {
        pthread_rwlock_t l = PTHREAD_RWLOCK_INITIALIZER;
        struct worker w;
        assert_int_equal(run(want[i], &l).n, 0);
        pthread_rwlock_wrlock(&l);
        start(&w, want[i], &l);
        WAIT_UNTIL(is_blocked(&w));
        sleep_ms(10);
        pthread_rwlock_unlock(&l);
        struct left left = finish(&w);
        assert_int_equal(left.n, 1);
        assert_int_equal(reason_of(&left.events[0]), RT__BLOCK_RWLOCK);
        assert_true(left.events[0].words[1] >> 8 > 0);
        assert_false(rt__is_wanted(&l));
        pthread_rwlock_destroy(&l);
    }
}

static void sleep_in_handler(int signal)
{
    (void)signal;
    usleep(5000);
}

/* A wait for a semaphore goes on after the handler (SA_RESTART), so one block lies within the other. */
static void a_handler_that_sleeps_within_a_block_leaves_events_in_order(void **state)
{
    (void)state;
    need_the_wrappers();
    struct sigaction action = {.sa_handler = sleep_in_handler, .sa_flags = SA_RESTART}, before;
    sem_t s;
    struct worker w;
    sem_init(&s, 0, 0);
    sigaction(SIGUSR1, &action, &before);
    start(&w, take_semaphore, &s);
    WAIT_UNTIL(is_blocked(&w));
    sleep_ms(5);
    pthread_kill(w.thread, SIGUSR1);
    WAIT_UNTIL(blocks_of(w.number).n == 1);
    sleep_ms(5);
    sem_post(&s);
    struct left left = finish(&w);
    sigaction(SIGUSR1, &before, NULL);
    assert_int_equal(left.n, 2);
    assert_int_equal(reason_of(&left.events[0]), RT__BLOCK_SLEEP);
    assert_int_equal(reason_of(&left.events[1]), RT__BLOCK_SEMAPHORE);
    assert_true(left.events[1].ticks >= left.events[0].words[0]);
    sem_destroy(&s);
}

static void count_lost(const struct rt__chunk_copy *c, void *arg)
{
    struct rt__event_reader reader = {.words = c->words, .count = c->count, .base = c->base};
    struct rt__event e;
    while (rt__event_next(&reader, &e)) {
        *(uint64_t *)arg += e.type == RT__EV_LOST ? e.words[0] : 0;
    }
}

static void a_handler_that_interrupts_the_recorder_leaves_its_events_alone(void **state)
{
    (void)state;
    need_the_wrappers();
    struct rt__trace_thread *self = rt__trace_self();
    uint64_t lost_before = 0, lost_after = 0;
    size_t blocks_before = blocks_of(self->number).n;
    rt__chunks_each(false, UINT64_MAX, count_lost, &lost_before);
    self->is_busy = true; /* as the handler finds it */
    sleep_in_handler(SIGUSR1);
    rt__record_short(self, rt__ticks(), RT__EV_REGION_END, 0);
    rt__record_flush();
    self->is_busy = false;
    assert_int_equal(blocks_of(self->number).n, blocks_before);
    rt__record_flush(); /* the count comes first in the next chunk */
    sleep_ms(5);
    assert_int_equal(blocks_of(self->number).n, blocks_before + 1);
    rt__chunks_each(false, UINT64_MAX, count_lost, &lost_after);
    assert_int_equal(lost_after - lost_before, 2);
}

/* ---- off, and threads ---- */

static void lock_held_and_sleep(struct worker *w)
{
    lock_until_late(w);
    usleep(1000);
}

static void with_nothing_recorded_calls_leave_nothing(void **state)
{
    (void)state;
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&m);
    struct worker w = {.fn = lock_held_and_sleep, .arg = &m};
    record(false);
    assert_false(__atomic_load_n(&rt__locks_state, __ATOMIC_ACQUIRE) & RT__LOCKS_TRACE);
    assert_int_equal(pthread_create(&w.thread, NULL, work, &w), 0);
    pthread_join(w.thread, NULL);
    assert_int_equal(w.number ? blocks_of(w.number).n : 0, 0);
    record(true);
    assert_int_equal(!!(__atomic_load_n(&rt__locks_state, __ATOMIC_ACQUIRE) & RT__LOCKS_TRACE), 1);
    pthread_mutex_unlock(&m);
}

static void *say_own_function(void *arg)
{
    struct rt__trace_thread *t = rt__trace_self();
    *(uintptr_t *)arg = t ? t->start_fn : 0;
    return NULL;
}

static void a_thread_is_known_by_the_programs_function(void **state)
{
    (void)state;
    need_the_wrappers();
    pthread_t thread;
    uintptr_t known = 0;
    assert_int_equal(pthread_create(&thread, NULL, say_own_function, &known), 0);
    pthread_join(thread, NULL);
    assert_int_equal(known, (uintptr_t)say_own_function);
    known = 0;
    assert_int_equal(rt_thread_start(&thread, NULL, "named", say_own_function, &known), 0);
    pthread_join(thread, NULL);
    assert_int_equal(known, (uintptr_t)say_own_function);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECORDED(a_thread_that_waits_for_a_mutex_leaves_one_event),
        RECORDED(locks_that_are_free_leave_no_event),
        RECORDED(a_wait_in_vain_is_an_event_that_nobody_ended),
        RECORDED(an_unlock_notes_a_wake_only_when_it_is_the_last_and_wanted),
        RECORDED(a_thread_that_waits_for_a_condition_is_let_go_by_its_signal),
        RECORDED(a_signal_that_was_for_another_did_not_let_go_one_that_waited_its_time_out),
        RECORDED(a_thread_that_waits_for_a_semaphore_is_let_go_by_its_post),
        RECORDED(readers_and_writers_that_wait_are_let_go_by_the_unlock),
        RECORDED(a_handler_that_sleeps_within_a_block_leaves_events_in_order),
        RECORDED(a_handler_that_interrupts_the_recorder_leaves_its_events_alone),
        RECORDED(with_nothing_recorded_calls_leave_nothing),
        RECORDED(a_thread_is_known_by_the_programs_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
