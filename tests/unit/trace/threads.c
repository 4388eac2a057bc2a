/* threads.c - threads are known from their begin to their end, many record at once, and a child begins anew. */
#include "tests/unit/trace/record_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/unwind/caller.h"

/* ---- threads -------------------------------------------------------------------------------------- */

static struct rt__trace_birth birth;
static uint64_t child_number;
static uint32_t child_slot;

static void *one_region(void *arg)
{
    rt__trace_thread_begins(&birth);
    child_number = rt__trace_self()->number;
    child_slot = rt__trace_self()->slot;
    rt__record_short(rt__trace_self(), rt__ticks(), RT__EV_REGION_BEGIN, 8);
    return arg;
}

static void run_thread(void *(*fn)(void *), void *arg)
{
    pthread_t thread;
    rt__trace_thread_made(&birth, (uintptr_t)fn, RT__CALLER);
    assert_int_equal(pthread_create(&thread, NULL, fn, arg), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void the_main_thread_is_number_1_and_others_come_after_it(void **state)
{
    (void)state;
    assert_int_equal(rt__trace_self()->number, 1);
    run_thread(one_region, NULL);
    assert_true(child_number > 1);
    uint64_t first = child_number;
    run_thread(one_region, NULL);
    assert_true(child_number > first);
}

static void a_thread_tells_of_its_begin_and_its_end(void **state)
{
    (void)state;
    uint64_t before = rt__ticks();
    run_thread(one_region, NULL);
    uint64_t after = rt__ticks();
    read_events_of(child_number);
    assert_int_equal(found.n, 3);
    struct rt__event *e = found.events;
    assert_int_equal(e[0].type, RT__EV_BEGIN);
    assert_int_equal(e[0].arg, birth.stack);
    assert_int_not_equal(e[0].arg, 0);
    assert_int_equal(e[0].words[0], birth.ticks);
    assert_int_equal(e[0].words[1], (uintptr_t)one_region);
    assert_true(before <= birth.ticks && birth.ticks <= e[0].ticks);
    assert_int_equal(e[1].type, RT__EV_REGION_BEGIN);
    assert_int_equal(e[2].type, RT__EV_END);
    assert_true(e[1].ticks <= e[2].ticks && e[2].ticks <= after);
    assert_int_equal(found.copies[0].start_fn, (uintptr_t)one_region);
    assert_false(found.copies[0].is_owned);
}

static void a_thread_made_while_nothing_was_recorded_is_known_all_the_same(void **state)
{
    (void)state;
    rt__recording_set(RT__RECORD_FLIGHT, false);
    rt__trace_thread_made(&birth, 77, RT__CALLER);
    assert_int_equal(birth.ticks, 0);
    assert_int_equal(birth.fn, 77);
    run_thread(one_region, NULL);
    read_events_of(child_number);
    assert_int_equal(found.n, 0);
    assert_int_not_equal(child_number, 0);
}

/* The program's; it asks to be called as often as it can be. The last times are after the end. */
static pthread_key_t late_key;

static void record_late(void *arg)
{
    struct rt__trace_thread *t = rt__trace_self();
    if (t) {
        rt__record_short(t, rt__ticks(), RT__EV_REGION_END, 9);
    }
    pthread_setspecific(late_key, arg);
}

static void *with_a_late_destructor(void *arg)
{
    one_region(arg);
    pthread_setspecific(late_key, &late_key);
    return arg;
}

static void what_destructors_of_the_program_do_still_comes_before_the_end(void **state)
{
    (void)state;
    assert_int_equal(pthread_key_create(&late_key, record_late), 0);
    run_thread(with_a_late_destructor, NULL);
    pthread_key_delete(late_key);
    read_events_of(child_number);
    assert_true(found.n >= 4);
    assert_int_equal(found.events[found.n - 1].type, RT__EV_END);
    for (size_t i = 2; i < found.n - 1; i++) {
        assert_int_equal(found.events[i].type, RT__EV_REGION_END);
    }
}

static void a_record_goes_to_another_thread_with_a_new_number(void **state)
{
    (void)state;
    run_thread(one_region, NULL);
    uint64_t number = child_number;
    uint32_t slot = child_slot;
    run_thread(one_region, NULL);
    assert_int_equal(child_slot, slot);
    assert_int_not_equal(child_number, number);
    read_events_of(child_number);
    assert_int_equal(found.n, 3);
    assert_int_equal(found.copies[0].index, 0);
}

#define MANY 40

static pthread_barrier_t all_are_there;

static void *be_there(void *arg)
{
    struct rt__trace_birth none = {.fn = (uintptr_t)arg};
    rt__trace_thread_begins(&none);
    pthread_barrier_wait(&all_are_there);
    pthread_barrier_wait(&all_are_there);
    return arg;
}

static void every_living_thread_has_a_record_and_a_slot_of_its_own(void **state)
{
    (void)state;
    pthread_t threads[MANY];
    static bool slots[2 * MANY]; /* slots stay few */
    size_t there = 0;
    struct rt__trace_seen seen;
    pthread_barrier_init(&all_are_there, NULL, MANY + 1);
    for (uintptr_t i = 0; i < MANY; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, be_there, (void *)(1000 + i)), 0);
    }
    pthread_barrier_wait(&all_are_there);
    uint32_t at = 0;
    for (struct rt__trace_thread *t = rt__trace_threads; t; t = t->next, at++) {
        assert_int_equal(t->slot, at);
        if (rt__trace_thread_read(t, &seen) && seen.start_fn >= 1000 && seen.start_fn < 1000 + MANY) {
            assert_true(seen.slot < 2 * MANY && !slots[seen.slot]);
            assert_true(seen.tid > 0 && seen.born_ticks > 0 && seen.blocked_since == 0);
            slots[seen.slot] = true;
            there++;
        }
    }
    assert_int_equal(there, MANY);
    pthread_barrier_wait(&all_are_there);
    for (int i = 0; i < MANY; i++) {
        pthread_join(threads[i], NULL);
    }
    for (struct rt__trace_thread *t = rt__trace_threads; t; t = t->next) {
        assert_false(rt__trace_thread_read(t, &seen) && seen.start_fn >= 1000 && seen.start_fn < 1000 + MANY);
    }
}

