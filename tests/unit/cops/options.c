/* The command line: options anywhere, arguments in order, and one sentence on what is wrong. */
#include "runtime/agent/cops/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct cops_options got;
static struct cops_error error;

#define PARSE(...) parse((char *[]){"cops", __VA_ARGS__, NULL})

static bool parse(char **argv)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    error.text[0] = '\0';
    return cops_options_parse(argc, argv, &got, &error);
}

static const struct cops_command_row *choose(void)
{
    return cops_command_choose(&got, &error);
}

static void options_stand_anywhere(void **state)
{
    (void)state;
    assert_true(PARSE("--json", "top", "-n", "3", "12", "--every=500ms"));
    assert_int_equal(got.given, COPS_OPT_JSON | COPS_OPT_COUNT | COPS_OPT_EVERY);
    assert_int_equal(got.argc, 2);
    assert_string_equal(got.args[0], "top");
    assert_string_equal(got.args[1], "12");
    assert_int_equal(got.count, 3);
    assert_int_equal(got.every_ns, 500000000);
}

static void a_value_stands_in_the_same_word_or_the_next(void **state)
{
    (void)state;
    assert_true(PARSE("-n5"));
    assert_int_equal(got.count, 5);
    assert_true(PARSE("--count", "6"));
    assert_int_equal(got.count, 6);
    assert_true(PARSE("--count=7"));
    assert_int_equal(got.count, 7);
    assert_true(PARSE("-o-"));
    assert_string_equal(got.output, "-");
}

static void a_negative_number_is_an_argument(void **state)
{
    (void)state;
    assert_true(PARSE("setgc", "12", "-1"));
    assert_int_equal(got.argc, 3);
    assert_string_equal(got.args[2], "-1");
}

static void behind_two_dashes_there_are_no_options(void **state)
{
    (void)state;
    assert_true(PARSE("stack", "--", "--json"));
    assert_int_equal(got.given, 0);
    assert_string_equal(got.args[1], "--json");
}

static void a_wrong_option_is_named(void **state)
{
    (void)state;
    assert_false(PARSE("-x"));
    assert_string_equal(error.text, "unknown option -x");
    assert_false(PARSE("--jsonx"));
    assert_string_equal(error.text, "unknown option --jsonx");
    assert_false(PARSE("--json=1"));
    assert_string_equal(error.text, "--json takes no value");
    assert_false(PARSE("-n"));
    assert_string_equal(error.text, "--count: want a value behind it");
    assert_false(PARSE("-n", "0"));
    assert_non_null(strstr(error.text, "at least 1"));
    assert_false(PARSE("-n", "1x"));
    assert_false(PARSE("--every", "1ms"));
    assert_non_null(strstr(error.text, "10ms to 24h"));
    assert_false(PARSE("--output="));
}

static void too_many_arguments_are_refused(void **state)
{
    char *argv[COPS_ARGS + 3] = {"cops"};
    (void)state;
    for (int i = 1; i <= COPS_ARGS + 1; i++)
        argv[i] = "x";
    assert_false(parse(argv));
    argv[COPS_ARGS + 1] = NULL;
    assert_true(parse(argv));
    assert_int_equal(got.argc, COPS_ARGS);
}

static void a_number_first_is_the_command_process(void **state)
{
    (void)state;
    assert_true(PARSE("12", "2s"));
    assert_string_equal(choose()->name, "process");
    assert_int_equal(got.argc, 2);
    assert_true(PARSE("proc", "12"));
    assert_string_equal(choose()->name, "process");
    assert_int_equal(got.argc, 1);
}

static void nothing_is_the_list(void **state)
{
    (void)state;
    assert_true(PARSE("--json"));
    assert_string_equal(choose()->name, "");
}

static void a_command_takes_its_options_and_arguments_alone(void **state)
{
    (void)state;
    assert_true(PARSE("stack", "-n1", "12"));
    assert_null(choose());
    assert_string_equal(error.text, "stack takes no --count");
    assert_true(PARSE("stack"));
    assert_null(choose());
    assert_string_equal(error.text, "stack: want PID|HOST:PORT; see cops stack --help");
    assert_true(PARSE("tree", "12"));
    assert_null(choose());
    assert_string_equal(error.text, "tree: want no arguments; see cops tree --help");
    assert_true(PARSE("stack", "twelve"));
    assert_null(choose());
    assert_string_equal(error.text, "twelve: want a PID or HOST:PORT");
    assert_true(PARSE("nosuch"));
    assert_null(choose());
    assert_string_equal(error.text, "unknown command \"nosuch\"; see cops --help");
}

static void help_needs_no_arguments(void **state)
{
    (void)state;
    assert_true(PARSE("stack", "--help"));
    assert_string_equal(choose()->name, "stack");
}

static void numbers_are_plain_digits(void **state)
{
    uint64_t n = 9;
    (void)state;
    assert_true(cops_parse_number("18446744073709551615", UINT64_MAX, &n));
    assert_int_equal(n, UINT64_MAX);
    assert_false(cops_parse_number("18446744073709551616", UINT64_MAX, &n));
    assert_false(cops_parse_number("11", 10, &n));
    assert_false(cops_parse_number("", 10, &n));
    assert_false(cops_parse_number("+1", 10, &n));
    assert_false(cops_parse_number("1 ", 10, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(a_value_stands_in_the_same_word_or_the_next),
        cmocka_unit_test(a_negative_number_is_an_argument),
        cmocka_unit_test(behind_two_dashes_there_are_no_options),
        cmocka_unit_test(a_wrong_option_is_named),
        cmocka_unit_test(too_many_arguments_are_refused),
        cmocka_unit_test(a_number_first_is_the_command_process),
        cmocka_unit_test(nothing_is_the_list),
        cmocka_unit_test(a_command_takes_its_options_and_arguments_alone),
        cmocka_unit_test(help_needs_no_arguments),
        cmocka_unit_test(numbers_are_plain_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
