/* The processor's name out of /proc/cpuinfo. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bench/harness/cpu.h"

#define CPUINFO "processor\t: 0\nmodel\t\t: 1\nmodel name\t: Some CPU  \ncpu MHz\t\t: 2445.432\nmodel name\t: Other\n"

static void a_processor_is_called_by_its_first_model_name(void **state)
{
    char name[64];
    (void)state;
    assert_true(rt__bench_cpu_name(CPUINFO, false, name, sizeof(name)));
    assert_string_equal(name, "Some CPU");
}

static void its_speed_is_added_where_the_name_has_none(void **state)
{
    char name[64];
    (void)state;
    assert_true(rt__bench_cpu_name(CPUINFO, true, name, sizeof(name)));
    assert_string_equal(name, "Some CPU @ 2445.432MHz");
    assert_true(rt__bench_cpu_name("model name : A @ 2.90GHz\ncpu MHz : 5\n", true, name, sizeof(name)));
    assert_string_equal(name, "A @ 2.90GHz");
}

static void no_model_name_is_no_name(void **state)
{
    char name[64];
    (void)state;
    assert_false(rt__bench_cpu_name("processor : 0\nmodel name\t: \ncpu MHz : 5\n", true, name, sizeof(name)));
    assert_false(rt__bench_cpu_name("", false, name, sizeof(name)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_processor_is_called_by_its_first_model_name),
        cmocka_unit_test(its_speed_is_added_where_the_name_has_none),
        cmocka_unit_test(no_model_name_is_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
