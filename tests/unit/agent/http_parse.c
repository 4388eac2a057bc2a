/* http_parse.c - the head of a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/agent/http_parse.h"

static struct rt__http_request req;

/* From a block of its own, so that a read past the end is one past a block. */
static int parse_bytes(const char *text, size_t len)
{
    static char *block;
    free(block);
    block = malloc(len ? len : 1);
    memcpy(block, text, len);
    return rt__http_parse(block, len, &req);
}

static int parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static void assert_span(struct rt__http_span span, const char *text)
{
    assert_non_null(span.p);
    assert_int_equal(span.len, strlen(text));
    assert_memory_equal(span.p, text, span.len);
}

static void a_request_is_taken_apart(void **state)
{
    static const char head[] =
        "POST /debug/gc?release=1&x=?y HTTP/1.1\r\nHost: localhost:80\r\nOrigin:http://localhost:80\r\n"
        "CONTENT-length:\t12 \r\nexpect: 100-Continue\r\nX-Else: \xc3\xa9\r\n\r\n";
    char with_body[sizeof(head) + 32];
    (void)state;
    snprintf(with_body, sizeof(with_body), "%s%s", head, "gc_percent=1 and more");
    assert_int_equal(parse(with_body), strlen(head));
    assert_span(req.method, "POST");
    assert_span(req.path, "/debug/gc");
    assert_span(req.query, "release=1&x=?y");
    assert_span(req.host, "localhost:80");
    assert_span(req.origin, "http://localhost:80");
    assert_int_equal(req.content_length, 12);
    assert_true(req.expects_continue);
    assert_false(req.is_http_1_0);
}

static void an_old_request_needs_no_host_and_a_new_one_does(void **state)
{
    (void)state;
    assert_true(parse("GET / HTTP/1.0\r\n\r\n") > 0);
    assert_true(req.is_http_1_0);
    assert_null(req.host.p);
    assert_null(req.origin.p);
    assert_span(req.query, "");
    assert_int_equal(req.content_length, 0);
    assert_int_equal(parse("GET / HTTP/1.1\r\n\r\n"), -400);
    assert_true(parse("GET / HTTP/1.1\r\nHost:\r\n\r\n") > 0);
    assert_span(req.host, "");
}

static void a_request_that_stops_anywhere_before_its_end_is_waited_for(void **state)
{
    static const char head[] = "GET /debug/vars?a=b HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";
    (void)state;
    for (size_t len = 0; len < strlen(head); len++) {
        assert_int_equal(parse_bytes(head, len), 0);
    }
    assert_int_equal(parse(head), strlen(head));
}

