/* body.c - what is taken out of request bodies, and how the rest is refused. */
#include "app/web/web.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct web_field fields[] = {{"room_id", 8}, {"booked_on", 10}};

static const char *values[2];
static struct failure err;
static struct rt_scope *scope;

static int parse(enum web_body_type type, const char *body, size_t len)
{
    /* A copy of just that size, so that a sanitizer sees reads behind the end. */
    char *copy = malloc(len != 0 ? len : 1);
    int ret;

    if (len != 0)
        memcpy(copy, body, len);
    err.text[0] = '\0';
    ret = web_body_parse(type, copy, len, fields, 2, scope, values, &err);
    free(copy);
    return ret;
}

static int begin(void **state)
{
    (void)state;
    scope = rt_scope_begin();
    return 0;
}

static int end(void **state)
{
    (void)state;
    rt_scope_end(scope);
    return 0;
}

static void is_read(enum web_body_type type, const char *body, const char *room_id, const char *booked_on)
{
    if (parse(type, body, strlen(body)) != 0)
        fail_msg("%s should be read, but: %s", body, err.text);
    assert_string_equal(values[0], room_id);
    assert_string_equal(values[1], booked_on);
}

static void is_refused_bytes(enum web_body_type type, const char *body, size_t len, const char *sentence)
{
    if (parse(type, body, len) == 0)
        fail_msg("%s should be refused: %s", body, sentence);
    assert_string_equal(err.text, sentence);
}

static void is_refused(enum web_body_type type, const char *body, const char *sentence)
{
    is_refused_bytes(type, body, strlen(body), sentence);
}

static void reads(const char *body, const char *room_id, const char *booked_on)
{
    is_read(WEB_BODY_JSON, body, room_id, booked_on);
}

static void refuses(const char *body, const char *sentence)
{
    is_refused(WEB_BODY_JSON, body, sentence);
}

/* ---- content types --------------------------------------------------------------------------- */

static void is_type(const char *content_type, enum web_body_type type)
{
    if (web_body_type_of(content_type, strlen(content_type)) != type)
        fail_msg("\"%s\" should be type %d", content_type, type);
}

static void json_and_forms_are_told_by_their_type(void **state)
{
    (void)state;
    is_type("application/json", WEB_BODY_JSON);
    is_type("Application/JSON", WEB_BODY_JSON);
    is_type(" application/json ;", WEB_BODY_JSON);
    is_type("application/json; charset=utf-8", WEB_BODY_JSON);
    is_type("application/json;charset=\"UTF-8\" ; x=y", WEB_BODY_JSON);
    is_type("application/json; profile=\"a;charset=x\"", WEB_BODY_JSON);
    is_type("application/json; profile=\"a\\\";charset=x\"", WEB_BODY_JSON);
    is_type("application/json; charset", WEB_BODY_JSON);
    is_type("application/json; x=\"", WEB_BODY_JSON);
    is_type("application/x-www-form-urlencoded", WEB_BODY_FORM);
    is_type("application/x-www-form-urlencoded; charset=UTF-8", WEB_BODY_FORM);
}

