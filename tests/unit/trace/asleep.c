/* asleep.c - what the kernel shows of a thread, as a reason to wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <cmocka.h>
#include "runtime/trace/asleep.h"

static void assert_reason(long call, enum rt__block want)
{
    struct rt__os_task task = {.state = 'S', .call = call};
    enum rt__block reason = RT__BLOCK_REASONS;
    assert_true(rt__asleep(&task, &reason));
    assert_int_equal(reason, want);
    task.state = 'D';
    assert_true(rt__asleep(&task, &reason));
}

static void a_sleeping_thread_waits_for_what_its_system_call_is_for(void **state)
{
    (void)state;
    assert_reason(SYS_futex, RT__BLOCK_COND);
    assert_reason(SYS_clock_nanosleep, RT__BLOCK_SLEEP);
    assert_reason(SYS_epoll_pwait, RT__BLOCK_NETWORK);
    assert_reason(SYS_ppoll, RT__BLOCK_NETWORK);
    assert_reason(SYS_fdatasync, RT__BLOCK_FILE);
}

static void one_whose_call_is_unknown_waits_for_work(void **state)
{
    (void)state;
    assert_reason(RT__OS_CALL_UNKNOWN, RT__BLOCK_IDLE);
    assert_reason(SYS_wait4, RT__BLOCK_IDLE);
}

static void a_thread_that_runs_or_is_not_known_is_not_asleep(void **state)
{
    static const char states[] = {'R', 'T', 't', 'Z', 'X', 0};
    (void)state;
    for (size_t i = 0; i < sizeof(states); i++) {
        struct rt__os_task task = {.state = states[i], .call = SYS_futex};
        enum rt__block reason;
        assert_false(rt__asleep(&task, &reason));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sleeping_thread_waits_for_what_its_system_call_is_for),
        cmocka_unit_test(one_whose_call_is_unknown_waits_for_work),
        cmocka_unit_test(a_thread_that_runs_or_is_not_known_is_not_asleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
