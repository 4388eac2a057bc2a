/* task.c - what a program records itself: tasks, regions and logs, as events of its threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cruntime.h"
#include "runtime/trace/sites.h"
#include "tests/unit/trace/own_events.h"

/* Recording, for a task or none, with an empty chunk as the next. */
static void begin_anew(void)
{
    record(true);
    rt_trace_task_set(0);
    rt_trace_region_begin("first of the chunk");
    rt_trace_region_end();
    rt__record_flush();
}

static void assert_next_named(struct rt__event_reader *r, enum rt__event_type type, const char *name)
{
    struct rt__event e;
    assert_next(r, type, &e);
    assert_string_equal(rt__site_name(e.arg), name);
}

static void assert_next_task(struct rt__event_reader *r, enum rt__event_type type, uint64_t task)
{
    struct rt__event e;
    assert_next(r, type, &e);
    assert_int_equal(e.words[0], task);
}

/* ---- tasks ------------------------------------------------------------------------------------ */

static void nothing_is_recorded_and_no_task_made_while_recording_is_off(void **state)
{
    (void)state;
    begin_anew();
    record(false);
    assert_false(rt_trace_is_enabled());
    assert_int_equal(rt_trace_task_begin("task", 0), 0);
    rt_trace_region_begin("region");
    rt_trace_log("category", "message");
    rt_trace_logf("category", "%d", 1);
    rt_trace_region_end();
    rt_trace_task_end(0);
    struct rt__event_reader r = own_events();
    assert_no_more(&r);
    record(true);
    assert_true(rt_trace_is_enabled());
}

static void a_thread_works_for_the_task_that_it_began_until_its_end(void **state)
{
    (void)state;
    begin_anew();
    struct rt__event e;
    rt_task task = rt_trace_task_begin("request", 77);
    assert_int_not_equal(task, 0);
    assert_int_equal(rt_trace_task_get(), task);
    rt_trace_task_end(task);
    assert_int_equal(rt_trace_task_get(), 0);
    struct rt__event_reader r = own_events();
    assert_next(&r, RT__EV_TASK_BEGIN, &e);
    assert_string_equal(rt__site_name(e.arg), "request");
    assert_int_equal(e.words[0], task);
    assert_int_equal(e.words[1], 77);
    assert_next(&r, RT__EV_TASK_END, &e);
    assert_string_equal(rt__site_name(e.arg), "");
    assert_int_equal(e.words[0], task);
    assert_no_more(&r);
}

static void the_place_of_an_event_is_the_call_in_the_program(void **state)
{
    (void)state;
    begin_anew();
    struct rt__event e;
    rt_trace_region_begin("here");
    rt_trace_region_end();
    struct rt__event_reader r = own_events();
    assert_next(&r, RT__EV_REGION_BEGIN, &e);
    uintptr_t from = (uintptr_t)the_place_of_an_event_is_the_call_in_the_program;
    assert_in_range(rt__site_pc(e.arg), from, from + 2000);
}

static void the_end_of_another_task_leaves_the_threads_own(void **state)
{
    (void)state;
    begin_anew();
    rt_task other = rt_trace_task_begin("other", 0), own = rt_trace_task_begin("own", other);
    rt_trace_task_end(other);
    assert_int_equal(rt_trace_task_get(), own);
    rt_trace_task_end(own);
}

static void setting_a_task_tells_the_one_before_and_is_recorded_when_it_changes(void **state)
{
    (void)state;
    begin_anew();
    assert_int_equal(rt_trace_task_set(5), 0);
    assert_int_equal(rt_trace_task_set(5), 5);
    assert_int_equal(rt_trace_task_set(0), 5);
    struct rt__event_reader r = own_events();
    assert_next_task(&r, RT__EV_TASK_SET, 5);
    assert_next_task(&r, RT__EV_TASK_SET, 0);
    assert_no_more(&r);
}

static void a_change_of_task_while_recording_was_off_is_told_before_the_next_event(void **state)
{
    (void)state;
    begin_anew();
    rt_trace_task_set(5);
    record(false);
    assert_int_equal(rt_trace_task_set(6), 5);
    assert_int_equal(rt_trace_task_get(), 6);
    record(true);
    rt_trace_region_begin("of 6");
    rt_trace_region_end();
    struct rt__event_reader r = own_events();
    assert_next_task(&r, RT__EV_TASK_SET, 5);
    assert_next_task(&r, RT__EV_TASK_SET, 6);
    assert_next_named(&r, RT__EV_REGION_BEGIN, "of 6");
    assert_next_named(&r, RT__EV_REGION_END, "of 6");
    assert_no_more(&r);
}

