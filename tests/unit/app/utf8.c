/* utf8.c - what is text, by the Unicode standard's table of well-formed sequences. */
#include "app/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void only_well_formed_sequences_are_valid(void **state)
{
    static const char *const good[] = {"", "abc\x01\x7f", "\xc2\x80 \xdf\xbf",
                                       "\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf",
                                       "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\xff",
                                      "a\x80",
                                      "\xc3",
                                      "\xc3(",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe2\x82",
                                      "\xe2\x82(",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf0\x9f\x98",
                                      "\xf5\x80\x80\x80",
                                      "\xf0\x9f\x98("};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!utf8_is_valid(good[i], strlen(good[i])))
            fail_msg("good[%zu] was refused", i);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (utf8_is_valid(bad[i], strlen(bad[i])))
            fail_msg("bad[%zu] was taken", i);
    }
}

static void a_sequence_that_the_end_cuts_off_is_not_read_past_it(void **state)
{
    (void)state;
    assert_true(utf8_is_valid("a\xc3\xa9", 3));
    assert_false(utf8_is_valid("a\xc3\xa9", 2));
    assert_false(utf8_is_valid("\xf0\x9f\x98\x80", 3));
    assert_true(utf8_is_valid("a\0b", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_well_formed_sequences_are_valid),
        cmocka_unit_test(a_sequence_that_the_end_cuts_off_is_not_read_past_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
