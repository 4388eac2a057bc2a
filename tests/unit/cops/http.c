/* Answers of the agent taken apart, and what their errors say. */
#include "runtime/agent/cops/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/agent/cops/settings.h"

static struct cops_response res;
static struct cops_error error;
static char *copy;

/* In a block of its own size, so that a sanitizer sees a read past the end. */
static bool parse(const char *text, size_t len)
{
    free(copy);
    copy = malloc(len + (len == 0));
    memcpy(copy, text, len);
    return cops_http_parse(copy, len, &res, &error);
}

#define PARSE(text) parse(text, sizeof(text) - 1)

static void assert_body(const char *want)
{
    assert_int_equal(res.body_len, strlen(want));
    assert_memory_equal(res.body, want, res.body_len);
}

static void the_body_is_what_follows_the_empty_line(void **state)
{
    (void)state;
    assert_true(PARSE("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello\r\n\r\nyou"));
    assert_int_equal(res.status, 200);
    assert_body("hello\r\n\r\nyou");
    assert_true(PARSE("HTTP/1.0 404 Not Found\r\n\r\n"));
    assert_int_equal(res.status, 404);
    assert_body("");
}

static void a_length_is_kept(void **state)
{
    (void)state;
    assert_true(PARSE("HTTP/1.1 200 OK\r\ncontent-length:  5 \r\n\r\nhello and more"));
    assert_body("hello");
    assert_false(PARSE("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"));
    assert_string_equal(error.text, "the answer broke off after 5 of 6 bytes");
}

static void broken_answers_are_refused(void **state)
{
    (void)state;
    assert_false(PARSE(""));
    assert_non_null(strstr(error.text, "no answer"));
    assert_false(PARSE("ok"));
    assert_non_null(strstr(error.text, "not HTTP"));
    assert_false(PARSE("HTTP/1.1 2x0 OK\r\n\r\n"));
    assert_false(PARSE("HTTP/2 200 OK and more\r\n\r\n"));
    assert_false(PARSE("HTTP/1.1 200"));
    assert_non_null(strstr(error.text, "broke off"));
    assert_false(PARSE("HTTP/1.1 200 OK\r\nX: y\r\n"));
}

static void every_cut_answer_is_judged_without_reading_past_it(void **state)
{
    static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    (void)state;
    for (size_t len = 0; len < sizeof whole - 1; len++)
        assert_false(parse(whole, len));
    assert_true(parse(whole, sizeof whole - 1));
}

static void an_error_says_its_message(void **state)
{
    char text[64];
    (void)state;
    assert_true(
        PARSE("HTTP/1.1 400 Bad Request\r\n\r\n{\"code\":\"bad value\",\"message\":\"gc_percent: want more\"}"));
    cops_http_message(&res, text, sizeof text);
    assert_string_equal(text, "gc_percent: want more");
    assert_true(PARSE("HTTP/1.1 502 Bad Gateway\r\n\r\nno\nway"));
    cops_http_message(&res, text, sizeof text);
    assert_string_equal(text, "status 502: no");
    assert_true(PARSE("HTTP/1.1 500 Oh\r\n\r\n"));
    cops_http_message(&res, text, sizeof text);
    assert_string_equal(text, "status 500: ");
}

static void forms_are_escaped(void **state)
{
    struct cops_text form = {0};
    (void)state;
    cops_form_add(&form, "a b&c=\xc3\xa4-._~", 12);
    assert_string_equal(form.bytes, "a%20b%26c%3D%C3%A4-._~");
    cops_text_free(&form);
}

static void settings_go_by_the_names_that_the_page_takes(void **state)
{
    static const char *const pairs[] = {"CGC=50", "cmemlimit=64MiB", "memprofilerate=1", "nosuch=a=b"};
    struct cops_text form = {0};
    (void)state;
    assert_true(cops_settings_form(&form, pairs, 4, &error));
    assert_string_equal(form.bytes, "gc_percent=50&memory_limit=64MiB&mem_profile_rate=1&nosuch=a%3Db");
    cops_text_free(&form);
    assert_false(cops_settings_form(&form, (const char *const[]){"CGC"}, 1, &error));
    assert_string_equal(error.text, "settings: CGC: want KEY=VALUE");
    assert_false(cops_settings_form(&form, (const char *const[]){"=1"}, 1, &error));
    cops_text_free(&form);
}

static int let_go(void **state)
{
    (void)state;
    free(copy);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_body_is_what_follows_the_empty_line),
        cmocka_unit_test(a_length_is_kept),
        cmocka_unit_test(broken_answers_are_refused),
        cmocka_unit_test(every_cut_answer_is_judged_without_reading_past_it),
        cmocka_unit_test(an_error_says_its_message),
        cmocka_unit_test(forms_are_escaped),
        cmocka_unit_test(settings_go_by_the_names_that_the_page_takes),
    };
    return cmocka_run_group_tests(tests, NULL, let_go);
}