static void a_task_that_ended_while_recording_was_off_is_not_worked_for(void **state)
{
    (void)state;
    begin_anew();
    rt_task task = rt_trace_task_begin("short", 0);
    record(false);
    rt_trace_task_end(task + 1);
    assert_int_equal(rt_trace_task_get(), task);
    rt_trace_task_end(task);
    record(true);
    assert_int_equal(rt_trace_task_get(), 0);
    rt_trace_log("c", "m");
    struct rt__event_reader r = own_events();
    assert_next_task(&r, RT__EV_TASK_BEGIN, task);
    assert_next_task(&r, RT__EV_TASK_SET, 0);
    assert_next_named(&r, RT__EV_LOG, "c");
    assert_no_more(&r);
}

static void a_task_begun_while_recording_is_off_is_none_and_not_the_one_before(void **state)
{
    (void)state;
    begin_anew();
    rt_trace_task_set(5);
    record(false);
    assert_int_equal(rt_trace_task_begin("unseen", 0), 0);
    assert_int_equal(rt_trace_task_get(), 0);
    record(true);
}

/* ---- ids of several threads -------------------------------------------------------------------- */

#define THREADS 4
#define TASKS 1000

static rt_task made[THREADS][TASKS];

static void *make_tasks(void *arg)
{
    rt_task *mine = arg;
    for (int i = 0; i < TASKS; i++) {
        mine[i] = rt_trace_task_begin("made", 0);
        rt_trace_task_end(mine[i]);
    }
    return NULL;
}

static int by_number(const void *a, const void *b)
{
    rt_task x = *(const rt_task *)a, y = *(const rt_task *)b;
    return x < y ? -1 : x > y;
}

static void ids_of_tasks_are_small_and_no_two_are_the_same(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    begin_anew();
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, make_tasks, made[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    rt_task *all = &made[0][0];
    qsort(all, THREADS * TASKS, sizeof(*all), by_number);
    assert_in_range(all[0], 1, 1000);
    assert_in_range(all[THREADS * TASKS - 1], THREADS * TASKS, 2 * THREADS * TASKS);
    for (int i = 1; i < THREADS * TASKS; i++) {
        assert_true(all[i] > all[i - 1]);
    }
}

/* ---- regions ---------------------------------------------------------------------------------- */

static void regions_end_in_the_reverse_of_the_order_they_began_in(void **state)
{
    (void)state;
    begin_anew();
    rt_trace_region_begin("outer");
    rt_trace_region_begin("inner");
    rt_trace_region_end();
    rt_trace_region_end();
    rt_trace_region_end(); /* of nothing */
    struct rt__event_reader r = own_events();
    assert_next_named(&r, RT__EV_REGION_BEGIN, "outer");
    assert_next_named(&r, RT__EV_REGION_BEGIN, "inner");
    assert_next_named(&r, RT__EV_REGION_END, "inner");
    assert_next_named(&r, RT__EV_REGION_END, "outer");
    assert_no_more(&r);
}

static void a_region_that_began_unrecorded_ends_unrecorded(void **state)
{
    (void)state;
    begin_anew();
    rt_trace_region_begin("seen");
    record(false);
    rt_trace_region_begin("unseen");
    record(true);
    rt_trace_region_begin("within");
    rt_trace_region_end();
    rt_trace_region_end();
    rt_trace_region_end();
    struct rt__event_reader r = own_events();
    assert_next_named(&r, RT__EV_REGION_BEGIN, "seen");
    assert_next_named(&r, RT__EV_REGION_BEGIN, "within");
    assert_next_named(&r, RT__EV_REGION_END, "within");
    assert_next_named(&r, RT__EV_REGION_END, "seen");
    assert_no_more(&r);
}

static void the_end_of_a_region_while_recording_is_off_is_not_taken_from_another(void **state)
{
    (void)state;
    begin_anew();
    rt_trace_region_begin("outer");
    rt_trace_region_begin("inner");
    record(false);
    rt_trace_region_end();
    record(true);
    rt_trace_region_end();
    struct rt__event_reader r = own_events();
    assert_next_named(&r, RT__EV_REGION_BEGIN, "outer");
    assert_next_named(&r, RT__EV_REGION_BEGIN, "inner");
    assert_next_named(&r, RT__EV_REGION_END, "outer");
    assert_no_more(&r);
}

static void *begin_before_and_end_after(void *unused)
{
    (void)unused;
    begin_anew(); /* the thread's own begin was recorded */
    record(false);
    rt_trace_region_begin("before recording");
    record(true);
    rt_trace_region_begin("known");
    rt_trace_region_end();
    rt_trace_region_end();
    struct rt__event_reader r = own_events();
    assert_next_named(&r, RT__EV_REGION_BEGIN, "known");
    assert_next_named(&r, RT__EV_REGION_END, "known");
    assert_no_more(&r);
    return NULL;
}

static void a_thread_that_had_a_region_open_when_recording_began_ends_it_unrecorded(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, begin_before_and_end_after, NULL), 0);
    pthread_join(thread, NULL);
}

