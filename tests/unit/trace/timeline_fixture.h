/* timeline_fixture.h - what the tests of the timeline have in common: a tape, a timeline from 100 to 1000 that checks
 * itself, and short ways to record on one and to feed it to the other.
 */
#ifndef TESTS_UNIT_TRACE_TIMELINE_FIXTURE_H
#define TESTS_UNIT_TRACE_TIMELINE_FIXTURE_H

#include "tests/unit/trace/timeline_check.h"
#include "tests/unit/trace/timeline_tape.h"

/* Ticks are nanoseconds here, unless a test says otherwise. */
static const struct rt__clock_map plain = {.n = 1};

static struct tape tape;
static struct check check;
static struct rt__timeline *tl;
static uint64_t task; /* that thread 1 works for, as its chunks' heads say */

static inline int begin(void **state)
{
    (void)state;
    tape = (struct tape){.words_most = RT__CHUNK_WORDS};
    tl = check_begin(&check, 100, 1000);
    task = 0;
    return 0;
}

static inline int end(void **state)
{
    (void)state;
    tape_erase(&tape);
    check_end(&check, tl);
    return 0;
}

static inline struct rt__timeline_thread thread(uint64_t number, uint64_t born_ticks)
{
    return (struct rt__timeline_thread){.number = number,
                                        .slot = (uint32_t)number - 1,
                                        .tid = 100 + (pid_t)number,
                                        .start_fn = 0x1000 + number,
                                        .name = "worker",
                                        .born_ticks = born_ticks};
}

static inline void tell_thread(uint64_t number, uint64_t born_ticks)
{
    struct rt__timeline_thread t = thread(number, born_ticks);
    rt__timeline_thread(tl, &t);
}

static inline void event(uint64_t number, uint64_t ticks, enum rt__event_type type, uint32_t arg)
{
    tape_event(&tape, number, ticks, task, type, arg, NULL, 0);
}

static inline void event1(uint64_t number, uint64_t ticks, enum rt__event_type type, uint32_t arg, uint64_t word)
{
    tape_event(&tape, number, ticks, task, type, arg, &word, 1);
}

static inline void event2(uint64_t number, uint64_t ticks, enum rt__event_type type, uint32_t arg, uint64_t a,
                          uint64_t b)
{
    uint64_t words[] = {a, b};
    tape_event(&tape, number, ticks, task, type, arg, words, 2);
}

static inline void blocks(uint64_t number, uint64_t from, uint64_t to, uint64_t wake, enum rt__block reason)
{
    event2(number, from, RT__EV_BLOCK, 7, to, (uint64_t)reason | wake << 8);
}

static inline uint32_t site(const char *name)
{
    return rt__site(name, __builtin_return_address(0));
}

static inline void feed(void)
{
    tape_feed(&tape, tl, &plain);
}

static inline void feed_all(void)
{
    rt__timeline_until(tl, 1000);
    feed();
    rt__timeline_finish(tl, &plain, 1000);
}

static inline struct rt__timeline_losses losses(void)
{
    struct rt__timeline_losses l;
    rt__timeline_losses(tl, &l);
    assert_false(l.no_memory);
    return l;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
