/* bookings.c - what the handlers of /bookings make of each outcome of the store, byte by byte as a
 * client gets it; and with them the answers piece by piece (web/stream.c) and those of failures.
 * The server and the store behind it are made up (bookings_fixture.h).
 */
#include "tests/unit/app/bookings_fixture.h"

#include "app/bookings/booking_id.h"
#include "app/bookings/stamp.h"

/* ---- lists ----------------------------------------------------------------------------------- */

/* Puts the chunks of the body together in place; returns whether the last one was there. */
static bool join_chunks(char *body)
{
    char *to = body;
    char *from = body;

    for (;;) {
        char *digits_end;
        size_t len = strtoul(from, &digits_end, 16);

        if (digits_end == from || strncmp(digits_end, "\r\n", 2) != 0)
            return false;
        from = digits_end + 2;
        if (len == 0)
            break;
        if (len > (size_t)(got + got_len - from))
            return false;
        memmove(to, from, len);
        to += len;
        from += len;
        if (strncmp(from, "\r\n", 2) != 0)
            return false;
        from += 2;
    }
    *to = '\0';
    return strcmp(from, "\r\n") == 0;
}

/* All n bookings, in their order, and nothing else. */
static void is_list_of(const char *body, size_t n)
{
    char expected[256];

    assert_int_equal(*body++, '[');
    for (size_t i = 1; i <= n; i++) {
        int len = snprintf(expected, sizeof(expected),
                           "%s{\"id\":\"booking-%06zu\",\"booked_on\":\"2025-01-09T00:00:00Z\","
                           "\"created_at\":\"2025-01-01T10:11:12.000345Z\",\"room_id\":\"red\"}",
                           i > 1 ? "," : "", i);
        if (strncmp(body, expected, (size_t)len) != 0)
            fail_msg("booking %zu should be %s, not %.200s", i, expected, body);
        body += len;
    }
    assert_string_equal(body, "]");
}

static void no_bookings_are_an_empty_array(void **state)
{
    (void)state;
    ask("GET /bookings" CLOSE);
    answers("200 OK", "[]");
    has("\r\nContent-Length: 2\r\n");
    has("\r\ncontent-type: application/json; charset=utf-8\r\n");
    assert_string_equal(fake.user, "me@example.org");
}

static void a_list_of_one_page_has_a_length(void **state)
{
    (void)state;
    for (fake.bookings = 1; fake.bookings <= 255; fake.bookings += 127) {
        ask("GET /bookings" CLOSE);
        has("\r\nContent-Length: ");
        lacks("\r\nTransfer-Encoding:");
        is_list_of(body_of(), fake.bookings);
    }
}

static void a_longer_list_comes_in_pieces_and_whole(void **state)
{
    static const size_t sizes[] = {256, 257, 512, 1000, 30000};

    (void)state;
    for (int later = 0; later <= 1; later++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            reset(NULL);
            fake.later = later;
            fake.bookings = sizes[i];
            ask("GET /bookings" CLOSE);
            begins("HTTP/1.1 200 OK\r\n");
            has("\r\ntransfer-encoding: chunked\r\n");
            lacks("\r\nContent-Length:");
            assert_true(join_chunks(body_of()));
            is_list_of(body_of(), sizes[i]);
            assert_int_equal(fake.asked, sizes[i] / 256 + 1);
            assert_int_equal(fake.limit_max, 256);
        }
    }
}

/* 30,000 bookings are 5 MB of text and 2 MB of rows; two pages of both are 0.1 MB. */
static void a_long_list_is_never_in_memory_at_once(void **state)
{
    uint64_t before;

    (void)state;
    fake.bookings = 1000;
    ask("GET /bookings" CLOSE); /* the loop's writer and h2o's own buffers are made */
    before = live_bytes();
    fake.bookings = 30000;
    fake.weigh_at = 29900;
    fake.live_bytes = 0;
    ask("GET /bookings" CLOSE);
    assert_in_range(fake.live_bytes, 1, before + 512 * 1024);
}

static void every_page_of_a_list_is_read_under_the_labels_of_the_request(void **state)
{
    (void)state;
    fake.labels = rt_labels_new((const char *const[]){"route", "GET /bookings"}, 1);
    assert_non_null(fake.labels);
    fake.bookings = 600;
    ask("GET /bookings" CLOSE);
    begins("HTTP/1.1 200 OK\r\n");
    assert_int_equal(fake.asked, 3);
    assert_int_equal(fake.asked_under_others, 0);
    assert_null(rt_labels_get());
}