static void regions_deeper_than_the_bound_are_left_out_and_those_around_them_are_not(void **state)
{
    (void)state;
    begin_anew();
    for (int i = 0; i < RT__REGIONS_MOST + 20; i++) {
        rt_trace_region_begin(i < RT__REGIONS_MOST ? "kept" : "too deep");
    }
    for (int i = 0; i < RT__REGIONS_MOST + 20; i++) {
        rt_trace_region_end();
    }
    rt_trace_region_begin("after");
    rt_trace_region_end();
    struct rt__event_reader r = own_events();
    for (int i = 0; i < RT__REGIONS_MOST; i++) {
        assert_next_named(&r, RT__EV_REGION_BEGIN, "kept");
    }
    for (int i = 0; i < RT__REGIONS_MOST; i++) {
        assert_next_named(&r, RT__EV_REGION_END, "kept");
    }
    assert_next_named(&r, RT__EV_REGION_BEGIN, "after");
    assert_next_named(&r, RT__EV_REGION_END, "after");
    assert_no_more(&r);
}

static void count_up(void *arg)
{
    ++*(int *)arg;
    rt_trace_log("within", "x");
}

static void a_function_runs_within_its_region(void **state)
{
    (void)state;
    begin_anew();
    int runs = 0;
    rt_trace_with_region("work", count_up, &runs);
    assert_int_equal(runs, 1);
    struct rt__event_reader r = own_events();
    struct rt__event e;
    assert_next(&r, RT__EV_REGION_BEGIN, &e);
    assert_string_equal(rt__site_name(e.arg), "work");
    uintptr_t from = (uintptr_t)a_function_runs_within_its_region;
    assert_in_range(rt__site_pc(e.arg), from, from + 2000);
    assert_next_named(&r, RT__EV_LOG, "within");
    assert_next_named(&r, RT__EV_REGION_END, "work");
    assert_no_more(&r);
    record(false);
    rt_trace_with_region("work", count_up, &runs);
    assert_int_equal(runs, 2);
    record(true);
}

/* ---- logs ------------------------------------------------------------------------------------- */

static void assert_next_log(struct rt__event_reader *r, const char *category, const char *text, size_t len)
{
    struct rt__event e;
    assert_next(r, RT__EV_LOG, &e);
    assert_string_equal(rt__site_name(e.arg), category);
    assert_int_equal(e.words[0], len);
    assert_memory_equal(e.text, text, len);
}

static void a_log_has_its_category_and_text(void **state)
{
    (void)state;
    begin_anew();
    errno = EDOM;
    rt_trace_log("db", "row 17");
    rt_trace_log(NULL, NULL);
    rt_trace_logf("db", "%s %d", "row", 18);
    assert_int_equal(errno, EDOM);
    struct rt__event_reader r = own_events();
    assert_next_log(&r, "db", "row 17", 6);
    assert_next_log(&r, "", "", 0);
    assert_next_log(&r, "db", "row 18", 6);
    assert_no_more(&r);
}

static void logs_are_cut_at_the_bound_and_between_characters(void **state)
{
    (void)state;
    static char text[2000];
    struct rt__event_reader r;
    memset(text, 'x', sizeof(text) - 1);
    for (int split = 0; split < 2; split++) {
        size_t len = split ? RT__LOG_MOST - 1 : RT__LOG_MOST;
        begin_anew();
        rt_trace_log("c", text);
        rt_trace_logf("c", "%s", text);
        r = own_events();
        assert_next_log(&r, "c", text, len);
        assert_next_log(&r, "c", text, len);
        assert_no_more(&r);
        memcpy(text + RT__LOG_MOST - 1, "\xc3\xa9", 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_recorded_and_no_task_made_while_recording_is_off),
        cmocka_unit_test(a_thread_works_for_the_task_that_it_began_until_its_end),
        cmocka_unit_test(the_place_of_an_event_is_the_call_in_the_program),
        cmocka_unit_test(the_end_of_another_task_leaves_the_threads_own),
        cmocka_unit_test(setting_a_task_tells_the_one_before_and_is_recorded_when_it_changes),
        cmocka_unit_test(a_change_of_task_while_recording_was_off_is_told_before_the_next_event),
        cmocka_unit_test(a_task_that_ended_while_recording_was_off_is_not_worked_for),
        cmocka_unit_test(a_task_begun_while_recording_is_off_is_none_and_not_the_one_before),
        cmocka_unit_test(ids_of_tasks_are_small_and_no_two_are_the_same),
        cmocka_unit_test(regions_end_in_the_reverse_of_the_order_they_began_in),
        cmocka_unit_test(a_region_that_began_unrecorded_ends_unrecorded),
        cmocka_unit_test(the_end_of_a_region_while_recording_is_off_is_not_taken_from_another),
        cmocka_unit_test(a_thread_that_had_a_region_open_when_recording_began_ends_it_unrecorded),
        cmocka_unit_test(regions_deeper_than_the_bound_are_left_out_and_those_around_them_are_not),
        cmocka_unit_test(a_function_runs_within_its_region),
        cmocka_unit_test(a_log_has_its_category_and_text),
        cmocka_unit_test(logs_are_cut_at_the_bound_and_between_characters),
    };
    return cmocka_run_group_tests(tests, start_recording, stop_recording);
}
