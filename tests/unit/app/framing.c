/* framing.c - requests that two servers could cut differently. */
#include "app/web/web.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN "POST /bookings HTTP/1.1\r\nhost: a\r\n"

static const struct row {
    const char *why;
    const char *head;
    bool plain;
} rows[] = {
    {"one length", BEGIN "content-length: 2\r\n\r\n{}", true},
    {"one coding", BEGIN "transfer-encoding: chunked\r\n\r\n0\r\n\r\n", true},
    {"neither", BEGIN "\r\n", true},
    {"lines that end without a carriage return", "POST / HTTP/1.1\nhost: a\ncontent-length: 2\n\n{}", true},
    {"a body that looks like headers", BEGIN "content-length: 44\r\n\r\ncontent-length: 1\r\ncontent-length: 2\r\n",
     true},
    {"the same in a body without carriage returns", "POST / HTTP/1.1\ncontent-length: 9\n\ncontent-length: 1\n", true},
    {"a name that only begins alike", BEGIN "content-length-x: 1\r\ncontent-length: 2\r\n\r\n{}", true},
    {"a length and a coding", BEGIN "content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n", false},
    {"a coding and a length", BEGIN "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n", false},
    {"two lengths", BEGIN "content-length: 2\r\ncontent-length: 3\r\n\r\n{}", false},
    {"two equal lengths", BEGIN "content-length: 2\r\nx: y\r\ncontent-length: 2\r\n\r\n{}", false},
    {"two codings", BEGIN "transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n\r\n", false},
    {"a length that goes on on the next line", BEGIN "content-length: 2\r\n 0\r\n\r\n{}", false},
    {"a second length after a bare line feed", BEGIN "content-length: 2\ncontent-length: 3\r\n\r\n{}", false},
    {"a request cut before its empty line", BEGIN "content-length: 2\r\ncontent-length", true},
    {"nothing", "", true},
};

static void only_one_header_may_say_where_a_body_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        /* A copy of the exact size, so that a look beyond the end is seen by a sanitizer. */
        size_t len = strlen(rows[i].head);
        char *head = malloc(len + (len == 0));

        memcpy(head, rows[i].head, len);
        if (web_framing_is_plain(head, len) != rows[i].plain)
            fail_msg("%s: should be %s", rows[i].why, rows[i].plain ? "plain" : "refused");
        free(head);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_one_header_may_say_where_a_body_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