static void a_connection_serves_on_after_a_list_in_pieces(void **state)
{
    (void)state;
    fake.bookings = 600;
    ask("GET /bookings HTTP/1.1\r\nHost: x\r\n\r\nDELETE /bookings/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /bookings/2" CLOSE);
    has("]\r\n0\r\n\r\nHTTP/1.1 204 No Content\r\n");
    has("\r\n\r\nHTTP/1.1 200 OK\r\n");
}

static void http_1_0_gets_a_list_up_to_the_end_of_the_connection(void **state)
{
    (void)state;
    fake.bookings = 1000;
    ask("GET /bookings HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    has("\r\nConnection: close\r\n");
    lacks("\r\ntransfer-encoding:");
    assert_false(got_reset);
    is_list_of(body_of(), 1000);
}

static void head_gets_no_body(void **state)
{
    (void)state;
    for (fake.bookings = 0; fake.bookings <= 1000; fake.bookings += 500) {
        fake.asked = 0;
        ask("HEAD /bookings" CLOSE);
        answers("200 OK", "");
        assert_int_equal(fake.asked, 1); /* nor are further pages read for it */
    }
}

static void a_store_that_fails_at_the_first_page_is_an_error(void **state)
{
    (void)state;
    store_answers(STORE_FAILED, "no such table: secrets");
    ask("GET /bookings" CLOSE);
    answers("500 Internal Server Error",
            "{\"code\":\"generic db err\",\"message\":\"the database could not do what was asked\"}");
    store_answers(STORE_AWAY, "cannot reach 10.0.0.1");
    ask("GET /bookings" CLOSE);
    answers("503 Service Unavailable",
            "{\"code\":\"generic db err\",\"message\":\"the database cannot be reached now\"}");
    has("\r\nretry-after: 1\r\n");
}

static void a_list_that_breaks_off_is_seen_to_be_broken(void **state)
{
    (void)state;
    for (int later = 0; later <= 1; later++) {
        store_answers(STORE_AWAY, "gone");
        fake.later = later;
        fake.bookings = 1000;
        fake.fail_after = 512;
        ask("GET /bookings HTTP/1.1\r\nHost: x\r\n\r\n");
        begins("HTTP/1.1 200 OK\r\n");
        has("booking-000512");
        lacks("booking-000513");
        assert_false(join_chunks(body_of()));
        ask("GET /bookings HTTP/1.0\r\n\r\n");
        lacks("booking-000513");
        assert_true(got_reset);
    }
}

/* The client reads nothing and leaves: pages are no longer asked for, and the request ends. */
static void a_client_that_leaves_ends_its_list(void **state)
{
    static const char request[] = "GET /bookings HTTP/1.1\r\nHost: x\r\n\r\n";
    double deadline = now_s() + 60;

    (void)state;
    for (int later = 0; later <= 1; later++) {
        int client = connect_client();
        size_t asked;

        reset(NULL);
        fake.later = later;
        fake.bookings = 10 * 1000 * 1000;
        assert_int_equal(write(client, request, strlen(request)), strlen(request));
        while (fake.asked < 3) {
            h2o_evloop_run(context.loop, 1);
            assert_true(now_s() < deadline);
        }
        assert_int_equal(web.requests, 1);
        close(client);
        while (web.requests != 0) {
            h2o_evloop_run(context.loop, 1);
            assert_true(now_s() < deadline);
        }
        asked = fake.asked;
        assert_true(asked < fake.bookings / 256);
        for (int turn = 0; turn < 5; turn++)
            h2o_evloop_run(context.loop, 1);
        assert_int_equal(fake.asked, asked);
    }
}

/* ---- one booking ----------------------------------------------------------------------------- */

static void one_booking_is_answered_to_the_byte(void **state)
{
    (void)state;
    for (int later = 0; later <= 1; later++) {
        fake.later = later;
        ask("GET /bookings/1" CLOSE);
        answers("200 OK", "{\"id\":\"booking-000001\",\"booked_on\":\"2025-01-09T00:00:00Z\","
                          "\"created_at\":\"2025-01-01T10:11:12.000345Z\",\"room_id\":\"red\"}");
        assert_string_equal(fake.id, "some-id");
    }
    store_answers(STORE_NOT_FOUND, "");
    ask("GET /bookings/1" CLOSE);
    answers("404 Not Found", "{\"code\":\"the object with the requested id is not found\","
                             "\"message\":\"no booking of yours has this id\"}");
}

static void deleting_answers_nothing(void **state)
{
    (void)state;
    for (int later = 0; later <= 1; later++) {
        fake.later = later;
        ask("DELETE /bookings/1" CLOSE);
        answers("204 No Content", "");
        lacks("\r\nContent-Length:");
        lacks("\r\nContent-Type:");
        lacks("\r\nTransfer-Encoding:");
        assert_string_equal(fake.id, "some-id");
    }
    store_answers(STORE_NOT_FOUND, "");
    ask("DELETE /bookings/1" CLOSE);
    begins("HTTP/1.1 404 Not Found\r\n");
}

/* ---- adding ---------------------------------------------------------------------------------- */

#define ADD_RED                                                                                                        \
    "POST /bookings" BODY(                                                                                             \
        "42") "Content-Type: application/json\r\n\r\n{\"room_id\":\"red\",\"booked_on\":\"2025-01-09\"}"

static void matches_shape(const char *text, const char *shape)
{
    assert_int_equal(strlen(text), strlen(shape));
    for (size_t i = 0; shape[i] != '\0'; i++) {
        bool ok = shape[i] == 'x'   ? strchr("0123456789abcdef", text[i]) != NULL
                  : shape[i] == '0' ? strchr("0123456789", text[i]) != NULL
                                    : text[i] == shape[i];
        if (!ok)
            fail_msg("%s should look like %s", text, shape);
    }
}

static void a_new_booking_gets_an_id_and_a_stamp(void **state)
{
    char body[128];
    char before[STAMP_SIZE];
    char after[STAMP_SIZE];
    char first[64];

    (void)state;
    for (int later = 0; later <= 1; later++) {
        fake.later = later;
        stamp_format(before, stamp_now_us());
        ask(ADD_RED);
        stamp_format(after, stamp_now_us());
        snprintf(body, sizeof(body), "{\"id\":\"%s\"}", fake.added.id);
        answers("201 Created", body);
        matches_shape(fake.added.id, "xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx");
        assert_string_equal(fake.added.room_id, "red");
        assert_string_equal(fake.added.booked_on, "2025-01-09");
        matches_shape(fake.added.created_at, "0000-00-00T00:00:00.000000Z");
        assert_true(strcmp(before, fake.added.created_at) <= 0 && strcmp(fake.added.created_at, after) <= 0);
        assert_string_equal(fake.user, "me@example.org");
        if (later == 0)
            snprintf(first, sizeof(first), "%s", fake.added.id);
    }
    assert_string_not_equal(first, fake.added.id);
}

static void a_form_adds_a_booking_as_well(void **state)
{
    (void)state;
    ask("POST /bookings" BODY("32") "content-type: application/x-www-form-urlencoded\r\n\r\n"
                                    "room_id=red&booked_on=2025-02-28");
    begins("HTTP/1.1 201 Created\r\n");
    assert_string_equal(fake.added.booked_on, "2025-02-28");
}

static void what_the_store_refuses_has_a_status_of_its_own(void **state)
{
    (void)state;
    store_answers(STORE_NOT_FOUND, "");
    ask(ADD_RED);
    answers("404 Not Found",
            "{\"code\":\"the object with the requested id is not found\",\"message\":\"no room has this id\"}");
    store_answers(STORE_TAKEN, "");
    ask(ADD_RED);
    answers("409 Conflict", "{\"code\":\"room not available on the requested day\","
                            "\"message\":\"the room is booked on that day already\"}");
    store_answers(STORE_NO_USER, "");
    ask(ADD_RED);
    answers("401 Unauthorized",
            "{\"code\":\"the jwt token is not valid\",\"message\":\"the user of the token does not exist\"}");
    has("\r\nwww-authenticate: Bearer\r\n");
    store_answers(STORE_AWAY, "lost");
    ask(ADD_RED);
    begins("HTTP/1.1 503 Service Unavailable\r\n");
    has("\r\nretry-after: 1\r\n");
    store_answers(STORE_FAILED, "disk I/O error");
    ask(ADD_RED);
    begins("HTTP/1.1 500 Internal Server Error\r\n");
    lacks("disk");
}

static void a_bad_request_does_not_reach_the_store(void **state)
{
    (void)state;
    ask("POST /bookings" BODY("42") "\r\n{\"room_id\":\"red\",\"booked_on\":\"2025-01-09\"}");
    begins("HTTP/1.1 415 Unsupported Media Type\r\n");
    has("{\"code\":\"unsupported media type\",");
    ask("POST /bookings" BODY("0") "Content-Type: application/json\r\n\r\n");
    answers("400 Bad Request", "{\"code\":\"body validation\",\"message\":\"the body is empty\"}");
    ask("POST /bookings HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n");
    answers("400 Bad Request", "{\"code\":\"body validation\",\"message\":\"the body is empty\"}");
    ask("POST /bookings" BODY("13") "Content-Type: application/json\r\n\r\n{\"room_id\":1}");
    answers("400 Bad Request", "{\"code\":\"body validation\",\"message\":\"room_id must be a string, got a number\"}");
    ask("POST /bookings" BODY("42") "Content-Type: application/json\r\n\r\n"
                                    "{\"room_id\":\"red\",\"booked_on\":\"2025-02-30\"}");
    begins("HTTP/1.1 400 Bad Request\r\n");
    has("{\"code\":\"date has a wrong format. Expected YYYY-mm-DD\",");
    assert_int_equal(fake.asked, 0);
}

/* ---- stamps ---------------------------------------------------------------------------------- */

static void stamps_are_rfc_3339_with_all_decimals(void **state)
{
    char text[STAMP_SIZE];

    (void)state;
    stamp_format(text, 0);
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
    stamp_format(text, 1736417472123456);
    assert_string_equal(text, "2025-01-09T10:11:12.123456Z");
    stamp_format(text, 1709251199000009);
    assert_string_equal(text, "2024-02-29T23:59:59.000009Z");
    stamp_format(text, 253402300799999999);
    assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
}

/* ---- ids ------------------------------------------------------------------------------------- */

static void ids_begin_with_their_time_and_differ(void **state)
{
    char first[UUID_STR_LEN];
    char second[UUID_STR_LEN];
    uuid_t parsed;

    (void)state;
    booking_id_make(first, 0x017F22E279B0); /* the example of RFC 9562, A.6 */
    booking_id_make(second, 0x017F22E279B0);
    assert_memory_equal(first, "017f22e2-79b0-7", 15);
    assert_memory_equal(second, first, 15);
    assert_string_not_equal(second, first);
    assert_int_equal(uuid_parse(first, parsed), 0);
    assert_int_equal(uuid_variant(parsed), UUID_VARIANT_DCE);
    booking_id_make(second, 0x017F22E279B1);
    assert_true(strcmp(first, second) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_bookings_are_an_empty_array, reset),
        cmocka_unit_test_setup(a_list_of_one_page_has_a_length, reset),
        cmocka_unit_test_setup(a_longer_list_comes_in_pieces_and_whole, reset),
        cmocka_unit_test_setup(a_long_list_is_never_in_memory_at_once, reset),
        cmocka_unit_test_setup(every_page_of_a_list_is_read_under_the_labels_of_the_request, reset),
        cmocka_unit_test_setup(a_connection_serves_on_after_a_list_in_pieces, reset),
        cmocka_unit_test_setup(http_1_0_gets_a_list_up_to_the_end_of_the_connection, reset),
        cmocka_unit_test_setup(head_gets_no_body, reset),
        cmocka_unit_test_setup(a_store_that_fails_at_the_first_page_is_an_error, reset),
        cmocka_unit_test_setup(a_list_that_breaks_off_is_seen_to_be_broken, reset),
        cmocka_unit_test_setup(a_client_that_leaves_ends_its_list, reset),
        cmocka_unit_test_setup(one_booking_is_answered_to_the_byte, reset),
        cmocka_unit_test_setup(deleting_answers_nothing, reset),
        cmocka_unit_test_setup(a_new_booking_gets_an_id_and_a_stamp, reset),
        cmocka_unit_test_setup(a_form_adds_a_booking_as_well, reset),
        cmocka_unit_test_setup(what_the_store_refuses_has_a_status_of_its_own, reset),
        cmocka_unit_test_setup(a_bad_request_does_not_reach_the_store, reset),
        cmocka_unit_test(stamps_are_rfc_3339_with_all_decimals),
        cmocka_unit_test(ids_begin_with_their_time_and_differ),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, start, NULL);
}
