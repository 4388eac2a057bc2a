/* chunk.c - chunks are bounded, used again when they are old, kept for whom they are kept, and copied whole or not at
 * all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>

#include "runtime/os/os.h"
#include "runtime/trace/chunk.h"
#include "runtime/trace/clock.h"

/* Of some threads' chunks, so that each test finds all free again; places made stay made. */
#define MOST 6

static int begin(void **state)
{
    (void)state;
    rt__chunks_forget();
    rt__chunks_set(MOST * RT__CHUNK_BYTES, 0);
    return 0;
}

static void store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* A chunk whose words tell whose it is: that every copy can be judged by. */
static void fill(struct rt__chunk *c, uint64_t thread, uint64_t index, unsigned words)
{
    store(&c->thread, thread);
    store(&c->owner, thread << 32 | (uint32_t)(1000 + thread));
    store(&c->start_fn, thread * 3);
    store(&c->index, index);
    store(&c->base, index * 10);
    store(&c->task, index * 7);
    for (unsigned i = 0; i < words; i++) {
        store(&c->words[i], thread << 32 | index);
        store(&c->used, i + 1);
    }
}

static struct rt__chunk *take_filled(uint64_t thread, uint64_t index)
{
    struct rt__chunk *c = rt__chunk_take();
    assert_non_null(c);
    fill(c, thread, index, 3);
    return c;
}

static struct rt__chunk *take_all_full(bool keep, struct rt__chunk *all[MOST])
{
    for (unsigned i = 0; i < MOST; i++) {
        all[i] = take_filled(1, i);
    }
    for (unsigned i = 0; i < MOST; i++) {
        rt__chunk_give_up(all[i], rt__ticks(), keep);
    }
    return all[0];
}

struct seen {
    size_t n;
    struct rt__chunk_copy copies[2 * MOST];
};

static void check_copy(const struct rt__chunk_copy *copy)
{
    assert_in_range(copy->count, 1, RT__CHUNK_WORDS);
    assert_int_equal(copy->slot, copy->thread);
    assert_int_equal(copy->tid, 1000 + copy->thread);
    assert_int_equal(copy->start_fn, copy->thread * 3);
    assert_int_equal(copy->base, copy->index * 10);
    assert_int_equal(copy->task, copy->index * 7);
    for (uint32_t i = 0; i < copy->count; i++) {
        assert_int_equal(copy->words[i], copy->thread << 32 | copy->index);
    }
}

static void see(const struct rt__chunk_copy *copy, void *arg)
{
    struct seen *seen = arg;
    check_copy(copy);
    assert_true(seen->n < 2 * MOST);
    seen->copies[seen->n++] = *copy;
}

/* ---- the bound ------------------------------------------------------------------------------------ */

static void there_are_no_more_chunks_than_the_bound_and_none_when_all_are_owned(void **state)
{
    (void)state;
    struct rt__chunk *owned[MOST];
    for (unsigned i = 0; i < MOST; i++) {
        owned[i] = take_filled(1, i);
        for (unsigned other = 0; other < i; other++) {
            assert_ptr_not_equal(owned[i], owned[other]);
        }
    }
    assert_null(rt__chunk_take());
    assert_int_equal(rt__chunks_bytes(), MOST * RT__CHUNK_BYTES);
    assert_int_equal(rt__chunks_most_bytes(), MOST * RT__CHUNK_BYTES);
    rt__chunk_give_up(owned[2], rt__ticks(), false);
    assert_ptr_equal(rt__chunk_take(), owned[2]);
    assert_null(rt__chunk_take());
}

static void what_does_not_make_a_whole_chunk_makes_none(void **state)
{
    (void)state;
    rt__chunks_set(RT__CHUNK_BYTES - 1, 0);
    assert_null(rt__chunk_take());
    rt__chunks_set(0, 0);
    assert_null(rt__chunk_take());
    rt__chunks_set(2 * RT__CHUNK_BYTES - 1, 0);
    assert_non_null(rt__chunk_take());
    assert_null(rt__chunk_take());
}

static void a_lower_bound_leaves_chunks_unused_and_a_higher_one_uses_them_again(void **state)
{
    (void)state;
    struct rt__chunk *all[MOST];
    size_t bytes;
    take_all_full(false, all);
    bytes = rt__chunks_bytes();
    rt__chunks_set(2 * RT__CHUNK_BYTES, 0);
    assert_non_null(rt__chunk_take());
    assert_non_null(rt__chunk_take());
    assert_null(rt__chunk_take());
    rt__chunks_set(MOST * RT__CHUNK_BYTES, 0);
    for (unsigned i = 2; i < MOST; i++) {
        assert_non_null(rt__chunk_take());
    }
    assert_null(rt__chunk_take());
    assert_int_equal(rt__chunks_bytes(), bytes);
}

