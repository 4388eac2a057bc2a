/* thread_note.c - the words for what a thread does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/syscall.h>
#include "runtime/os/thread_note.h"

static const char *note(char state, long call, bool has_answered)
{
    static char text[RT__THREAD_NOTE_BYTES];
    struct rt__os_task task = {.tid = 1, .state = state, .call = call};
    rt__thread_note(&task, has_answered, text);
    return text;
}

static void a_waiting_thread_is_told_by_its_call(void **state)
{
    (void)state;
    assert_string_equal(note('S', SYS_futex, true), "futex");
    assert_string_equal(note('S', SYS_epoll_pwait, true), "epoll_wait");
    assert_string_equal(note('S', SYS_ppoll, true), "poll");
    assert_string_equal(note('S', SYS_clock_nanosleep, true), "nanosleep");
    assert_string_equal(note('S', SYS_accept4, true), "accept");
    assert_string_equal(note('D', SYS_fsync, true), "fsync");
    assert_string_equal(note('S', 9999, true), "syscall 9999");
}

static void a_thread_in_no_call_runs_unless_it_waits_for_a_page(void **state)
{
    (void)state;
    assert_string_equal(note('R', RT__OS_NO_CALL, true), "running");
    assert_string_equal(note('R', SYS_futex, true), "running");
    assert_string_equal(note('D', RT__OS_NO_CALL, true), "page fault");
    assert_string_equal(note(0, RT__OS_NO_CALL, true), "running");
}

static void a_stopped_thread_and_an_ended_one_are_told_whatever_the_call(void **state)
{
    (void)state;
    assert_string_equal(note('T', SYS_read, false), "stopped, no answer");
    assert_string_equal(note('t', RT__OS_NO_CALL, false), "stopped, no answer");
    assert_string_equal(note('Z', RT__OS_CALL_UNKNOWN, false), "ended, no answer");
}

static void without_a_word_from_the_system_a_thread_sleeps(void **state)
{
    (void)state;
    assert_string_equal(note('S', RT__OS_CALL_UNKNOWN, true), "sleeping");
    assert_string_equal(note(0, RT__OS_CALL_UNKNOWN, false), "sleeping, no answer");
}

static bool can_be_asked(char state, long call)
{
    return rt__thread_can_be_asked(&(struct rt__os_task){.tid = 1, .state = state, .call = call});
}

static void whom_a_signal_does_not_reach_or_who_waits_for_signals_is_not_asked(void **state)
{
    (void)state;
    assert_true(can_be_asked('R', RT__OS_NO_CALL));
    assert_true(can_be_asked('S', SYS_futex));
    assert_true(can_be_asked('D', SYS_fsync));
    assert_true(can_be_asked(0, RT__OS_CALL_UNKNOWN));
    assert_false(can_be_asked('T', SYS_futex));
    assert_false(can_be_asked('t', RT__OS_NO_CALL));
    assert_false(can_be_asked('Z', RT__OS_CALL_UNKNOWN));
    assert_false(can_be_asked('S', SYS_rt_sigtimedwait));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_waiting_thread_is_told_by_its_call),
        cmocka_unit_test(a_thread_in_no_call_runs_unless_it_waits_for_a_page),
        cmocka_unit_test(a_stopped_thread_and_an_ended_one_are_told_whatever_the_call),
        cmocka_unit_test(without_a_word_from_the_system_a_thread_sleeps),
        cmocka_unit_test(whom_a_signal_does_not_reach_or_who_waits_for_signals_is_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
