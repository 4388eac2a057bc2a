/* config.c - the configuration file and what wins over what. */
#include "app/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int parse(struct config *c, const char *text, struct failure *err)
{
    memset(c, 0, sizeof(*c));
    err->text[0] = '\0';
    return config_parse(c, "FILE", text, strlen(text), err);
}

static void refuses(const char *text, const char *said)
{
    struct failure err;
    struct config c;

    if (parse(&c, text, &err) != -1)
        fail_msg("%s should be refused", text);
    config_release(&c);
    if (strncmp(err.text, "FILE: ", 6) != 0 || strstr(err.text, said) == NULL || strchr(err.text, '\n') != NULL)
        fail_msg("\"%s\" should be one line from FILE that says \"%s\"", err.text, said);
}

static void all_keys_are_read(void **state)
{
    struct failure err;
    struct config c;

    (void)state;
    assert_int_equal(
        parse(&c, " {\"dsn\":\"a\\u0062.db\", \"listen\":\"[::1]:1\",\n\"allowed_origins\":\"http://x\"}\n", &err), 0);
    assert_string_equal(c.dsn, "ab.db");
    assert_string_equal(c.listen, "[::1]:1");
    assert_string_equal(c.allowed_origins, "http://x");
    config_release(&c);
    assert_int_equal(parse(&c, "{}", &err), 0);
    assert_null(c.dsn);
    config_release(&c);
}

static void an_unknown_key_is_named_with_the_known_ones(void **state)
{
    (void)state;
    refuses("{\"dns\":\"x\"}", "unknown key \"dns\": want dsn, listen or allowed_origins");
    refuses("{\"\":1}", "unknown key \"\"");
    refuses("{\"DSN\":\"x\"}", "unknown key \"DSN\"");
}

static void a_key_given_twice_is_refused(void **state)
{
    (void)state;
    refuses("{\"dsn\":\"a\",\"dsn\":\"b\"}", "\"dsn\" is given twice");
}

static void a_value_of_another_type_is_refused(void **state)
{
    (void)state;
    refuses("{\"dsn\":1}", "\"dsn\" must be a string, got a number");
    refuses("{\"dsn\":null}", "got null");
    refuses("{\"listen\":true}", "\"listen\" must be a string, got a boolean");
    refuses("{\"allowed_origins\":[\"a\"]}", "\"allowed_origins\" must be a string, got an array");
    refuses("{\"dsn\":{\"dsn\":\"x\"}}", "\"dsn\" must be a string, got an object");
}

static void a_file_that_is_no_object_is_refused(void **state)
{
    (void)state;
    refuses("[]", "want a JSON object, got an array");
    refuses("\"dsn\"", "want a JSON object, got a string");
    refuses("7", "want a JSON object, got a number");
    refuses("null", "want a JSON object, got null");
}

static void a_file_that_is_not_json_is_refused_with_the_line(void **state)
{
    (void)state;
    refuses("", "not JSON");
    refuses("  \n", "not JSON");
    refuses("dsn = coworking.db", "not JSON: line 1");
    refuses("{\"dsn\":\"a\",\n\"listen\":\n oops}", "not JSON: line 3");
    refuses("{\"dsn\":\"a\"", "not JSON");
    refuses("{\"dsn\":\"a\"} {}", "not JSON");
    refuses("{\"dsn\":\"\xff\"}", "not JSON");
}

/* A line break in allowed_origins would end the header that it is sent in. */
static void control_characters_and_empty_strings_are_refused(void **state)
{
    (void)state;
    refuses("{\"allowed_origins\":\"a\\r\\nX-Evil: 1\"}", "\"allowed_origins\" must be a string of at least one");
    refuses("{\"dsn\":\"a\\u0000b\"}", "\"dsn\" must be");
    refuses("{\"listen\":\"\"}", "\"listen\" must be");
}

static void a_very_deep_file_is_refused_at_its_first_level(void **state)
{
    char text[20000];

    (void)state;
    memset(text, '[', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    refuses(text, "want a JSON object, got an array");
}

static void defaults_hold_without_file_and_flags(void **state)
{
    struct flags flags = {0};
    struct failure err;
    struct config c;

    (void)state;
    assert_int_equal(config_load(&c, &flags, &err), 0);
    assert_string_equal(c.dsn, "coworking.db");
    assert_string_equal(c.listen, "127.0.0.1:8080");
    assert_string_equal(c.allowed_origins, "*");
    config_release(&c);
}

static void flags_win_over_the_file_and_the_file_over_defaults(void **state)
{
    char path[] = "/tmp/config-test.XXXXXX";
    struct flags flags = {.config = path, .dsn = "flag.db"};
    int fd = mkstemp(path);
    struct failure err;
    struct config c;

    (void)state;
    assert_true(dprintf(fd, "{\"dsn\":\"file.db\",\"listen\":\"127.0.0.1:9\"}") > 0);
    close(fd);
    assert_int_equal(config_load(&c, &flags, &err), 0);
    assert_string_equal(c.dsn, "flag.db");
    assert_string_equal(c.listen, "127.0.0.1:9");
    assert_string_equal(c.allowed_origins, "*");
    config_release(&c);
    unlink(path);
}

static void files_that_cannot_be_read_are_named(void **state)
{
    struct flags flags = {.config = "/nonexistent/app.json"};
    struct failure err;
    struct config c;

    (void)state;
    assert_int_equal(config_load(&c, &flags, &err), -1);
    assert_string_equal(err.text, "/nonexistent/app.json: No such file or directory");
    flags.config = "/";
    assert_int_equal(config_load(&c, &flags, &err), -1);
    assert_string_equal(err.text, "/: Is a directory");
    flags.config = "/dev/zero";
    assert_int_equal(config_load(&c, &flags, &err), -1);
    assert_non_null(strstr(err.text, "larger than 65536 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_keys_are_read),
        cmocka_unit_test(an_unknown_key_is_named_with_the_known_ones),
        cmocka_unit_test(a_key_given_twice_is_refused),
        cmocka_unit_test(a_value_of_another_type_is_refused),
        cmocka_unit_test(a_file_that_is_no_object_is_refused),
        cmocka_unit_test(a_file_that_is_not_json_is_refused_with_the_line),
        cmocka_unit_test(control_characters_and_empty_strings_are_refused),
        cmocka_unit_test(a_very_deep_file_is_refused_at_its_first_level),
        cmocka_unit_test(defaults_hold_without_file_and_flags),
        cmocka_unit_test(flags_win_over_the_file_and_the_file_over_defaults),
        cmocka_unit_test(files_that_cannot_be_read_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
