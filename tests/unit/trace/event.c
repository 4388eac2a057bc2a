/* event.c - what is written as words is read as the same events, and what is no event ends the reading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "runtime/trace/event.h"

#define BASE UINT64_C(1000000)

static struct rt__event_reader reader_of(const uint64_t *words, size_t count)
{
    return (struct rt__event_reader){.words = words, .count = count, .base = BASE};
}

static void an_event_of_one_word_has_its_type_its_argument_and_its_time(void **state)
{
    (void)state;
    struct rt__event e;
    uint64_t words[] = {rt__event_word(RT__EV_REGION_BEGIN, RT__EVENT_ARG_MOST, UINT32_MAX),
                        rt__event_word(RT__EV_END, 0, 0)};
    struct rt__event_reader r = reader_of(words, 2);
    assert_true(rt__event_next(&r, &e));
    assert_int_equal(e.type, RT__EV_REGION_BEGIN);
    assert_int_equal(e.arg, RT__EVENT_ARG_MOST);
    assert_int_equal(e.ticks, BASE + UINT32_MAX);
    assert_true(rt__event_next(&r, &e));
    assert_int_equal(e.type, RT__EV_END);
    assert_int_equal(e.arg, 0);
    assert_int_equal(e.ticks, BASE);
    assert_false(rt__event_next(&r, &e));
    assert_int_equal(r.at, 2);
}

static void further_words_come_with_the_events_that_have_them(void **state)
{
    (void)state;
    struct rt__event e;
    uint64_t words[] = {
        rt__event_word(RT__EV_BLOCK, 5, 10),      77, 88, rt__event_word(RT__EV_HEAP_ALLOC, 0, 20), 4096,
        rt__event_word(RT__EV_TASK_BEGIN, 3, 30), 1,  2};
    struct rt__event_reader r = reader_of(words, sizeof(words) / sizeof(*words));
    assert_true(rt__event_next(&r, &e));
    assert_int_equal(e.type, RT__EV_BLOCK);
    assert_int_equal(e.words[0], 77);
    assert_int_equal(e.words[1], 88);
    assert_true(rt__event_next(&r, &e));
    assert_int_equal(e.words[0], 4096);
    assert_int_equal(e.words[1], 0);
    assert_null(e.text);
    assert_true(rt__event_next(&r, &e));
    assert_int_equal(e.arg, 3);
    assert_int_equal(e.words[0], 1);
    assert_int_equal(e.words[1], 2);
    assert_false(rt__event_next(&r, &e));
}

static void a_time_is_no_event_but_the_base_of_those_after_it(void **state)
{
    (void)state;
    struct rt__event e;
    uint64_t later = BASE + (UINT64_C(1) << 40);
    uint64_t words[] = {rt__event_word(RT__EV_END, 0, 1), rt__event_word(RT__EV_TIME, 0, 0), later,
                        rt__event_word(RT__EV_END, 0, 2), rt__event_word(RT__EV_TIME, 0, 0), later + 5};
    struct rt__event_reader r = reader_of(words, 6);
    assert_true(rt__event_next(&r, &e));
    assert_int_equal(e.ticks, BASE + 1);
    assert_true(rt__event_next(&r, &e));
    assert_int_equal(e.type, RT__EV_END);
    assert_int_equal(e.ticks, later + 2);
    assert_false(rt__event_next(&r, &e));
    assert_int_equal(r.at, 6);
    assert_int_equal(r.base, later + 5);
}

static void a_log_of_any_length_is_its_bytes_and_the_next_event_follows_it(void **state)
{
    (void)state;
    static uint64_t words[RT__EVENT_WORDS_MOST + 1];
    char text[RT__LOG_MOST];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)('a' + i % 26);
    }
    for (size_t len = 0; len <= RT__LOG_MOST; len++) {
        struct rt__event e;
        size_t n = 2 + (len + 7) / 8;
        words[0] = rt__event_word(RT__EV_LOG, 9, 4);
        words[1] = len;
        memcpy(&words[2], text, len);
        words[n] = rt__event_word(RT__EV_END, 0, 6);
        struct rt__event_reader r = reader_of(words, n + 1);
        assert_true(rt__event_next(&r, &e));
        assert_int_equal(e.type, RT__EV_LOG);
        assert_int_equal(e.arg, 9);
        assert_int_equal(e.words[0], len);
        assert_memory_equal(e.text, text, len);
        assert_true(rt__event_next(&r, &e));
        assert_int_equal(e.type, RT__EV_END);
        assert_int_equal(e.ticks, BASE + 6);
    }
}

static void an_event_that_is_cut_anywhere_ends_the_reading_before_it(void **state)
{
    (void)state;
    static const enum rt__event_type of_three[] = {RT__EV_BEGIN, RT__EV_BLOCK, RT__EV_TASK_BEGIN};
    static const enum rt__event_type of_two[] = {RT__EV_TIME,       RT__EV_TASK_END,  RT__EV_TASK_SET,
                                                 RT__EV_HEAP_ALLOC, RT__EV_HEAP_GOAL, RT__EV_LOST};
    struct rt__event e;
    for (size_t i = 0; i < sizeof(of_three) / sizeof(*of_three); i++) {
        for (size_t whole = 1; whole < 3; whole++) {
            uint64_t words[] = {rt__event_word(RT__EV_END, 0, 0), rt__event_word(of_three[i], 1, 1), 2, 3};
            struct rt__event_reader r = reader_of(words, 1 + whole);
            assert_true(rt__event_next(&r, &e));
            assert_false(rt__event_next(&r, &e));
            assert_int_equal(r.at, 1);
        }
    }
    for (size_t i = 0; i < sizeof(of_two) / sizeof(*of_two); i++) {
        uint64_t words[] = {rt__event_word(of_two[i], 1, 1)};
        struct rt__event_reader r = reader_of(words, 1);
        assert_false(rt__event_next(&r, &e));
        assert_int_equal(r.at, 0);
    }
    uint64_t log[] = {rt__event_word(RT__EV_LOG, 1, 1), 17, 0, 0, 0};
    for (size_t whole = 1; whole <= 5; whole++) {
        struct rt__event_reader r = reader_of(log, whole);
        assert_int_equal(rt__event_next(&r, &e), whole == 5);
    }
}

static void a_type_that_there_is_not_or_a_length_beyond_the_most_ends_the_reading(void **state)
{
    (void)state;
    struct rt__event e;
    static uint64_t words[RT__EVENT_WORDS_MOST + 8];
    for (unsigned type = 0; type < 256; type++) {
        words[0] = rt__event_word((enum rt__event_type)type, 0, 0);
        struct rt__event_reader r = reader_of(words, sizeof(words) / sizeof(*words));
        bool is_event = type > RT__EV_TIME && type < RT__EV_TYPES; /* a TIME is followed by none here */
        assert_int_equal(rt__event_next(&r, &e), is_event);
        assert_true(r.at < r.count);
    }
    static const uint64_t lengths[] = {RT__LOG_MOST + 1, UINT32_MAX, UINT64_MAX - 7, UINT64_MAX};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        words[0] = rt__event_word(RT__EV_LOG, 0, 0);
        words[1] = lengths[i];
        struct rt__event_reader r = reader_of(words, sizeof(words) / sizeof(*words));
        assert_false(rt__event_next(&r, &e));
        assert_int_equal(r.at, 0);
    }
}

