/* cpu_losses.c - CPU time without samples is told, chance is not, and the line fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/profile/cpu_losses.h"
#include "runtime/profile/snapshot.h"

#define MS UINT64_C(1000000)

static void lose(struct rt__cpu_losses *losses, const char *name, uint64_t cpu_ms, uint64_t sampled_ms, bool had_timer)
{
    char thread[RT__OS_NAME_BYTES] = "";
    memcpy(thread, name, strnlen(name, sizeof(thread)));
    rt__cpu_losses_thread(losses, thread, cpu_ms * MS, sampled_ms * MS, had_timer);
}

static const char *comment(const struct rt__cpu_losses *losses, uint64_t process_ms)
{
    static char line[256];
    memset(line, 'x', sizeof(line));
    rt__cpu_losses_comment(losses, process_ms * MS, line, sizeof(line));
    assert_non_null(memchr(line, '\0', sizeof(line)));
    return line;
}

static void a_profile_that_saw_all_has_no_comment(void **state)
{
    struct rt__cpu_losses losses = {0};
    (void)state;
    lose(&losses, "main", 1000, 990, true);
    lose(&losses, "idle", 0, 0, true);
    lose(&losses, "ended", 100, 190, true); /* its clock was read before its end */
    assert_string_equal(comment(&losses, 1195), "");
}

static void a_few_samples_or_a_small_part_are_chance(void **state)
{
    (void)state;
    assert_false(rt__cpu_losses_matter(50 * MS, 0));
    assert_true(rt__cpu_losses_matter(51 * MS, 0));
    assert_false(rt__cpu_losses_matter(1000 * MS, 800 * MS));
    assert_true(rt__cpu_losses_matter(1000 * MS, 799 * MS));
    assert_false(rt__cpu_losses_matter(1000 * MS, 2000 * MS));
}

static void a_thread_without_samples_is_told_by_name_with_the_time_that_is_missing(void **state)
{
    struct rt__cpu_losses losses = {0};
    (void)state;
    lose(&losses, "deaf", 500, 100, true);
    assert_string_equal(comment(&losses, 500),
                        "thread deaf: 400 ms of CPU time not sampled (SIGPROF blocked, or the kernel was late)");
}

static void threads_of_one_name_are_told_as_one_and_the_rest_as_a_number(void **state)
{
    struct rt__cpu_losses losses = {.dropped = 7};
    (void)state;
    lose(&losses, "pool", 100, 0, true);
    lose(&losses, "pool", 200, 0, true);
    lose(&losses, "pool", 400, 0, false);
    lose(&losses, "more", 100, 0, true);
    lose(&losses, "most", 100, 0, true);
    assert_string_equal(comment(&losses, 900),
                        "dropped 7 samples; "
                        "thread pool: 300 ms of CPU time not sampled (SIGPROF blocked, or the kernel was late); "
                        "thread pool: 400 ms of CPU time not sampled (no timer); "
                        "2 other threads: 200 ms");
}

static void cpu_time_that_no_thread_accounts_for_is_told(void **state)
{
    struct rt__cpu_losses losses = {0};
    (void)state;
    lose(&losses, "main", 1000, 1000, true);
    assert_string_equal(comment(&losses, 1200), "");
    lose(&losses, "main", 100, 60, true);
    lose(&losses, "deaf", 100, 0, true);
    assert_string_equal(comment(&losses, 1600),
                        "thread deaf: 100 ms of CPU time not sampled (SIGPROF blocked, or the kernel was late); "
                        "440 ms of CPU time not sampled (threads too short, or too many)");
}

static void a_name_that_is_not_text_does_not_spoil_the_line(void **state)
{
    struct rt__cpu_losses losses = {0};
    (void)state;
    lose(&losses, "a\nb\x7f\xff", 500, 0, true);
    assert_string_equal(comment(&losses, 500),
                        "thread a?b??: 500 ms of CPU time not sampled (SIGPROF blocked, or the kernel was late)");
}

static void the_longest_line_ends_with_a_whole_clause(void **state)
{
    struct rt__cpu_losses losses = {.dropped = UINT64_MAX};
    char line[sizeof(((struct rt__profile *)0)->comment)], small[70];
    (void)state;
    lose(&losses, "sixteen bytes!!!", UINT64_MAX / MS, 0, true);
    lose(&losses, "fifteen bytes!!", UINT64_MAX / MS, 0, true);
    lose(&losses, "third", 1000, 0, true);
    rt__cpu_losses_comment(&losses, UINT64_MAX, line, sizeof(line));
    assert_non_null(strstr(line, "sixteen bytes!!!"));
    assert_non_null(strstr(line, "; thread fifteen bytes!!:"));
    assert_non_null(strstr(line, "; 1 other threads: 1000 ms"));
    rt__cpu_losses_comment(&losses, UINT64_MAX, small, sizeof(small));
    assert_string_equal(small, "dropped 18446744073709551615 samples; 1 other threads: 1000 ms");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_that_saw_all_has_no_comment),
        cmocka_unit_test(a_few_samples_or_a_small_part_are_chance),
        cmocka_unit_test(a_thread_without_samples_is_told_by_name_with_the_time_that_is_missing),
        cmocka_unit_test(threads_of_one_name_are_told_as_one_and_the_rest_as_a_number),
        cmocka_unit_test(cpu_time_that_no_thread_accounts_for_is_told),
        cmocka_unit_test(a_name_that_is_not_text_does_not_spoil_the_line),
        cmocka_unit_test(the_longest_line_ends_with_a_whole_clause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