static void what_is_malformed_is_refused(void **state)
{
    static const struct {
        const char *text;
        int result;
    } rows[] = {
        {"\r\n\r\n", -400},
        {"GET\r\n\r\n", -400},
        {"GET /\r\n\r\n", -400},
        {"GET  / HTTP/1.0\r\n\r\n", -400},
        {"GET / HTTP/1.0 \r\n\r\n", -400},
        {"GET /a b HTTP/1.0\r\n\r\n", -400},
        {" GET / HTTP/1.0\r\n\r\n", -400},
        {"get / HTTP/1.0\r\n\r\n", -400},
        {"G3T / HTTP/1.0\r\n\r\n", -400},
        {"ABCDEFGHIJKLMNOPQ / HTTP/1.0\r\n\r\n", -400},
        {"GET debug HTTP/1.0\r\n\r\n", -400},
        {"GET http://localhost/debug/ HTTP/1.0\r\n\r\n", -400},
        {"OPTIONS * HTTP/1.0\r\n\r\n", -400},
        {"GET /\x7f HTTP/1.0\r\n\r\n", -400},
        {"GET /\xc3\xa9 HTTP/1.0\r\n\r\n", -400},
        {"GET /# HTTP/1.0\r\n\r\n", -400},
        {"GET / HTTP/1\r\n\r\n", -400},
        {"GET / HTTP/1.00\r\n\r\n", -400},
        {"GET / http/1.0\r\n\r\n", -400},
        {"GET / HTTP/x.0\r\n\r\n", -400},
        {"PRI * HTTP/2.0\r\n\r\n", -505},
        {"GET / HTTP/0.9\r\n\r\n", -505},
        {"GET / HTTP/1.0\r\nno colon\r\n\r\n", -400},
        {"GET / HTTP/1.0\r\n: x\r\n\r\n", -400},
        {"GET / HTTP/1.0\r\nHost : x\r\n\r\n", -400},
        {"GET / HTTP/1.0\r\n folded: x\r\n\r\n", -400},
        {"GET / HTTP/1.0\r\nA: x\r\n folded\r\n\r\n", -400},
        {"GET / HTTP/1.0\r\nA: x\ny\r\n\r\n", -400},
        {"GET / HTTP/1.0\r\nA: x\ry\r\n\r\n", -400},
        {"GET / HTTP/1.0\nA: x\r\n\r\n", -400},
        {"GET / HTTP/1.0\r\nA\xc3\xa9: x\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nOrigin: a\r\nORIGIN: a\r\n\r\n", -400},
        {"POST / HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", -400},
        {"POST / HTTP/1.0\r\nContent-Length:\r\n\r\n", -400},
        {"POST / HTTP/1.0\r\nContent-Length: -1\r\n\r\n", -400},
        {"POST / HTTP/1.0\r\nContent-Length: +1\r\n\r\n", -400},
        {"POST / HTTP/1.0\r\nContent-Length: 0x1\r\n\r\n", -400},
        {"POST / HTTP/1.0\r\nContent-Length: 1 1\r\n\r\n", -400},
        {"POST / HTTP/1.0\r\nContent-Length: 65537\r\n\r\n", -413},
        {"POST / HTTP/1.0\r\nContent-Length: 18446744073709551617\r\n\r\n", -413},
        {"POST / HTTP/1.0\r\nContent-Length: 99999999999999999999999999999x\r\n\r\n", -400},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", -501},
        {"POST / HTTP/1.0\r\ntransfer-encoding: identity\r\nContent-Length: 1\r\n\r\n", -501},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int result = parse(rows[i].text);
        if (result != rows[i].result) {
            fail_msg("%d for row %zu: %s", result, i, rows[i].text);
        }
    }
    assert_int_equal(parse_bytes("GET /\0 HTTP/1.0\r\n\r\n", 19), -400);
    assert_int_equal(parse_bytes("GET / HTTP/1.0\r\nA: \0\r\n\r\n", 24), -400);
    assert_int_equal(parse_bytes("GET / HTTP/1.0\r\nA\0: \r\n\r\n", 24), -400);
}

static void the_longest_body_is_taken_and_lengths_with_zeros_ahead_are_numbers(void **state)
{
    (void)state;
    assert_true(parse("POST / HTTP/1.0\r\nContent-Length: 65536\r\n\r\n") > 0);
    assert_int_equal(req.content_length, 65536);
    assert_true(parse("POST / HTTP/1.0\r\nContent-Length: 000000000000000000000000065536\r\n\r\n") > 0);
    assert_int_equal(req.content_length, 65536);
}

static void a_head_of_8_kib_is_taken_and_a_longer_one_refused(void **state)
{
    static char text[RT__HTTP_HEAD_MAX + 100];
    static const char begin[] = "GET / HTTP/1.0\r\nA: ";
    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text, begin, strlen(begin));
    assert_int_equal(parse_bytes(text, RT__HTTP_HEAD_MAX - 1), 0);
    assert_int_equal(parse_bytes(text, RT__HTTP_HEAD_MAX), -431);
    memcpy(text + RT__HTTP_HEAD_MAX - 3, "\r\n\r\n", 4);
    assert_int_equal(parse_bytes(text, sizeof(text)), -431);
    memcpy(text + RT__HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(parse_bytes(text, sizeof(text)), RT__HTTP_HEAD_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_taken_apart),
        cmocka_unit_test(an_old_request_needs_no_host_and_a_new_one_does),
        cmocka_unit_test(a_request_that_stops_anywhere_before_its_end_is_waited_for),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(the_longest_body_is_taken_and_lengths_with_zeros_ahead_are_numbers),
        cmocka_unit_test(a_head_of_8_kib_is_taken_and_a_longer_one_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