/* ---- many threads and a reader -------------------------------------------------------------------- */

#define THREADS 4
#define EVENTS_EACH 100000

static bool go;
static uint64_t numbers[THREADS];
static unsigned threads_left;

/* Every event tells its number, so what is missing must be what is told as lost. They go on until one is surely in:
 * then all losses are told. */
static void *record_many(void *arg)
{
    struct rt__trace_thread *t = rt__trace_self();
    __atomic_store_n((uint64_t *)arg, t->number, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
    for (uint32_t i = 0; i < EVENTS_EACH || t->lost > 0; i++) {
        if (i % 3 == 0) {
            rt__record(t, rt__ticks(), RT__EV_TASK_SET, i, (const uint64_t[]){i}, 1);
        } else {
            rt__record_short(t, rt__ticks(), RT__EV_REGION_BEGIN, i);
        }
        if (t->lost > 0) {
            sched_yield();
        }
    }
    rt__record_flush();
    __atomic_sub_fetch(&threads_left, 1, __ATOMIC_RELEASE);
    return NULL;
}

static struct tally {
    uint64_t next, read, lost, index;
} tallies[THREADS];

static void count_events(const struct rt__chunk_copy *copy, void *unused)
{
    (void)unused;
    unsigned i = 0;
    while (i < THREADS && numbers[i] != copy->thread) {
        i++;
    }
    if (i == THREADS) {
        return;
    }
    struct rt__event_reader r = {.words = copy->words, .count = copy->count, .base = copy->base};
    struct rt__event e;
    uint64_t last = 0;
    assert_int_equal(copy->index, tallies[i].index++);
    while (rt__event_next(&r, &e)) {
        assert_true(e.ticks >= last);
        last = e.ticks;
        if (e.type == RT__EV_LOST) {
            tallies[i].lost += e.words[0];
            tallies[i].next += e.words[0];
        } else if (e.type == RT__EV_TASK_SET || e.type == RT__EV_REGION_BEGIN) {
            assert_int_equal(e.arg, tallies[i].next);
            assert_int_equal(e.type, e.arg % 3 == 0 ? RT__EV_TASK_SET : RT__EV_REGION_BEGIN);
            tallies[i].next++;
            tallies[i].read++;
        }
    }
    assert_int_equal(r.at, copy->count);
}

static void each_event_of_many_threads_is_read_or_told_as_lost(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct rt__trace_counts before, after;
    uint64_t read = 0, lost = 0;
    rt__recording_set(RT__RECORD_TRACE, true);
    threads_left = THREADS;
    rt__record_counts(&before);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, record_many, &numbers[i]), 0);
        while (__atomic_load_n(&numbers[i], __ATOMIC_ACQUIRE) == 0) {
            sched_yield();
        }
    }
    __atomic_store_n(&go, true, __ATOMIC_RELEASE);
    bool is_last;
    do {
        is_last = __atomic_load_n(&threads_left, __ATOMIC_ACQUIRE) == 0;
        assert_int_equal(rt__chunks_each(true, rt__chunks_serial(), count_events, NULL), 0);
    } while (!is_last);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(tallies[i].next >= EVENTS_EACH);
        assert_int_equal(tallies[i].read + tallies[i].lost, tallies[i].next);
        read += tallies[i].read;
        lost += tallies[i].lost;
    }
    rt__record_counts(&after);
    assert_true(after.events - before.events >= read); /* and those of the runtime */
    assert_true(after.lost - before.lost >= lost);
}

