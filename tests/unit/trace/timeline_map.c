/* timeline_map.c - a map finds what was put into it last, and nothing that was removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "runtime/trace/timeline_map.h"

static void an_empty_map_has_nothing(void **state)
{
    (void)state;
    struct rt__tl_map m = {0};
    assert_null(rt__tl_map_get(&m, 0));
    rt__tl_map_remove(&m, 0);
    assert_null(rt__tl_map_get(&m, 5));
    rt__tl_map_free(&m);
}

static void every_number_may_be_a_key(void **state)
{
    (void)state;
    static const uint64_t keys[] = {0, 1, UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 32};
    struct rt__tl_map m = {0};
    for (size_t i = 0; i < 5; i++) {
        assert_true(rt__tl_map_put(&m, keys[i], (void *)(i + 1)));
    }
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal((uintptr_t)rt__tl_map_get(&m, keys[i]), i + 1);
    }
    assert_int_equal(m.used, 5);
    rt__tl_map_free(&m);
}

#define KEYS 1000
static uintptr_t model[KEYS]; /* 0: not in it */

static void compare(const struct rt__tl_map *m)
{
    size_t used = 0;
    for (uint64_t k = 0; k < KEYS; k++) {
        assert_int_equal((uintptr_t)rt__tl_map_get(m, k << 40), model[k]);
        used += model[k] != 0;
    }
    assert_int_equal(m->used, used);
}

static void it_holds_what_a_plain_array_holds_however_it_is_filled_and_emptied(void **state)
{
    (void)state;
    struct rt__tl_map m = {0};
    uint64_t random = 1;
    for (uintptr_t step = 1; step <= 200000; step++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint64_t k = (random >> 33) % KEYS;
        bool is_filling = (step / 5000) % 2 == 0;
        if ((random >> 60) < (is_filling ? 12u : 4u)) {
            assert_true(rt__tl_map_put(&m, k << 40, (void *)step));
            model[k] = step;
        } else {
            rt__tl_map_remove(&m, k << 40);
            model[k] = 0;
        }
        if (step % 1000 == 0) {
            compare(&m);
        }
    }
    assert_true(m.room <= 2048); /* removed entries leave no marks */
    rt__tl_map_free(&m);
    assert_null(rt__tl_map_get(&m, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_has_nothing),
        cmocka_unit_test(every_number_may_be_a_key),
        cmocka_unit_test(it_holds_what_a_plain_array_holds_however_it_is_filled_and_emptied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
