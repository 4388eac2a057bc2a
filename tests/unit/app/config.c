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
#include <sys/stat.h>
#include <unistd.h>

#define SECRET "0123456789abcdef0123456789abcdef"

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
    assert_int_equal(parse(&c,
                           " {\"dsn\":\"a\\u0062.db\", "
                           "\"listen\":\"[::1]:1\",\n\"allowed_origins\":\"http://x\",\"secret_key\":\"" SECRET
                           "\",\"overbooking\":true,\"static\":\"/srv/imgs\",\"access_log\":\"access.log\","
                           "\"flight_recorder\":true,\"flight_recorder_file\":\"/tmp/fr\","
                           "\"flight_recorder_bytes\":65536,\"flight_recorder_seconds\":30,"
                           "\"slow_request_ms\":250}\n",
                           &err),
                     0);
    assert_string_equal(c.dsn, "ab.db");
    assert_string_equal(c.listen, "[::1]:1");
    assert_string_equal(c.allowed_origins, "http://x");
    assert_string_equal(c.secret_key, SECRET);
    assert_string_equal(c.static_folder, "/srv/imgs");
    assert_string_equal(c.access_log, "access.log");
    assert_true(c.overbooking);
    assert_true(c.flight_recorder);
    assert_string_equal(c.flight_recorder_file, "/tmp/fr");
    assert_int_equal(c.flight_recorder_bytes, 65536);
    assert_int_equal(c.flight_recorder_seconds, 30);
    assert_int_equal(c.slow_request_ms, 250);
    config_release(&c);
    assert_int_equal(parse(&c, "{}", &err), 0);
    assert_null(c.dsn);
    assert_null(c.secret_key);
    assert_null(c.static_folder);
    assert_null(c.access_log);
    assert_false(c.overbooking);
    config_release(&c);
}

static void an_unknown_key_is_named_with_the_known_ones(void **state)
{
    (void)state;
    refuses("{\"dns\":\"x\"}",
            "unknown key \"dns\": want dsn, listen, allowed_origins, secret_key, overbooking, static, access_log, "
            "flight_recorder, flight_recorder_file, flight_recorder_bytes, flight_recorder_seconds or slow_request_ms");
    refuses("{\"\":1}", "unknown key \"\"");
    refuses("{\"DSN\":\"x\"}", "unknown key \"DSN\"");
}

static void a_key_given_twice_is_refused(void **state)
{
    (void)state;
    refuses("{\"dsn\":\"a\",\"dsn\":\"b\"}", "\"dsn\" is given twice");
    refuses("{\"secret_key\":\"" SECRET "\",\"secret_key\":\"" SECRET "\"}", "\"secret_key\" is given twice");
    refuses("{\"overbooking\":false,\"overbooking\":false}", "\"overbooking\" is given twice");
    refuses("{\"static\":\"a\",\"static\":\"a\"}", "\"static\" is given twice");
    refuses("{\"access_log\":\"a\",\"access_log\":\"a\"}", "\"access_log\" is given twice");
    refuses("{\"slow_request_ms\":1,\"slow_request_ms\":1}", "\"slow_request_ms\" is given twice");
}

static void a_value_of_another_type_is_refused(void **state)
{
    (void)state;
    refuses("{\"dsn\":1}", "\"dsn\" must be a string, got a number");
    refuses("{\"dsn\":null}", "got null");
    refuses("{\"listen\":true}", "\"listen\" must be a string, got a boolean");
    refuses("{\"allowed_origins\":[\"a\"]}", "\"allowed_origins\" must be a string, got an array");
    refuses("{\"dsn\":{\"dsn\":\"x\"}}", "\"dsn\" must be a string, got an object");
    refuses("{\"secret_key\":12345678901234567890123456789012}", "\"secret_key\" must be a string, got a number");
    refuses("{\"static\":false}", "\"static\" must be a string, got a boolean");
    refuses("{\"access_log\":null}", "\"access_log\" must be a string, got null");
}