/* ---- which one ------------------------------------------------------------------------------------ */

static void the_chunk_that_was_full_first_is_taken_again_first(void **state)
{
    (void)state;
    struct rt__chunk *all[MOST];
    take_all_full(false, all);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MOST; i++) {
            struct rt__chunk *c = take_filled(2, i);
            assert_ptr_equal(c, all[i]);
            rt__chunk_give_up(c, rt__ticks(), false);
        }
    }
}

static void a_chunk_begins_empty_with_the_next_serial(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * MOST; i++) {
        uint64_t serial = rt__chunks_serial();
        struct rt__chunk *c = rt__chunk_take();
        assert_int_equal(c->used, 0);
        assert_int_equal(c->serial, serial + 1);
        assert_int_equal(rt__chunks_serial(), serial + 1);
        fill(c, 1, i, 3);
        rt__chunk_give_up(c, rt__ticks(), false);
    }
}

static void kept_ones_are_passed_over_until_they_are_let_go(void **state)
{
    (void)state;
    struct rt__chunk *all[MOST];
    take_all_full(true, all);
    assert_null(rt__chunk_take());
    rt__chunks_unkeep();
    for (unsigned i = 0; i < MOST; i++) {
        assert_non_null(rt__chunk_take());
    }
}

/* A chunk more than there ever was: which of old and new is taken shows in the bytes. */
static void one_older_than_the_age_is_taken_again_though_there_is_room_for_more(void **state)
{
    (void)state;
    struct rt__chunk *all[MOST];
    size_t bytes;
    take_all_full(false, all);
    bytes = rt__chunks_bytes();
    rt__chunks_set(bytes + RT__CHUNK_BYTES, 1); /* a tick: older all are at the next */
    for (unsigned i = 0; i < 3 * MOST; i++) {
        struct rt__chunk *c = take_filled(2, i);
        rt__chunk_give_up(c, rt__ticks() - 2, false);
    }
    assert_int_equal(rt__chunks_bytes(), bytes);
    rt__chunks_set(bytes + RT__CHUNK_BYTES, UINT64_MAX / 2);
    struct rt__chunk *made = rt__chunk_take();
    assert_int_equal(rt__chunks_bytes(), bytes + RT__CHUNK_BYTES);
    for (unsigned i = 0; i < MOST; i++) {
        assert_ptr_not_equal(made, all[i]);
    }
    rt__chunk_give_up(made, rt__ticks(), false);
}

/* Its thread may be faster than one that has just read the clock and looks for a chunk. */
static void one_that_was_given_up_a_moment_after_now_is_not_old(void **state)
{
    (void)state;
    struct rt__chunk *all[4 * MOST];
    size_t n = rt__chunks_bytes() / RT__CHUNK_BYTES;
    uint64_t minute = 60 * rt__clock_ticks_per_s();
    assert_in_range(n, 1, 4 * MOST);
    rt__chunks_set(n * RT__CHUNK_BYTES, 10 * minute);
    for (size_t i = 0; i < n; i++) {
        all[i] = take_filled(1, i);
    }
    for (size_t i = 0; i < n; i++) {
        rt__chunk_give_up(all[i], rt__ticks() + minute, false);
    }
    rt__chunks_set((n + 1) * RT__CHUNK_BYTES, 10 * minute);
    assert_non_null(rt__chunk_take());
    assert_int_equal(rt__chunks_bytes(), (n + 1) * RT__CHUNK_BYTES);
}

static void with_no_age_what_is_full_is_left_alone_while_there_is_room(void **state)
{
    (void)state;
    struct rt__chunk *all[MOST];
    take_all_full(false, all);
    size_t bytes = rt__chunks_bytes();
    for (unsigned i = 0; i < MOST; i++) {
        rt__chunk_give_up(take_filled(2, i), 0, false); /* full since for ever */
    }
    rt__chunks_set(bytes + 2 * RT__CHUNK_BYTES, 0);
    rt__chunk_give_up(take_filled(2, 0), 0, false);
    rt__chunk_give_up(take_filled(2, 1), 0, false);
    assert_int_equal(rt__chunks_bytes(), bytes + 2 * RT__CHUNK_BYTES);
    rt__chunk_give_up(take_filled(2, 2), 0, false);
    assert_int_equal(rt__chunks_bytes(), bytes + 2 * RT__CHUNK_BYTES);
}

