/* Pairs of a query or form: cut, decoded, and refused when they are malformed. */
#include "runtime/debug/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* The pairs as `name=value|name=value|`, with `!` at a malformed one. The text is copied to a
 * block of exactly its size, so that a sanitizer sees a read past the end. */
static const char *pairs_of(const char *text, size_t len)
{
    static char got[512];
    struct rt__form form;
    int more;
    char *copy = malloc(len + (len == 0));
    memcpy(copy, text, len);
    got[0] = '\0';
    rt__form_begin(&form, copy, len);
    while ((more = rt__form_next(&form)) != 0) {
        size_t used = strlen(got);
        if (more < 0)
            snprintf(got + used, sizeof got - used, "!");
        else
            snprintf(got + used, sizeof got - used, "%s=%s|", form.name, form.value);
    }
    free(copy);
    return got;
}

#define PAIRS(text) pairs_of(text, sizeof(text) - 1)

static void pairs_are_cut_at_the_ampersand(void **state)
{
    (void)state;
    assert_string_equal(PAIRS(""), "");
    assert_string_equal(PAIRS("a=1"), "a=1|");
    assert_string_equal(PAIRS("a=1&b=2"), "a=1|b=2|");
    assert_string_equal(PAIRS("&&a=1&&b=2&"), "a=1|b=2|");
    assert_string_equal(PAIRS("a"), "a=|");
    assert_string_equal(PAIRS("a=&=b"), "a=|=b|");
    assert_string_equal(PAIRS("a=b=c"), "a=b=c|");
}

static void escapes_are_decoded_after_the_cut(void **state)
{
    (void)state;
    assert_string_equal(PAIRS("a%3Db=c%26d+e"), "a=b=c&d e|");
    assert_string_equal(PAIRS("%41%62=%2f%2F"), "Ab=//|");
}

static void malformed_pairs_are_told_and_do_not_hide_the_next(void **state)
{
    (void)state;
    assert_string_equal(PAIRS("a=%"), "!");
    assert_string_equal(PAIRS("a=%4"), "!");
    assert_string_equal(PAIRS("a=%4&b=1"), "!b=1|");
    assert_string_equal(PAIRS("a=%zz&b=1"), "!b=1|");
    assert_string_equal(PAIRS("a%=1"), "!");
    assert_string_equal(PAIRS("a=%00"), "!");
    assert_string_equal(PAIRS("a=x\0y"), "!");
}

static void a_text_that_does_not_fit_is_malformed_and_the_longest_that_does_is_not(void **state)
{
    (void)state;
    char text[RT__FORM_TEXT + 2] = "a=";
    memset(text + 2, 'x', RT__FORM_TEXT);
    assert_string_equal(pairs_of(text, 2 + RT__FORM_TEXT), "!");
    assert_int_equal(strlen(pairs_of(text, 2 + RT__FORM_TEXT - 1)), RT__FORM_TEXT + 2);
}

static void no_text_at_all_has_no_pairs(void **state)
{
    (void)state;
    struct rt__form form;
    rt__form_begin(&form, NULL, 0);
    assert_int_equal(rt__form_next(&form), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_cut_at_the_ampersand),
        cmocka_unit_test(escapes_are_decoded_after_the_cut),
        cmocka_unit_test(malformed_pairs_are_told_and_do_not_hide_the_next),
        cmocka_unit_test(a_text_that_does_not_fit_is_malformed_and_the_longest_that_does_is_not),
        cmocka_unit_test(no_text_at_all_has_no_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
