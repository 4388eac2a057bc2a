/* behalf.c - labels and task go together, and a part of a task leaves the thread where it was. */
#include "app/behalf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct rt_labels *labels;

static int record(void **state)
{
    (void)state;
    labels = rt_labels_new((const char *const[]){"route", "GET /test"}, 1);
    return labels == NULL || rt_flight_recorder_start(NULL) != 0;
}

static int stop_recording(void **state)
{
    (void)state;
    rt_flight_recorder_stop();
    return 0;
}

static void assert_is(struct behalf behalf, const struct rt_labels *its_labels, rt_task its_task)
{
    assert_ptr_equal(behalf.labels, its_labels);
    assert_int_equal(behalf.task, its_task);
}

static void what_is_set_is_got_and_given_back(void **state)
{
    rt_task task = rt_trace_task_begin("test", 0);
    struct behalf kept;

    (void)state;
    assert_true(task != 0);
    rt_labels_set(labels);
    kept = behalf_get();
    assert_is(kept, labels, task);
    assert_is(behalf_set(BEHALF_NOBODY), labels, task);
    assert_is(behalf_get(), NULL, 0);
    assert_is(behalf_set(kept), NULL, 0);
    assert_is(behalf_get(), labels, task);
    rt_trace_task_end(task);
    behalf_set(BEHALF_NOBODY);
}

static void a_part_has_the_labels_and_a_task_of_its_own_and_the_thread_stays_with_the_whole(void **state)
{
    rt_task whole = rt_trace_task_begin("test", 0);
    struct behalf part;

    (void)state;
    rt_labels_set(labels);
    part = behalf_part("part");
    assert_ptr_equal(part.labels, labels);
    assert_true(part.task != 0 && part.task != whole);
    assert_is(behalf_get(), labels, whole);
    rt_trace_task_end(part.task);
    assert_is(behalf_get(), labels, whole);
    rt_trace_task_end(whole);
    behalf_set(BEHALF_NOBODY);
}

static void without_recording_there_are_labels_and_no_tasks(void **state)
{
    struct behalf part;

    (void)state;
    rt_flight_recorder_stop();
    rt_labels_set(labels);
    part = behalf_part("part");
    assert_is(part, labels, 0);
    assert_is(behalf_set(BEHALF_NOBODY), labels, 0);
    assert_int_equal(rt_flight_recorder_start(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_set_is_got_and_given_back),
        cmocka_unit_test(a_part_has_the_labels_and_a_task_of_its_own_and_the_thread_stays_with_the_whole),
        cmocka_unit_test(without_recording_there_are_labels_and_no_tasks),
    };

    return cmocka_run_group_tests(tests, record, stop_recording);
}