/* Idle threads own the places where the hand stands. */
static void old_ones_are_found_behind_those_that_are_owned(void **state)
{
    (void)state;
    enum { OWNED = 40 };
    rt__chunks_set((OWNED + MOST) * RT__CHUNK_BYTES, 0);
    for (unsigned i = 0; i < OWNED; i++) {
        take_filled(3, i);
    }
    for (unsigned i = 0; i < MOST; i++) {
        rt__chunk_give_up(take_filled(2, i), rt__ticks(), false);
    }
    size_t bytes = rt__chunks_bytes();
    rt__chunks_set(bytes + 16 * RT__CHUNK_BYTES, 1);
    for (unsigned i = 0; i < 100; i++) {
        rt__chunk_give_up(take_filled(2, i), rt__ticks() - 2, false);
    }
    assert_int_equal(rt__chunks_bytes(), bytes);
}

/* ---- reading -------------------------------------------------------------------------------------- */

static void all_chunks_with_events_are_copied_by_thread_and_index(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct rt__chunk *late = take_filled(2, 7);
    struct rt__chunk *early = take_filled(1, 4);
    rt__chunk_give_up(take_filled(2, 8), rt__ticks(), true);
    rt__chunk_give_up(early, rt__ticks(), false);
    rt__chunk_give_up(take_filled(1, 3), rt__ticks(), false);
    assert_non_null(rt__chunk_take()); /* empty */
    assert_int_equal(rt__chunks_each(false, 0, see, &seen), 0);
    assert_int_equal(seen.n, 4);
    static const uint64_t expected[][2] = {{1, 3}, {1, 4}, {2, 7}, {2, 8}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(seen.copies[i].thread, expected[i][0]);
        assert_int_equal(seen.copies[i].index, expected[i][1]);
        assert_int_equal(seen.copies[i].count, 3);
        assert_int_equal(seen.copies[i].is_owned, i == 2);
    }
    assert_int_equal(seen.copies[2].serial, late->serial);
}

static void kept_ones_up_to_a_serial_are_copied_once_in_the_order_of_serials(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct rt__chunk *first = take_filled(5, 0), *second = take_filled(4, 0);
    rt__chunk_give_up(take_filled(3, 0), rt__ticks(), false);
    rt__chunk_give_up(second, rt__ticks(), true);
    rt__chunk_give_up(first, rt__ticks(), true);
    uint64_t serial = rt__chunks_serial();
    rt__chunk_give_up(take_filled(4, 1), rt__ticks(), true);
    take_filled(4, 2); /* owned */

    assert_int_equal(rt__chunks_each(true, serial, see, &seen), 0);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.copies[0].thread, 5);
    assert_int_equal(seen.copies[1].thread, 4);
    assert_true(seen.copies[0].serial < seen.copies[1].serial);

    assert_int_equal(rt__chunks_each(true, serial, see, &seen), 0);
    assert_int_equal(seen.n, 2);
    assert_int_equal(rt__chunks_each(true, rt__chunks_serial(), see, &seen), 0);
    assert_int_equal(seen.n, 3);
    assert_int_equal(seen.copies[2].index, 1);
}

static void a_kept_chunk_without_events_is_let_go_and_not_told(void **state)
{
    (void)state;
    struct seen seen = {0};
    rt__chunks_set(RT__CHUNK_BYTES, 0);
    rt__chunk_give_up(rt__chunk_take(), rt__ticks(), true);
    assert_null(rt__chunk_take());
    assert_int_equal(rt__chunks_each(true, UINT64_MAX, see, &seen), 0);
    assert_int_equal(seen.n, 0);
    assert_non_null(rt__chunk_take());
}

/* Takes, during the call for the first chunk, all others again. */
static void see_and_take(const struct rt__chunk_copy *copy, void *arg)
{
    see(copy, arg);
    for (unsigned i = 0; i < MOST - 1; i++) {
        fill(rt__chunk_take(), 9, i, 2);
    }
}

static void a_chunk_that_is_taken_again_before_its_copy_is_passed_over(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct rt__chunk *all[MOST];
    take_all_full(false, all);
    struct rt__chunk *first = rt__chunk_take(); /* the hand is behind it */
    fill(first, 0, 0, 3);
    assert_int_equal(rt__chunks_each(false, 0, see_and_take, &seen), MOST - 1);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.copies[0].thread, 0);
}

static void after_forgetting_there_is_nothing_to_read_and_all_to_take(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct rt__chunk *all[MOST];
    take_all_full(true, all);
    rt__chunks_forget();
    assert_int_equal(rt__chunks_each(false, 0, see, &seen), 0);
    assert_int_equal(rt__chunks_each(true, UINT64_MAX, see, &seen), 0);
    assert_int_equal(seen.n, 0);
    for (unsigned i = 0; i < MOST; i++) {
        assert_non_null(rt__chunk_take());
    }
}