static void other_types_and_encodings_are_not_taken(void **state)
{
    (void)state;
    assert_int_equal(web_body_type_of(NULL, 0), WEB_BODY_OTHER);
    is_type("", WEB_BODY_OTHER);
    is_type(";", WEB_BODY_OTHER);
    is_type("text/plain", WEB_BODY_OTHER);
    is_type("application/jsonx", WEB_BODY_OTHER);
    is_type("application/jso", WEB_BODY_OTHER);
    is_type("application/json, text/plain", WEB_BODY_OTHER);
    is_type("application/json charset=utf-8", WEB_BODY_OTHER);
    is_type("text/plain; application/json", WEB_BODY_OTHER);
    is_type("multipart/form-data; boundary=x", WEB_BODY_OTHER);
    is_type("application/json; charset=utf-16", WEB_BODY_OTHER);
    is_type("application/json; x=y; CharSet=\"latin1\"", WEB_BODY_OTHER);
    is_type("application/json; charset=", WEB_BODY_OTHER);
    is_type("application/x-www-form-urlencoded; charset=utf-8; charset=utf-16", WEB_BODY_OTHER);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void members_are_found_whatever_their_order_case_and_company(void **state)
{
    (void)state;
    reads("{\"room_id\":\"r\",\"booked_on\":\"d\"}", "r", "d");
    reads(" {\n\"booked_on\" : \"d\" ,\t\"room_id\" : \"r\" } \r\n", "r", "d");
    reads("{\"Room_ID\":\"r\",\"BOOKED_ON\":\"d\"}", "r", "d");
    reads("{\"x\":{\"room_id\":1,\"room_id\":[2]},\"room_id\":\"r\",\"y\":[[{}],null,true,-1e999],\"booked_on\":\"d\"}",
          "r", "d");
    reads("{\"x\":1,\"x\":2,\"room_id\":\"r\",\"booked_on\":\"d\"}", "r", "d");
    reads("{\"room_i\":1,\"room_id2\":2,\"\":3,\"room_id\":\"r\",\"booked_on\":\"d\"}", "r", "d");
    reads("{\"room_id\\u0000\":1,\"room\\u005fid\":\"r\",\"booked_on\":\"d\"}", "r", "d");
}

static void texts_are_decoded(void **state)
{
    (void)state;
    reads("{\"room_id\":\"\\u00e9\\n\\/\\\"\",\"booked_on\":\"\\ud83d\\ude00\"}", "\xc3\xa9\n/\"", "\xf0\x9f\x98\x80");
    reads("{\"room_id\":\"\xed\x9f\xbf\xee\x80\x80\",\"booked_on\":\"\xf4\x8f\xbf\xbf\"}", "\xed\x9f\xbf\xee\x80\x80",
          "\xf4\x8f\xbf\xbf");
    reads("{\"room_id\":\"12345678\",\"booked_on\":\"\\\\ud800\"}", "12345678", "\\ud800");
    reads("{\"room_id\":\"\xc2\x80\",\"booked_on\":\"\xe0\xa0\x80\xf0\x90\x80\x80\"}", "\xc2\x80",
          "\xe0\xa0\x80\xf0\x90\x80\x80");
}

static void what_is_missing_empty_or_too_long_is_named(void **state)
{
    (void)state;
    refuses("", "the body is empty");
    refuses("{}", "room_id is missing");
    refuses("{\"room_id\":\"r\"}", "booked_on is missing");
    refuses("{\"room_id\":null,\"booked_on\":\"d\"}", "room_id is missing");
    refuses("{\"x\":{\"room_id\":\"r\"},\"booked_on\":\"d\"}", "room_id is missing");
    refuses("{\"room_id\":\"\",\"booked_on\":\"d\"}", "room_id must not be empty");
    refuses("{\"room_id\":\"123456789\",\"booked_on\":\"d\"}", "room_id must have at most 8 bytes");
    refuses("{\"room_id\":\"r\",\"booked_on\":\"d\\u0000\"}", "booked_on must not hold a NUL character");
}

static void another_kind_of_value_is_named(void **state)
{
    (void)state;
    refuses("{\"room_id\":1,\"booked_on\":\"d\"}", "room_id must be a string, got a number");
    refuses("{\"room_id\":-1.5e3}", "room_id must be a string, got a number");
    refuses("{\"ROOM_ID\":true}", "room_id must be a string, got a boolean");
    refuses("{\"booked_on\":[\"d\"]}", "booked_on must be a string, got an array");
    refuses("{\"booked_on\":{}}", "booked_on must be a string, got an object");
    refuses("[]", "the body must be a JSON object, got an array");
    refuses("[{\"room_id\":\"r\",\"booked_on\":\"d\"}]", "the body must be a JSON object, got an array");
    refuses("\"x\"", "the body must be a JSON object, got a string");
    refuses("1 ", "the body must be a JSON object, got a number");
    refuses("false", "the body must be a JSON object, got a boolean");
    refuses("null", "the body must be a JSON object, got null");
}

static void a_member_that_comes_twice_is_refused(void **state)
{
    (void)state;
    refuses("{\"room_id\":\"r\",\"booked_on\":\"d\",\"room_id\":\"r\"}", "room_id must be given once");
    refuses("{\"room_id\":\"r\",\"booked_on\":\"d\",\"Room_Id\":1}", "room_id must be given once");
    refuses("{\"room_id\":null,\"room_id\":\"r\",\"booked_on\":\"d\"}", "room_id must be given once");
    refuses("{\"room_id\":\"r\",\"room\\u005Fid\":\"r\"}", "room_id must be given once");
}

static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    refuses("{", "the body is not JSON: parse error: premature EOF, at byte 1");
    refuses("{\"room_id\":\"r\",\"booked_on\":\"d\"", "the body is not JSON: parse error: premature EOF, at byte 30");
    refuses("{\"room_id\":\"r", "the body is not JSON: parse error: premature EOF, at byte 13");
    refuses(" ", "the body is not JSON: parse error: premature EOF, at byte 1");
    refuses("room_id=r&booked_on=d", "the body is not JSON: lexical error: invalid char in json text, at byte 1");
    refuses("\xef\xbb\xbf{}", "the body is not JSON: lexical error: invalid char in json text, at byte 1");
    refuses("{\"room_id\":\"r\",\"booked_on\":\"d\"}}",
            "the body is not JSON: parse error: trailing garbage, at byte 32");
    refuses("{\"room_id\":\"r\",\"booked_on\":\"d\"} {}",
            "the body is not JSON: parse error: trailing garbage, at byte 33");
    is_refused_bytes(WEB_BODY_JSON, "{\"room_id\":\"r\",\"booked_on\":\"d\"}\0", 32,
                     "the body is not JSON: parse error: trailing garbage, at byte 32");
    is_refused_bytes(WEB_BODY_JSON, "{\"room_id\":\"r\0\"}", 16,
                     "the body is not JSON: lexical error: invalid character inside string, at byte 13");
    refuses("{\"x\":01}",
            "the body is not JSON: parse error: after key and value, inside map, I expect ',' or '}', at byte 6");
    refuses("{'x':1}", "the body is not JSON: lexical error: invalid char in json text, at byte 2");
    refuses("{\"x\":\"\\u12\"}",
            "the body is not JSON: lexical error: invalid (non-hex) character occurs after '\\u' inside "
            "string, at byte 10");
}