static void a_switch_is_true_or_false_and_nothing_else(void **state)
{
    struct failure err;
    struct config c;

    (void)state;
    assert_int_equal(parse(&c, "{\"overbooking\":false}", &err), 0);
    assert_false(c.overbooking);
    config_release(&c);
    refuses("{\"overbooking\":\"true\"}", "\"overbooking\" must be true or false, got a string");
    refuses("{\"overbooking\":1}", "\"overbooking\" must be true or false, got a number");
    refuses("{\"overbooking\":null}", "\"overbooking\" must be true or false, got null");
    refuses("{\"overbooking\":[true]}", "\"overbooking\" must be true or false, got an array");
}

static void refuses_secret(const char *text, const char *said)
{
    struct failure err;
    struct config c;

    refuses(text, said);
    parse(&c, text, &err);
    config_release(&c);
    if (strstr(err.text, "quite-secret") != NULL)
        fail_msg("\"%s\" should not tell the secret", err.text);
}

static void a_secret_of_another_length_is_refused_without_telling_it(void **state)
{
    (void)state;
    refuses_secret("{\"secret_key\":\"quite-secret-but-one-byte-short\"}",
                   "\"secret_key\" must be a string of exactly 32 bytes, and this one has 31");
    refuses_secret("{\"secret_key\":\"quite-secret-but-one-byte-too-lon\"}", "and this one has 33");
    refuses_secret("{\"secret_key\":\"\"}", "and this one has 0");
    /* thirty-two characters, of which one has two bytes */
    refuses_secret("{\"secret_key\":\"quite-secret-and-it-has-an-\xc3\xa4-too\"}", "and this one has 33");
}

static void a_secret_may_hold_any_byte(void **state)
{
    struct failure err;
    struct config c;

    (void)state;
    assert_int_equal(parse(&c, "{\"secret_key\":\"\\u0000\\n23456789012345678901234567890\\u007f\"}", &err), 0);
    assert_memory_equal(c.secret_key, "\0\n23456789012345678901234567890\x7f", CONFIG_SECRET_BYTES);
    config_release(&c);
}

/* A DSN may hold a password. */
static void a_refused_dsn_is_not_repeated(void **state)
{
    struct failure err;
    struct config c;

    (void)state;
    assert_int_equal(parse(&c, "{\"dsn\":\"postgres://me:hunter2@db/\\n\"}", &err), -1);
    config_release(&c);
    assert_null(strstr(err.text, "hunter2"));
    assert_int_equal(parse(&c, "{\"dsn\":\"postgres://me:hunter2@db/\" oops}", &err), -1);
    config_release(&c);
    assert_null(strstr(err.text, "hunter2"));
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
    assert_null(c.secret_key);
    assert_null(c.static_folder);
    assert_null(c.access_log);
    assert_false(c.overbooking);
    assert_true(c.flight_recorder);
    assert_string_equal(c.flight_recorder_file, "flight_recorder.out");
    assert_int_equal(c.flight_recorder_bytes, 0);
    assert_int_equal(c.flight_recorder_seconds, 0);
    assert_int_equal(c.slow_request_ms, 0);
    config_release(&c);
}

static void flags_win_over_the_file_and_the_file_over_defaults(void **state)
{
    char path[] = "/tmp/config-test.XXXXXX";
    struct flags flags = {.config = path, .dsn = "flag.db", .static_folder = "flag", .overbooking = true};
    int fd = mkstemp(path);
    struct failure err;
    struct config c;

    (void)state;
    assert_true(
        dprintf(fd, "{\"dsn\":\"file.db\",\"listen\":\"127.0.0.1:9\",\"static\":\"file\",\"access_log\":\"file.log\","
                    "\"overbooking\":false,\"secret_key\":\"" SECRET "\"}") > 0);
    close(fd);
    assert_int_equal(config_load(&c, &flags, &err), 0);
    assert_string_equal(c.dsn, "flag.db");
    assert_string_equal(c.listen, "127.0.0.1:9");
    assert_string_equal(c.allowed_origins, "*");
    assert_string_equal(c.static_folder, "flag");
    assert_string_equal(c.access_log, "file.log");
    assert_string_equal(c.secret_key, SECRET);
    assert_true(c.overbooking);
    config_release(&c);
    flags.overbooking = false;
    flags.access_log = "flag.log";
    assert_int_equal(config_load(&c, &flags, &err), 0);
    assert_string_equal(c.access_log, "flag.log");
    assert_false(c.overbooking);
    config_release(&c);
    unlink(path);
}

