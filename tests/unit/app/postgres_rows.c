/* postgres_rows.c - rows of libpq, made by hand, become what the callbacks of the store take. */
#include "app/store/postgres_rows.h"

#include "app/store/postgres_lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 8

struct outcome {
    int calls;
    enum store_status status;
    const void *rows;
    size_t n;
};

static struct rt_scope *scope;

/* Rows of texts; NULL is SQL's NULL. A row ends after the given number of columns. */
static PGresult *rows_of(int columns, int n, const char *const texts[])
{
    PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc attributes[COLUMNS_MAX] = {{.name = NULL}};

    for (int i = 0; i < columns; i++)
        attributes[i].name = (char *)"column";
    assert_int_equal(PQsetResultAttrs(rows, columns, attributes), 1);
    for (int i = 0; i < n * columns; i++) {
        int len = texts[i] != NULL ? (int)strlen(texts[i]) : -1;

        assert_int_equal(PQsetvalue(rows, i / columns, i % columns, (char *)texts[i], len), 1);
    }
    return rows;
}

static void on_plain(void *arg, struct store_result result)
{
    struct outcome *o = arg;

    o->calls++;
    o->status = result.status;
}

static void on_rows(struct outcome *o, struct store_result result, const void *rows, size_t n)
{
    on_plain(o, result);
    o->rows = rows;
    o->n = n;
}

static void on_rooms(void *arg, struct store_result result, const struct store_room *rooms, size_t n)
{
    on_rows(arg, result, rooms, n);
}

static void on_room(void *arg, struct store_result result, const struct store_room *one)
{
    on_rows(arg, result, one, one != NULL);
}

static void on_photos(void *arg, struct store_result result, const char *const *urls, size_t n)
{
    on_rows(arg, result, urls, n);
}

static void on_user(void *arg, struct store_result result, const struct store_user *user)
{
    on_rows(arg, result, user, user != NULL);
}

static void on_bookings(void *arg, struct store_result result, const struct store_booking *bookings, size_t n)
{
    on_rows(arg, result, bookings, n);
}

static void on_booking(void *arg, struct store_result result, const struct store_booking *booking)
{
    on_rows(arg, result, booking, booking != NULL);
}

/* Runs finish over the rows, and frees them before anything is looked at. */
static struct outcome finished(struct postgres_op *op, enum postgres_query_name name, enum store_status status,
                               PGresult *rows)
{
    struct outcome outcome = {.calls = 0};

    op->query = &postgres_queries[name];
    op->scope = scope;
    op->arg = &outcome;
    op->query->finish(op, (struct store_result){status, ""}, rows);
    PQclear(rows);
    assert_int_equal(outcome.calls, 1);
    op->arg = NULL;
    return outcome;
}

static void rooms_are_read_column_by_column(void **state)
{
    static const char *const texts[] = {"id1", "Green", "Open \xc3\xa4", "/g.jpg",    "12.5", "4", "t", "id2", "",
                                        "c",   "",      "0.1",           "214748364", "f"};
    struct postgres_op op = {.done.rooms = on_rooms};
    struct outcome o = finished(&op, POSTGRES_LIST_ROOMS, STORE_OK, rows_of(7, 2, texts));
    const struct store_room *rooms = o.rows;

    (void)state;
    assert_int_equal(o.status, STORE_OK);
    assert_int_equal(o.n, 2);
    assert_string_equal(rooms[0].id, "id1");
    assert_string_equal(rooms[0].name, "Green");
    assert_string_equal(rooms[0].category, "Open \xc3\xa4");
    assert_string_equal(rooms[0].main_photo, "/g.jpg");
    assert_true(rooms[0].cost == 12.5);
    assert_int_equal(rooms[0].number_of_seats, 4);
    assert_true(rooms[0].is_available);
    assert_string_equal(rooms[1].main_photo, "");
    assert_true(rooms[1].cost == 0.1);
    assert_int_equal(rooms[1].number_of_seats, 214748364);
    assert_false(rooms[1].is_available);
}

static void no_row_is_an_empty_list_but_no_object(void **state)
{
    struct postgres_op op = {.done.rooms = on_rooms};
    struct outcome o = finished(&op, POSTGRES_LIST_ROOMS, STORE_OK, rows_of(7, 0, NULL));

    (void)state;
    assert_int_equal(o.status, STORE_OK);
    assert_int_equal(o.n, 0);
    op.done.room = on_room;
    assert_int_equal(finished(&op, POSTGRES_GET_ROOM, STORE_OK, rows_of(7, 0, NULL)).status, STORE_NOT_FOUND);
    op.done.user = on_user;
    assert_int_equal(finished(&op, POSTGRES_FIND_USER, STORE_OK, rows_of(4, 0, NULL)).status, STORE_NOT_FOUND);
    op.done.booking = on_booking;
    assert_int_equal(finished(&op, POSTGRES_GET_BOOKING, STORE_OK, rows_of(5, 0, NULL)).status, STORE_NOT_FOUND);
    op.done.plain = on_plain;
    assert_int_equal(finished(&op, POSTGRES_DELETE_BOOKING, STORE_OK, rows_of(1, 0, NULL)).status, STORE_NOT_FOUND);
}