static void what_is_not_utf_8_is_refused(void **state)
{
    static const char *const bad[] = {
        "\x80",             /* a continuation alone */
        "\xc3",             /* and one that is missing */
        "\xc0\x80",         /* overlong */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xed\xbf\xbf",     /* a surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80", /* above U+10FFFF */
        "\xe2\x82\x41",     /* cut */
        "\xf0\x9f\x98",     /* cut */
        "\xfe",
        "\xff",
    };
    char body[64];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(body, sizeof(body), "{\"room_id\":\"%s\",\"booked_on\":\"d\"}", bad[i]);
        refuses(body, "the body must be valid UTF-8");
        snprintf(body, sizeof(body), "{\"%s\":1,\"room_id\":\"r\",\"booked_on\":\"d\"}", bad[i]);
        refuses(body, "the body must be valid UTF-8");
        snprintf(body, sizeof(body), "booked_on=d&room_id=%s", bad[i]);
        is_refused(WEB_BODY_FORM, body, "room_id must be valid UTF-8");
    }
    refuses("{\"room_id\":\"r\xc3", "the body must be valid UTF-8");
}

static void half_a_surrogate_pair_is_refused(void **state)
{
    static const char sentence[] = "the body holds half of a surrogate pair";

    (void)state;
    refuses("{\"room_id\":\"\\ud800\",\"booked_on\":\"d\"}", sentence);
    refuses("{\"room_id\":\"\\uDC00\",\"booked_on\":\"d\"}", sentence);
    refuses("{\"room_id\":\"\\ud800\\u0041\",\"booked_on\":\"d\"}", sentence);
    refuses("{\"room_id\":\"\\ud800\\ud800\\udc00\",\"booked_on\":\"d\"}", sentence);
    refuses("{\"room_id\":\"\\ud800x\\udc00\",\"booked_on\":\"d\"}", sentence);
    refuses("{\"x\":\"\\\\\\udfff\"}", sentence);
    refuses("{\"x\":\"\\ud83d\\ude00\\ude00\"}", sentence);
    refuses("{\"x\":\"\\ud83d\\u\"}", sentence);
}

