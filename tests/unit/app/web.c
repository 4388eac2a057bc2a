/* web.c - routes, query strings, errors and numbers: the pure parts of app/web. */
#include "app/web/web.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- routes ---------------------------------------------------------------------------------- */

/* Never called; only its address tells that a route has a handler. */
static void nothing(struct web_request *rq)
{
    (void)rq;
}

static const struct web_route routes[] = {
    {"GET", "/rooms", nothing, false},
    {"GET", "/rooms/:id", nothing, false},
    {"GET", "/rooms/:id/photos", nothing, false},
    {"POST", "/rooms", nothing, true},
    {"*", "/debug/*", nothing, false},
    {NULL, NULL, NULL, false},
};

static struct web_match match(const char *method, const char *path)
{
    struct web_match m;

    web_routes_match(routes, method, strlen(method), path, strlen(path), &m);
    return m;
}

static void leads_to(const char *method, const char *path, const char *pattern, const char *id)
{
    struct web_match m = match(method, path);

    if (m.route == NULL || strcmp(m.route->pattern, pattern) != 0)
        fail_msg("%s %s should lead to %s", method, path, pattern);
    if (id == NULL) {
        assert_null(m.id);
    } else {
        assert_int_equal(m.id_len, strlen(id));
        assert_memory_equal(m.id, id, m.id_len);
    }
}

static void leads_nowhere(const char *method, const char *path, const char *allow)
{
    struct web_match m = match(method, path);

    if (m.route != NULL)
        fail_msg("%s %s should lead nowhere", method, path);
    assert_string_equal(m.allow, allow);
}

static void paths_lead_to_their_routes(void **state)
{
    (void)state;
    leads_to("GET", "/rooms", "/rooms", NULL);
    leads_to("POST", "/rooms", "/rooms", NULL);
    leads_to("GET", "/rooms/42", "/rooms/:id", "42");
    leads_to("GET", "/rooms/photos", "/rooms/:id", "photos");
    leads_to("GET", "/rooms/42/photos", "/rooms/:id/photos", "42");
    leads_to("DELETE", "/debug/", "/debug/*", NULL);
    leads_to("GET", "/debug/pprof/heap", "/debug/*", NULL);
}

static void unknown_paths_have_no_methods(void **state)
{
    (void)state;
    leads_nowhere("GET", "", "");
    leads_nowhere("GET", "/", "");
    leads_nowhere("GET", "/room", "");
    leads_nowhere("GET", "/roomsx", "");
    leads_nowhere("GET", "/rooms/", "");
    leads_nowhere("GET", "/rooms//photos", "");
    leads_nowhere("GET", "/rooms/42/", "");
    leads_nowhere("GET", "/rooms/42/photos/1", "");
    leads_nowhere("GET", "/debug", "");
}

static void known_paths_list_their_methods(void **state)
{
    (void)state;
    leads_nowhere("DELETE", "/rooms", "GET, POST, OPTIONS");
    leads_nowhere("HEAD", "/rooms/42", "GET, OPTIONS");
    leads_nowhere("get", "/rooms/42", "GET, OPTIONS");
    leads_nowhere("", "/rooms/42", "GET, OPTIONS");
}

/* ---- query ----------------------------------------------------------------------------------- */

static void finds(const char *query, const char *value)
{
    char buf[32];
    ptrdiff_t len = web_query_find(query, strlen(query), "day", buf, sizeof(buf));

    if (value == NULL) {
        if (len != -1)
            fail_msg("\"%s\" has no day, got \"%s\"", query, buf);
    } else {
        assert_int_equal(len, strlen(value));
        assert_string_equal(buf, value);
    }
}

static void a_parameter_is_found_and_decoded(void **state)
{
    (void)state;
    finds("day=1", "1");
    finds("a=b&day=2025-01-09&c", "2025-01-09");
    finds("day=1&day=2", "1");
    finds("day=", "");
    finds("day", "");
    finds("&&day=x", "x");
    finds("d%61y=a%2Db+c", "a-b c");
    finds("day=a=b", "a=b");
}

static void what_is_not_the_parameter_is_left(void **state)
{
    (void)state;
    finds("", NULL);
    finds("days=1&da=2&Day=3", NULL);
    finds("x=day=1", NULL);
}

static void malformed_escapes_stay_as_they_are(void **state)
{
    (void)state;
    finds("day=%", "%");
    finds("day=%4", "%4");
    finds("day=%zz&x", "%zz");
}

