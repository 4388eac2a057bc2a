/* The agent's texts as JSON. */
#include "runtime/agent/cops/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "shown.h"

static bool taken;

static const char *json_of(const char *text)
{
    FILE *out = shown_begin();
    taken = cops_facts_write_json(out, text, strlen(text));
    return shown_end(out);
}

static void sizes_are_their_bytes(void **state)
{
    (void)state;
    assert_string_equal(json_of("alloc: 4.38MB (4590944 bytes)\nlookups: 0 bytes\nsmall: 512 bytes\n"),
                        "{\"alloc\":4590944,\"lookups\":0,\"small\":512}\n");
    assert_string_equal(json_of("next-gc: when heap-alloc >= 4.00MB (4194304 bytes)\n"), "{\"next-gc\":4194304}\n");
}

static void numbers_are_themselves(void **state)
{
    (void)state;
    assert_string_equal(json_of("goroutines: 4\ngc-cpu-fraction: 5.3e-05\na: -1\nb: 0.5"),
                        "{\"goroutines\":4,\"gc-cpu-fraction\":5.3e-05,\"a\":-1,\"b\":0.5}\n");
    assert_string_equal(json_of("enable-gc: true\ndebug-gc: false\n"), "{\"enable-gc\":true,\"debug-gc\":false}\n");
}

static void the_rest_is_text(void **state)
{
    (void)state;
    assert_string_equal(json_of("gc-pause-total: 2.325873ms\n"), "{\"gc-pause-total\":\"2.325873ms\"}\n");
    assert_string_equal(json_of("last-gc: 2026-01-02 03:04:05\nnone: -\nempty:\n"),
                        "{\"last-gc\":\"2026-01-02 03:04:05\",\"none\":null,\"empty\":\"\"}\n");
    assert_string_equal(json_of("a: 01\nb: 1.\nc: 1e\nd: -\"\n"),
                        "{\"a\":\"01\",\"b\":\"1.\",\"c\":\"1e\",\"d\":\"-\\\"\"}\n");
    assert_string_equal(json_of("a: x bytes\nb:  bytes\n"), "{\"a\":\"x bytes\",\"b\":\"bytes\"}\n");
}

static void what_is_no_fact_is_refused_whole(void **state)
{
    (void)state;
    assert_string_equal(json_of("a: 1\nno fact\n"), "");
    assert_false(taken);
    assert_string_equal(json_of(": 1\n"), "");
    assert_string_equal(json_of(""), "");
    assert_false(taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_their_bytes),
        cmocka_unit_test(numbers_are_themselves),
        cmocka_unit_test(the_rest_is_text),
        cmocka_unit_test(what_is_no_fact_is_refused_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