static void deep_nesting_is_refused(void **state)
{
    static char body[65536];
    char *p = body;

    (void)state;
    /* 31 arrays in the object are 32 levels. */
    for (int levels = 31; levels <= 32; levels++) {
        p = body + sprintf(body, "{\"room_id\":\"r\",\"booked_on\":\"d\",\"x\":");
        memset(p, '[', (size_t)levels);
        memset(p + levels, ']', (size_t)levels);
        strcpy(p + 2 * levels, "}");
        if (levels == 31)
            reads(body, "r", "d");
        else
            refuses(body, "the body must not nest deeper than 32");
    }
    memset(p, '[', sizeof(body) - (size_t)(p - body));
    is_refused_bytes(WEB_BODY_JSON, body, sizeof(body), "the body must not nest deeper than 32");
    for (size_t i = 0; i + 5 <= sizeof(body); i += 5)
        memcpy(body + i, "{\"a\":", 5);
    is_refused_bytes(WEB_BODY_JSON, body, sizeof(body) - 1, "the body must not nest deeper than 32");
}

/* ---- forms ----------------------------------------------------------------------------------- */

static void forms_are_decoded(void **state)
{
    (void)state;
    is_read(WEB_BODY_FORM, "room_id=r&booked_on=d", "r", "d");
    is_read(WEB_BODY_FORM, "x=1&booked_on=2025-01-09&x=2&room%5Fid=%C3%A9+%2B&y", "\xc3\xa9 +", "2025-01-09");
    is_read(WEB_BODY_FORM, "room_id=a=b&booked_on=%41%42&Room_id=x", "a=b", "AB");
}

static void malformed_forms_are_refused_with_the_reason(void **state)
{
    (void)state;
    is_refused(WEB_BODY_FORM, "", "the body is empty");
    is_refused(WEB_BODY_FORM, "room_id=r", "booked_on is missing");
    is_refused(WEB_BODY_FORM, "Room_id=r&booked_on=d", "room_id is missing");
    is_refused(WEB_BODY_FORM, "room_id=&booked_on=d", "room_id must not be empty");
    is_refused(WEB_BODY_FORM, "room_id&booked_on=d", "room_id must not be empty");
    is_refused(WEB_BODY_FORM, "room_id=123456789&booked_on=d", "room_id must have at most 8 bytes");
    is_refused(WEB_BODY_FORM, "room_id=r&room%5fid=r&booked_on=d", "room_id must be given once");
    is_refused(WEB_BODY_FORM, "room_id=a%00b&booked_on=d", "room_id must not hold a NUL character");
    is_refused(WEB_BODY_FORM, "room_id=%FF&booked_on=d", "room_id must be valid UTF-8");
    is_refused(WEB_BODY_FORM, "{\"room_id\":\"r\",\"booked_on\":\"d\"}", "room_id is missing");
    for (const char *const *bad = (const char *const[]){"room_id=%", "room_id=%4", "%zz=1", "x=1%4g", NULL}; *bad;
         bad++)
        is_refused(WEB_BODY_FORM, *bad, "the body holds a % without two hexadecimal digits behind it");
}