/* ---- fork ----------------------------------------------------------------------------------------- */

static bool begins_anew(void)
{
    struct rt__trace_seen seen;
    struct rt__trace_thread *self = rt__trace_self();
    unsigned living = 0;
    if (rt__is_recording() || self->chunk || self->tid != getpid()) {
        return false;
    }
    for (struct rt__trace_thread *t = rt__trace_threads; t; t = t->next) {
        living += rt__trace_thread_read(t, &seen);
    }
    if (living != 1) {
        return false;
    }
    rt__recording_set(RT__RECORD_FLIGHT, true);
    rt__record_short(self, rt__ticks(), RT__EV_REGION_BEGIN, 3);
    found.number = self->number;
    found.n = found.chunks = 0;
    rt__chunks_each(false, 0, find_events, NULL);
    return found.n == 1 && found.events[0].arg == 3;
}

static void the_child_of_a_fork_begins_anew(void **state)
{
    (void)state;
    pthread_t thread;
    int status;
    pthread_barrier_init(&all_are_there, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, be_there, NULL), 0);
    pthread_barrier_wait(&all_are_there);
    rt__record_short(rt__trace_self(), rt__ticks(), RT__EV_REGION_BEGIN, 1);
    rt__record_short(rt__trace_self(), rt__ticks(), RT__EV_REGION_BEGIN, 2);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(begins_anew() ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    read_own_events(); /* the parent's go on */
    assert_int_equal(found.n, 2);
    pthread_barrier_wait(&all_are_there);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(the_main_thread_is_number_1_and_others_come_after_it),
        test(a_thread_tells_of_its_begin_and_its_end),
        test(a_thread_made_while_nothing_was_recorded_is_known_all_the_same),
        test(what_destructors_of_the_program_do_still_comes_before_the_end),
        test(a_record_goes_to_another_thread_with_a_new_number),
        test(every_living_thread_has_a_record_and_a_slot_of_its_own),
        test(each_event_of_many_threads_is_read_or_told_as_lost),
        test(the_child_of_a_fork_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