static void a_room_without_photos_is_not_a_missing_room(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const two[] = {"/1.jpg", "/2.jpg"};
    struct postgres_op op = {.done.photos = on_photos};
    struct outcome o = finished(&op, POSTGRES_LIST_PHOTOS, STORE_OK, rows_of(1, 1, none));

    (void)state;
    assert_int_equal(o.status, STORE_OK);
    assert_int_equal(o.n, 0);
    assert_int_equal(finished(&op, POSTGRES_LIST_PHOTOS, STORE_OK, rows_of(1, 0, NULL)).status, STORE_NOT_FOUND);
    o = finished(&op, POSTGRES_LIST_PHOTOS, STORE_OK, rows_of(1, 2, two));
    assert_int_equal(o.n, 2);
    assert_string_equal(((const char *const *)o.rows)[1], "/2.jpg");
}

static void a_user_and_bookings_are_read(void **state)
{
    static const char *const user[] = {"id", "a@b", "ab", "$y$hash"};
    static const char *const booking[] = {"id", "room", "0000-01-01", "2025-01-09T10:11:12.000000Z",
                                          "9223372036854775807"};
    struct postgres_op op = {.done.user = on_user};
    struct outcome o = finished(&op, POSTGRES_FIND_USER, STORE_OK, rows_of(4, 1, user));
    const struct store_user *u = o.rows;
    const struct store_booking *b;

    (void)state;
    assert_string_equal(u->id, "id");
    assert_string_equal(u->email, "a@b");
    assert_string_equal(u->username, "ab");
    assert_string_equal(u->password, "$y$hash");
    op.done.bookings = on_bookings;
    o = finished(&op, POSTGRES_LIST_BOOKINGS, STORE_OK, rows_of(5, 1, booking));
    assert_int_equal(o.n, 1);
    b = o.rows;
    assert_string_equal(b->id, "id");
    assert_string_equal(b->room_id, "room");
    assert_string_equal(b->booked_on, "0000-01-01");
    assert_string_equal(b->created_at, "2025-01-09T10:11:12.000000Z");
    assert_true(b->position == INT64_MAX);
}

static void a_booking_is_told_what_was_found(void **state)
{
    static const struct {
        const char *texts[3]; /* user, room, made */
        enum store_status status;
    } rows[] = {
        {{"t", "t", "t"}, STORE_OK},      {{"t", "t", "f"}, STORE_TAKEN},   {{"t", "f", "f"}, STORE_NOT_FOUND},
        {{"f", "t", "f"}, STORE_NO_USER}, {{"f", "f", "f"}, STORE_NO_USER},
    };
    struct postgres_op op = {.done.plain = on_plain};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(finished(&op, POSTGRES_ADD_BOOKING, STORE_OK, rows_of(3, 1, rows[i].texts)).status,
                         rows[i].status);
}

static void a_new_user_is_told_what_was_found(void **state)
{
    static const struct {
        const char *texts[3]; /* made, e-mail taken, username taken */
        enum store_status status;
    } rows[] = {
        {{"t", "f", "f"}, STORE_OK},
        {{"f", "t", "f"}, STORE_TAKEN},
        {{"f", "f", "t"}, STORE_NAME_TAKEN},
        {{"f", "t", "t"}, STORE_TAKEN},
    };
    struct postgres_op op = {.done.plain = on_plain};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(finished(&op, POSTGRES_ADD_USER, STORE_OK, rows_of(3, 1, rows[i].texts)).status,
                         rows[i].status);
}

/* The lane has no connection, so being asked again shows as STORE_AWAY. */
static void a_new_user_who_met_another_transaction_is_tried_again(void **state)
{
    static const char *const unseen[] = {"f", "f", "f"};
    struct postgres_lane lane = {.loop = h2o_evloop_create()};
    struct postgres_op op = {.done.plain = on_plain, .lane = &lane, .params = {"i", "e", "u", "p"}};

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(finished(&op, POSTGRES_ADD_USER, STORE_OK, rows_of(3, 1, unseen)).status, STORE_AWAY);
    assert_int_equal(finished(&op, POSTGRES_ADD_USER, STORE_OK, rows_of(3, 1, unseen)).status, STORE_TAKEN);
}

static void a_failure_is_passed_on_without_rows(void **state)
{
    struct postgres_op op = {.done.rooms = on_rooms};

    (void)state;
    assert_int_equal(finished(&op, POSTGRES_LIST_ROOMS, STORE_AWAY, NULL).status, STORE_AWAY);
    op.done.room = on_room;
    assert_int_equal(finished(&op, POSTGRES_GET_ROOM, STORE_FAILED, NULL).status, STORE_FAILED);
    op.done.photos = on_photos;
    assert_int_equal(finished(&op, POSTGRES_LIST_PHOTOS, STORE_AWAY, NULL).status, STORE_AWAY);
    op.done.plain = on_plain;
    assert_int_equal(finished(&op, POSTGRES_ADD_BOOKING, STORE_AWAY, NULL).status, STORE_AWAY);
    assert_int_equal(finished(&op, POSTGRES_ADD_USER, STORE_FAILED, NULL).status, STORE_FAILED);
    assert_int_equal(finished(&op, POSTGRES_PING, STORE_AWAY, NULL).status, STORE_AWAY);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rooms_are_read_column_by_column),
        cmocka_unit_test(no_row_is_an_empty_list_but_no_object),
        cmocka_unit_test(a_room_without_photos_is_not_a_missing_room),
        cmocka_unit_test(a_user_and_bookings_are_read),
        cmocka_unit_test(a_booking_is_told_what_was_found),
        cmocka_unit_test(a_new_user_is_told_what_was_found),
        cmocka_unit_test(a_new_user_who_met_another_transaction_is_tried_again),
        cmocka_unit_test(a_failure_is_passed_on_without_rows),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