/* ---- threads -------------------------------------------------------------------------------------- */

#define THREADS 4
#define LIVES 3000

static bool keep_all;
static uint64_t lives_most; /* atomic */

static unsigned words_of(uint64_t index)
{
    return 1 + (unsigned)(index % 200);
}

/* Word by word, as events are recorded. Without a chunk it tries again. */
static void *take_and_fill(void *arg)
{
    uint64_t thread = (uintptr_t)arg, lives = 0;
    while (lives < __atomic_load_n(&lives_most, __ATOMIC_RELAXED)) {
        struct rt__chunk *c = rt__chunk_take();
        if (!c) {
            sched_yield();
            continue;
        }
        fill(c, thread, lives, words_of(lives));
        lives++;
        rt__chunk_give_up(c, rt__ticks(), keep_all);
    }
    return (void *)(uintptr_t)lives;
}

static void start_threads(pthread_t threads[THREADS])
{
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_fill, (void *)(i + 1)), 0);
    }
}

struct told {
    uint64_t chunks, thread, index, next[THREADS + 1];
};

static void judge(const struct rt__chunk_copy *copy, void *arg)
{
    struct told *told = arg;
    check_copy(copy);
    assert_true(copy->thread > told->thread || (copy->thread == told->thread && copy->index > told->index));
    told->thread = copy->thread;
    told->index = copy->index;
    told->chunks++;
}

static void every_copy_is_of_one_life_while_threads_take_chunks_again(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    uint64_t copies = 0, missed = 0, deadline = rt__os_now_ns() + UINT64_C(20000000000);
    keep_all = false;
    lives_most = UINT64_MAX;
    start_threads(threads);
    for (int round = 0; round < 2000 || ((copies == 0 || missed == 0) && rt__os_now_ns() < deadline); round++) {
        struct told told = {0};
        missed += rt__chunks_each(false, 0, judge, &told);
        copies += told.chunks;
    }
    __atomic_store_n(&lives_most, 0, __ATOMIC_RELAXED);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(copies > 0);
    assert_true(missed > 0); /* else nothing was tried */
}

static void take_note(const struct rt__chunk_copy *copy, void *arg)
{
    struct told *told = arg;
    check_copy(copy);
    assert_int_equal(copy->index, told->next[copy->thread]);
    assert_int_equal(copy->count, words_of(copy->index));
    told->next[copy->thread]++;
    told->chunks++;
}

static void every_kept_chunk_is_told_once_in_its_threads_order(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct told told = {0};
    keep_all = true;
    lives_most = LIVES;
    start_threads(threads);
    while (told.chunks < THREADS * LIVES) {
        assert_int_equal(rt__chunks_each(true, rt__chunks_serial(), take_note, &told), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *lives;
        pthread_join(threads[i], &lives);
        assert_int_equal((uintptr_t)lives, LIVES);
        assert_int_equal(told.next[i + 1], LIVES);
    }
    assert_int_equal(rt__chunks_each(true, UINT64_MAX, take_note, &told), 0);
    assert_int_equal(told.chunks, THREADS * LIVES);
}

#define test(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(there_are_no_more_chunks_than_the_bound_and_none_when_all_are_owned),
        test(what_does_not_make_a_whole_chunk_makes_none),
        test(a_lower_bound_leaves_chunks_unused_and_a_higher_one_uses_them_again),
        test(the_chunk_that_was_full_first_is_taken_again_first),
        test(a_chunk_begins_empty_with_the_next_serial),
        test(kept_ones_are_passed_over_until_they_are_let_go),
        test(with_no_age_what_is_full_is_left_alone_while_there_is_room),
        test(one_older_than_the_age_is_taken_again_though_there_is_room_for_more),
        test(one_that_was_given_up_a_moment_after_now_is_not_old),
        test(old_ones_are_found_behind_those_that_are_owned),
        test(all_chunks_with_events_are_copied_by_thread_and_index),
        test(kept_ones_up_to_a_serial_are_copied_once_in_the_order_of_serials),
        test(a_kept_chunk_without_events_is_let_go_and_not_told),
        test(a_chunk_that_is_taken_again_before_its_copy_is_passed_over),
        test(after_forgetting_there_is_nothing_to_read_and_all_to_take),
        test(every_copy_is_of_one_life_while_threads_take_chunks_again),
        test(every_kept_chunk_is_told_once_in_its_threads_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
