/* flags.c - the command line. */
#include "app/config/flags.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* Parses up to four arguments (NULL: none). */
static int parse(struct flags *flags, struct failure *err, const char *a, const char *b, const char *c, const char *d)
{
    char *argv[] = {"app", (char *)a, (char *)b, (char *)c, (char *)d, NULL};
    int argc = 1;

    while (argv[argc] != NULL)
        argc++;
    err->text[0] = '\0';
    return flags_parse(flags, argc, argv, err);
}

static void refuses(const char *a, const char *b, const char *name, const char *expected)
{
    struct failure err;
    struct flags flags;

    assert_int_equal(parse(&flags, &err, a, b, NULL, NULL), -1);
    if (strstr(err.text, name) == NULL || strstr(err.text, expected) == NULL || strchr(err.text, '\n') != NULL)
        fail_msg("\"%s\" should be one line that names \"%s\" and says \"%s\"", err.text, name, expected);
}

static void no_arguments_leave_everything_unset(void **state)
{
    struct failure err;
    struct flags flags;

    (void)state;
    assert_int_equal(parse(&flags, &err, NULL, NULL, NULL, NULL), 0);
    assert_null(flags.listen);
    assert_null(flags.dsn);
    assert_null(flags.config);
    assert_null(flags.static_folder);
    assert_null(flags.access_log);
    assert_false(flags.overbooking || flags.reseed || flags.version || flags.help || flags.help_env);
}

static void a_value_follows_its_flag_or_an_equals_sign(void **state)
{
    struct failure err;
    struct flags flags;

    (void)state;
    assert_int_equal(parse(&flags, &err, "--listen", "[::1]:0", "--dsn=sqlite:a=b.db", "--reseed"), 0);
    assert_string_equal(flags.listen, "[::1]:0");
    assert_string_equal(flags.dsn, "sqlite:a=b.db");
    assert_true(flags.reseed);
    assert_int_equal(parse(&flags, &err, "--static", "pictures", "--access-log=a.log", "--overbooking"), 0);
    assert_string_equal(flags.static_folder, "pictures");
    assert_string_equal(flags.access_log, "a.log");
    assert_true(flags.overbooking);
}

static void the_last_of_two_equal_flags_wins(void **state)
{
    struct failure err;
    struct flags flags;

    (void)state;
    assert_int_equal(parse(&flags, &err, "--dsn=a", "--dsn=b", NULL, NULL), 0);
    assert_string_equal(flags.dsn, "b");
}

static void an_unknown_flag_is_named_with_the_known_ones(void **state)
{
    (void)state;
    refuses("--lisen=x", NULL, "--lisen", "--listen");
    refuses("--list", NULL, "--list", "--help-env");
    refuses("-h", NULL, "-h", "--help");
    refuses("--", NULL, "--", "want one of");
}

static void an_argument_that_is_no_flag_is_named(void **state)
{
    (void)state;
    refuses("serve", NULL, "\"serve\"", "want only flags");
}

static void a_missing_value_is_named_with_what_it_should_be(void **state)
{
    (void)state;
    refuses("--listen", NULL, "--listen", "want an address such as 127.0.0.1:8080");
    refuses("--listen=", NULL, "--listen", "want an address");
    refuses("--config", "--reseed", "--config", "want the path of a JSON file");
    refuses("--dsn", NULL, "--dsn", "want a path, sqlite:PATH, postgres://... or libpq's key=value");
    refuses("--static=", NULL, "--static", "want the path of a folder");
    refuses("--access-log", "--overbooking", "--access-log", "want the path of a file");
}

static void a_switch_with_a_value_is_refused(void **state)
{
    (void)state;
    refuses("--reseed=no", NULL, "--reseed", "takes no value");
    refuses("--overbooking=true", NULL, "--overbooking", "takes no value");
}

/* A command line is for every user of the machine to see. */
static void there_is_no_flag_for_the_secret(void **state)
{
    (void)state;
    refuses("--secret-key=0123456789abcdef0123456789abcdef", NULL, "unknown flag --secret-key", "want one of");
    refuses("--secret_key", NULL, "unknown flag --secret_key", "want one of");
}

static void the_help_lists_every_flag(void **state)
{
    static const char *const names[] = {"--listen",     "--dsn",         "--config",   "--static",
                                        "--access-log", "--overbooking", "--reseed",   "--version",
                                        "--help",       "--help-env",    "Exit status"};
    char text[4096] = "";
    FILE *out = fmemopen(text, sizeof(text) - 1, "w");

    (void)state;
    flags_help(out);
    fclose(out);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_non_null(strstr(text, names[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_arguments_leave_everything_unset),
        cmocka_unit_test(a_value_follows_its_flag_or_an_equals_sign),
        cmocka_unit_test(the_last_of_two_equal_flags_wins),
        cmocka_unit_test(an_unknown_flag_is_named_with_the_known_ones),
        cmocka_unit_test(an_argument_that_is_no_flag_is_named),
        cmocka_unit_test(a_missing_value_is_named_with_what_it_should_be),
        cmocka_unit_test(a_switch_with_a_value_is_refused),
        cmocka_unit_test(there_is_no_flag_for_the_secret),
        cmocka_unit_test(the_help_lists_every_flag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