static void a_switch_of_the_file_holds_without_its_flag(void **state)
{
    char path[] = "/tmp/config-test.XXXXXX";
    struct flags flags = {.config = path};
    int fd = mkstemp(path);
    struct failure err;
    struct config c;

    (void)state;
    assert_true(dprintf(fd, "{\"overbooking\":true}") > 0);
    close(fd);
    assert_int_equal(config_load(&c, &flags, &err), 0);
    assert_true(c.overbooking);
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

/* After the release, the bytes where the secret lay must not be it any more. Reading freed memory is
 * what the sanitizers are for, so there the wipe is only run. */
static void the_secret_is_wiped_on_release(void **state)
{
#ifdef RT_SANITIZE
    (void)state;
    skip(); /* looks at freed memory on purpose */
#else
    struct failure err;
    struct config c;
    volatile const char *lay;
    unsigned same = 0;

    (void)state;
    assert_int_equal(parse(&c, "{\"secret_key\":\"" SECRET "\"}", &err), 0);
    lay = c.secret_key;
    config_release(&c);
    for (int i = 0; i < CONFIG_SECRET_BYTES; i++)
        same += lay[i] == SECRET[i];
    assert_true(same <= 2); /* by chance, of an allocator's own words */
#endif
}

static void the_static_folder_must_be_a_folder(void **state)
{
    char folder[] = "/tmp/config-test.XXXXXX", file[] = "/tmp/config-test.XXXXXX";
    struct config c = {0};
    struct failure err;

    (void)state;
    assert_non_null(mkdtemp(folder));
    close(mkstemp(file));
    c.static_folder = folder;
    assert_int_equal(config_find_static(&c, &err), 0);
    assert_ptr_equal(c.static_folder, folder);
    c.static_folder = file;
    assert_int_equal(config_find_static(&c, &err), -1);
    assert_non_null(strstr(err.text, "want a folder that can be read: Not a directory"));
    assert_non_null(strstr(err.text, file));
    c.static_folder = "/nonexistent/imgs";
    assert_int_equal(config_find_static(&c, &err), -1);
    assert_string_equal(err.text,
                        "static: /nonexistent/imgs: want a folder that can be read: No such file or directory");
    rmdir(folder);
    unlink(file);
}

/* This program stands in for the app: the folder imgs beside it comes and goes. */
static void the_folder_beside_the_executable_is_found(void **state)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 6);
    struct config c = {0};
    struct failure err;

    (void)state;
    assert_true(len > 0);
    path[len] = '\0';
    strcpy(strrchr(path, '/') + 1, "imgs");
    rmdir(path);
    assert_int_equal(config_find_static(&c, &err), 0);
    if (c.static_folder != NULL)
        assert_string_equal(c.static_folder, APP_DATA_FOLDER "/imgs");
    config_release(&c);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(config_find_static(&c, &err), 0);
    rmdir(path);
    assert_string_equal(c.static_folder, path);
    config_release(&c);
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
        cmocka_unit_test(a_switch_of_the_file_holds_without_its_flag),
        cmocka_unit_test(files_that_cannot_be_read_are_named),
        cmocka_unit_test(a_switch_is_true_or_false_and_nothing_else),
        cmocka_unit_test(a_secret_of_another_length_is_refused_without_telling_it),
        cmocka_unit_test(a_secret_may_hold_any_byte),
        cmocka_unit_test(a_refused_dsn_is_not_repeated),
        cmocka_unit_test(the_secret_is_wiped_on_release),
        cmocka_unit_test(the_static_folder_must_be_a_folder),
        cmocka_unit_test(the_folder_beside_the_executable_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
