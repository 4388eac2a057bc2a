/* render.c - a profile as it is sent, with this process's own symbols. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/profile/fake_symbols.h"

static void begin(struct rt__profile *p)
{
    rt__profile_begin(p, &mutex_kind);
    add_sample(p, STACK((uintptr_t)rt__profile_render + 1), VALUES(3, 40));
}

static void debug_0_is_gzipped(void **state)
{
    (void)state;
    struct rt__profile p;
    struct rt__bytes out = {0};
    begin(&p);
    assert_int_equal(rt__profile_render(&p, 0, &out), 0);
    assert_true(out.len > 20);
    assert_memory_equal(out.data, "\x1f\x8b", 2);
    rt__bytes_release(&out);
    rt__profile_release(&p);
}

static void debug_1_and_2_are_text(void **state)
{
    (void)state;
    static const char want[] = "--- mutex:\n";
    struct rt__profile p;
    begin(&p);
    for (int debug = 1; debug <= 2; debug++) {
        struct rt__bytes out = {0};
        assert_int_equal(rt__profile_render(&p, debug, &out), 0);
        assert_memory_equal(out.data, want, sizeof want - 1);
        rt__bytes_release(&out);
    }
    rt__profile_release(&p);
}

static void a_profile_that_failed_is_not_written(void **state)
{
    (void)state;
    struct rt__profile p;
    begin(&p);
    p.failed = true;
    for (int debug = 0; debug <= 2; debug++) {
        struct rt__bytes out = {0};
        assert_int_equal(rt__profile_render(&p, debug, &out), -ENOMEM);
        assert_null(out.data);
        assert_int_equal(out.len, 0);
    }
    rt__profile_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(debug_0_is_gzipped),
        cmocka_unit_test(debug_1_and_2_are_text),
        cmocka_unit_test(a_profile_that_failed_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