/* ---- garbage --------------------------------------------------------------------------------- */

/* Changes some bytes of a body, or makes one of pieces of JSON, forms and noise. */
static size_t make_garbage(char *body, size_t size)
{
    static const char *const pieces[] = {
        "{",       "}",         "[",    "]",      ":",   ",",    "\"",           "\\u0000", "\\",
        "room_id", "booked_on", "null", "true",   "1e9", "\xc3", "\xc3\xa9",     "\\ud83d", "\\ude00",
        "=",       "&",         "%00",  "%c3%a9", "%",   "+",    "\"room_id\":", "\"x\"",   " "};
    static const char *const whole[] = {"{\"room_id\":\"a\\u00e9\",\"booked_on\":\"d\",\"x\":[1,{\"y\":null}]}",
                                        "room_id=a%c3%a9&booked_on=%41&x=1"};
    size_t len = 0;

    if (rand() % 2 == 0) {
        len = strlen(strcpy(body, whole[rand() % 2]));
        for (int changes = rand() % 4; changes >= 0; changes--)
            body[(size_t)rand() % len] = (char)(rand() % 3 == 0 ? rand() : "\"{}[]:,\\u0%&=+"[rand() % 14]);
        return rand() % 4 == 0 ? (size_t)rand() % (len + 1) : len;
    }
    for (int n = rand() % 16; n >= 0; n--) {
        const char *piece = pieces[(size_t)rand() % (sizeof(pieces) / sizeof(pieces[0]))];
        if (len + strlen(piece) + 1 < size)
            len += strlen(strcpy(body + len, piece));
        if (rand() % 8 == 0 && len + 1 < size)
            body[len++] = (char)rand();
    }
    return len;
}

#define GARBAGE 100000

static void garbage_is_refused_in_one_printable_sentence_and_never_crashes(void **state)
{
    int accepted = 0;
    char body[512];

    (void)state;
    srand(11);
    for (int i = 0; i < GARBAGE; i++) {
        size_t len = make_garbage(body, sizeof(body));
        struct rt_scope *outer = scope;

        scope = rt_scope_begin();
        if (parse(i % 2 == 0 ? WEB_BODY_JSON : WEB_BODY_FORM, body, len) == 0) {
            accepted++;
            for (int v = 0; v < 2; v++)
                assert_in_range(strlen(values[v]), 1, fields[v].max);
        } else {
            assert_in_range(strlen(err.text), 10, 120);
            for (const char *p = err.text; *p != '\0'; p++)
                assert_in_range(*p, ' ', '~');
        }
        rt_scope_end(scope);
        scope = outer;
    }
    assert_true(accepted > GARBAGE / 1000); /* or the mutations have become too wild to prove much */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_and_forms_are_told_by_their_type),
        cmocka_unit_test(other_types_and_encodings_are_not_taken),
        cmocka_unit_test_setup_teardown(members_are_found_whatever_their_order_case_and_company, begin, end),
        cmocka_unit_test_setup_teardown(texts_are_decoded, begin, end),
        cmocka_unit_test_setup_teardown(what_is_missing_empty_or_too_long_is_named, begin, end),
        cmocka_unit_test_setup_teardown(another_kind_of_value_is_named, begin, end),
        cmocka_unit_test_setup_teardown(a_member_that_comes_twice_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_json_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_utf_8_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(half_a_surrogate_pair_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(deep_nesting_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(forms_are_decoded, begin, end),
        cmocka_unit_test_setup_teardown(malformed_forms_are_refused_with_the_reason, begin, end),
        cmocka_unit_test_setup_teardown(garbage_is_refused_in_one_printable_sentence_and_never_crashes, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