/* In memory that ends where the words do, which a sanitizer build watches. */
static void garbage_is_read_to_its_end_at_most(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < 20000; round++) {
        size_t count = 1 + (size_t)round % 40;
        uint64_t *words = malloc(count * sizeof(*words));
        for (size_t i = 0; i < count; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            words[i] = round % 2 ? random : (random & ~UINT64_C(0xff)) | random % RT__EV_TYPES;
        }
        struct rt__event_reader r = reader_of(words, count);
        struct rt__event e;
        size_t before = 0;
        while (rt__event_next(&r, &e)) {
            assert_true(r.at > before && r.at <= count);
            assert_true(e.type > RT__EV_TIME && e.type < RT__EV_TYPES);
            if (e.text) {
                assert_true(e.text + e.words[0] <= (const char *)(words + r.at));
            }
            before = r.at;
        }
        assert_true(r.at <= count);
        free(words);
    }
}

static void of_no_words_there_is_no_event(void **state)
{
    (void)state;
    struct rt__event e;
    struct rt__event_reader r = reader_of(NULL, 0);
    assert_false(rt__event_next(&r, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_of_one_word_has_its_type_its_argument_and_its_time),
        cmocka_unit_test(further_words_come_with_the_events_that_have_them),
        cmocka_unit_test(a_time_is_no_event_but_the_base_of_those_after_it),
        cmocka_unit_test(a_log_of_any_length_is_its_bytes_and_the_next_event_follows_it),
        cmocka_unit_test(an_event_that_is_cut_anywhere_ends_the_reading_before_it),
        cmocka_unit_test(a_type_that_there_is_not_or_a_length_beyond_the_most_ends_the_reading),
        cmocka_unit_test(garbage_is_read_to_its_end_at_most),
        cmocka_unit_test(of_no_words_there_is_no_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