static void a_value_that_does_not_fit_tells_its_length(void **state)
{
    char buf[4] = "";

    (void)state;
    assert_int_equal(web_query_find("day=12345", 9, "day", buf, sizeof(buf)), 5);
    assert_int_equal(strlen(buf), 3);
}

static void counts(const char *query, size_t n)
{
    if (web_query_count(query, strlen(query), "day") != n)
        fail_msg("\"%s\" should have %zu days", query, n);
}

static void parameters_of_a_name_are_counted(void **state)
{
    (void)state;
    counts("", 0);
    counts("days=1&da=day&Day=3&x=day=1", 0);
    counts("day", 1);
    counts("x&day=1&y=day", 1);
    counts("day=1&d%61y=2&&day", 3);
}

static void escapes_are_two_hexadecimal_digits(void **state)
{
    static const char *const bad[] = {"%", "%4", "a%4", "%zz", "%4g", "%%41", "%41%", "%41%4"};
    static const char *const good[] = {"", "%41", "%4a%Fe", "a=%41b&c=%00"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (web_query_is_escaped_well(bad[i], strlen(bad[i])))
            fail_msg("\"%s\" is malformed", bad[i]);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!web_query_is_escaped_well(good[i], strlen(good[i])))
            fail_msg("\"%s\" is well-formed", good[i]);
    }
    assert_false(web_query_is_escaped_well("%41", 2)); /* the length counts, not the end of the text */
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* The codes are what clients compare; a change here is one of the interface. */
static void errors_have_the_statuses_and_codes_of_the_interface(void **state)
{
    static const struct {
        enum web_error error;
        int status;
        const char *code;
    } rows[] = {
        {WEB_BAD_BODY, 400, "body validation"},
        {WEB_BAD_TYPE, 415, "unsupported media type"},
        {WEB_BAD_DATE, 400, "date has a wrong format. Expected YYYY-mm-DD"},
        {WEB_BAD_LOGIN, 404, "user not registered or bad credentials"},
        {WEB_EMAIL_TAKEN, 400, "this email has been already registered"},
        {WEB_NAME_TAKEN, 400, "this username has been already registered"},
        {WEB_NO_TOKEN, 401, "the jwt token is missing"},
        {WEB_BAD_TOKEN, 401, "the jwt token is not valid"},
        {WEB_TOKEN_FAILED, 500, "failure in generating the JWT token"},
        {WEB_FORBIDDEN, 403, "forbidden"},
        {WEB_ROOM_TAKEN, 409, "room not available on the requested day"},
        {WEB_NO_OBJECT, 404, "the object with the requested id is not found"},
        {WEB_NO_PAGE, 404, "404 page not found"},
        {WEB_BAD_METHOD, 405, "method not allowed"},
        {WEB_DB_FAILED, 500, "generic db err"},
        {WEB_DB_AWAY, 503, "generic db err"},
        {WEB_BUSY, 503, "too many requests are waiting"},
        {WEB_SNAPSHOT_OFF, 409, "the flight recorder is off"},
        {WEB_SNAPSHOT_FAILED, 500, "the snapshot cannot be written"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(web_error_status(rows[i].error), rows[i].status);
        assert_string_equal(web_error_code(rows[i].error), rows[i].code);
    }
    assert_int_equal(sizeof(rows) / sizeof(rows[0]), WEB_SNAPSHOT_FAILED + 1); /* none is left out */
}

static void statuses_have_their_reasons(void **state)
{
    static const struct {
        int status;
        const char *reason;
    } rows[] = {{200, "OK"},
                {201, "Created"},
                {204, "No Content"},
                {400, "Bad Request"},
                {401, "Unauthorized"},
                {403, "Forbidden"},
                {404, "Not Found"},
                {405, "Method Not Allowed"},
                {409, "Conflict"},
                {413, "Request Entity Too Large"},
                {415, "Unsupported Media Type"},
                {417, "Expectation Failed"},
                {500, "Internal Server Error"},
                {503, "Service Unavailable"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(web_reason(rows[i].status), rows[i].reason);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static void prints(double value, const char *expected)
{
    char buf[WEB_NUMBER_MAX];
    size_t len = web_format_number(buf, value);

    assert_string_equal(buf, expected);
    assert_int_equal(len, strlen(expected));
}

/* Each expected text is what Go's encoding/json prints. */
static void numbers_are_printed_as_go_prints_them(void **state)
{
    (void)state;
    prints(12.5, "12.5");
    prints(100, "100");
    prints(4.5, "4.5");
    prints(0, "0");
    prints(-0.0, "-0");
    prints(0.1, "0.1");
    prints(0.05, "0.05");
    prints(19.99, "19.99");
    prints(-3.5, "-3.5");
    prints(-0.25, "-0.25");
    prints(1234567.89, "1234567.89");
    prints(0.001, "0.001");
    prints(1.0 / 3, "0.3333333333333333");
    prints(0.1 + 0.2, "0.30000000000000004");
    prints(123456789012345680, "123456789012345680");
    prints(1e20, "100000000000000000000");
    prints(1e21, "1e+21");
    prints(1e-6, "0.000001");
    prints(1e-7, "1e-7");
    prints(1.5e-10, "1.5e-10");
    prints(DBL_MAX, "1.7976931348623157e+308");
    prints(5e-324, "5e-324");
}

static void what_json_cannot_say_becomes_0(void **state)
{
    (void)state;
    prints(INFINITY, "0");
    prints(-INFINITY, "0");
    prints(NAN, "0");
}

static void every_number_reads_back_and_is_the_shortest(void **state)
{
    (void)state;
    srand(7);
    for (int i = 0; i < 20000; i++) {
        char buf[WEB_NUMBER_MAX];
        char shorter[64];
        double value =
            i < 10000 ? (double)(rand() % 100000000) / 100 : ldexp((double)rand() - RAND_MAX / 2, rand() % 60 - 40);
        size_t significant = 0;
        bool leading = true;

        web_format_number(buf, value);
        assert_true(strtod(buf, NULL) == value);
        for (const char *p = buf; *p != '\0' && *p != 'e'; p++) {
            leading = leading && (*p < '1' || *p > '9');
            significant += !leading && *p >= '0' && *p <= '9';
        }
        if (strchr(buf, '.') == NULL || significant < 2)
            continue;
        snprintf(shorter, sizeof(shorter), "%.*e", (int)significant - 2, value);
        assert_false(strtod(shorter, NULL) == value);
    }
}

/* ---- the JSON writer ------------------------------------------------------------------------- */

static void write_array(struct web_request *rq, size_t n)
{
    yajl_gen json = web_json_begin(rq);

    yajl_gen_array_open(json);
    for (size_t i = 0; i < n; i++)
        web_json_text(json, "x\"y\n");
    yajl_gen_array_close(json);
}

static void the_writer_starts_afresh_after_half_and_after_huge_answers(void **state)
{
    struct web_loop loop = {0};
    struct web_request rq = {.scope = rt_scope_begin(), .loop = &loop};
    const char *first;
    const char *text;
    size_t first_len;
    size_t len;

    (void)state;
    write_array(&rq, 1);
    first = web_json_take(&rq, &first_len);
    yajl_gen_map_open(web_json_begin(&rq)); /* given up half way */
    write_array(&rq, 20000);
    text = web_json_take(&rq, &len);
    assert_int_equal(len, 1 + 20000 * 9);
    assert_memory_equal(text, "[\"x\\\"y\\n\",\"", 11);
    assert_null(loop.json); /* larger than what is kept */
    write_array(&rq, 0);
    text = web_json_take(&rq, &len);
    assert_int_equal(len, 2);
    assert_memory_equal(text, "[]", 2);
    assert_int_equal(first_len, 10);
    assert_memory_equal(first, "[\"x\\\"y\\n\"]", 10); /* not touched by the later ones */
    web_json_end(&loop);
    rt_scope_end(rq.scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_to_their_routes),
        cmocka_unit_test(unknown_paths_have_no_methods),
        cmocka_unit_test(known_paths_list_their_methods),
        cmocka_unit_test(a_parameter_is_found_and_decoded),
        cmocka_unit_test(what_is_not_the_parameter_is_left),
        cmocka_unit_test(malformed_escapes_stay_as_they_are),
        cmocka_unit_test(a_value_that_does_not_fit_tells_its_length),
        cmocka_unit_test(parameters_of_a_name_are_counted),
        cmocka_unit_test(escapes_are_two_hexadecimal_digits),
        cmocka_unit_test(errors_have_the_statuses_and_codes_of_the_interface),
        cmocka_unit_test(statuses_have_their_reasons),
        cmocka_unit_test(numbers_are_printed_as_go_prints_them),
        cmocka_unit_test(what_json_cannot_say_becomes_0),
        cmocka_unit_test(every_number_reads_back_and_is_the_shortest),
        cmocka_unit_test(the_writer_starts_afresh_after_half_and_after_huge_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
