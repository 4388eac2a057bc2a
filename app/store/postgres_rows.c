/* postgres_rows.c - from PGresult to what the callbacks of store.h take.
 *
 * Everything is copied into the operation's scope: libpq's rows die with the PGresult. Values come as
 * text; which column is what is said by the statements in postgres_queries.c.
 */
#include "app/store/postgres_rows.h"

#include "app/store/postgres_lane.h"

#include <stdlib.h>
#include <string.h>

#define TEXTS_MAX 4

/* How often a new user is tried who met another transaction with the same e-mail or username: once
 * that one is committed, the next try sees it; if it is undone, the next try succeeds. */
#define USER_TRIES_MAX 5

/* The columns from the first on, n of them, in one pointer-free block: one allocation instead of n,
 * and nothing for the collector to look at inside. */
static void take_texts(const PGresult *rows, int row, struct rt_scope *scope, int n, const char **out)
{
    size_t total = 0;
    char *end;

    for (int i = 0; i < n; i++)
        total += (size_t)PQgetlength(rows, row, i) + 1;
    end = rt_scope_alloc_atomic(scope, total);
    for (int i = 0; i < n; i++) {
        size_t size = (size_t)PQgetlength(rows, row, i) + 1;

        memcpy(end, PQgetvalue(rows, row, i), size);
        out[i] = end;
        end += size;
    }
}

static int64_t take_int(const PGresult *rows, int row, int column)
{
    return strtoll(PQgetvalue(rows, row, column), NULL, 10);
}

static bool take_bool(const PGresult *rows, int row, int column)
{
    return *PQgetvalue(rows, row, column) == 't';
}

static void take_room(const PGresult *rows, int row, struct rt_scope *scope, struct store_room *room)
{
    const char *texts[TEXTS_MAX];

    take_texts(rows, row, scope, 4, texts);
    room->id = texts[0];
    room->name = texts[1];
    room->category = texts[2];
    room->main_photo = texts[3];
    room->cost = strtod(PQgetvalue(rows, row, 4), NULL);
    room->number_of_seats = take_int(rows, row, 5);
    room->is_available = take_bool(rows, row, 6);
}

static void take_booking(const PGresult *rows, int row, struct rt_scope *scope, struct store_booking *booking)
{
    const char *texts[TEXTS_MAX];

    take_texts(rows, row, scope, 4, texts);
    booking->id = texts[0];
    booking->room_id = texts[1];
    booking->booked_on = texts[2];
    booking->created_at = texts[3];
    booking->position = take_int(rows, row, 4);
}

/* For operations on one object: the first row, or STORE_NOT_FOUND. */
static bool has_row(struct store_result *result, const PGresult *rows)
{
    if (result->status != STORE_OK)
        return false;
    if (rows != NULL && PQntuples(rows) > 0)
        return true;
    result->status = STORE_NOT_FOUND;
    return false;
}

static size_t count(const PGresult *rows)
{
    return rows != NULL ? (size_t)PQntuples(rows) : 0;
}

void postgres_finish_rooms(struct postgres_op *op, struct store_result result, const PGresult *rows)
{
    size_t n = count(rows);
    struct store_room *rooms = n != 0 ? rt_scope_alloc(op->scope, n * sizeof(*rooms)) : NULL;

    rt_trace_region_begin("database");
    for (size_t i = 0; i < n; i++)
        take_room(rows, (int)i, op->scope, &rooms[i]);
    rt_trace_region_end();
    op->done.rooms(op->arg, result, rooms, n);
}

void postgres_finish_room(struct postgres_op *op, struct store_result result, const PGresult *rows)
{
    struct store_room *room = NULL;

    rt_trace_region_begin("database");
    if (has_row(&result, rows)) {
        room = rt_scope_alloc(op->scope, sizeof(*room));
        take_room(rows, 0, op->scope, room);
    }
    rt_trace_region_end();
    op->done.room(op->arg, result, room);
}

void postgres_finish_photos(struct postgres_op *op, struct store_result result, const PGresult *rows)
{
    const char **urls = NULL;
    size_t n = 0;

    rt_trace_region_begin("database");
    if (has_row(&result, rows) && !PQgetisnull(rows, 0, 0)) {
        n = count(rows);
        urls = rt_scope_alloc(op->scope, n * sizeof(*urls));
        for (size_t i = 0; i < n; i++)
            take_texts(rows, (int)i, op->scope, 1, &urls[i]);
    }
    rt_trace_region_end();
    op->done.photos(op->arg, result, urls, n);
}

void postgres_finish_user(struct postgres_op *op, struct store_result result, const PGresult *rows)
{
    struct store_user *user = NULL;
    const char *texts[TEXTS_MAX];

    rt_trace_region_begin("database");
    if (has_row(&result, rows)) {
        user = rt_scope_alloc(op->scope, sizeof(*user));
        take_texts(rows, 0, op->scope, 4, texts);
        *user = (struct store_user){.id = texts[0], .email = texts[1], .username = texts[2], .password = texts[3]};
    }
    rt_trace_region_end();
    op->done.user(op->arg, result, user);
}

void postgres_finish_bookings(struct postgres_op *op, struct store_result result, const PGresult *rows)
{
    size_t n = count(rows);
    struct store_booking *bookings = n != 0 ? rt_scope_alloc(op->scope, n * sizeof(*bookings)) : NULL;

    rt_trace_region_begin("database");
    for (size_t i = 0; i < n; i++)
        take_booking(rows, (int)i, op->scope, &bookings[i]);
    rt_trace_region_end();
    op->done.bookings(op->arg, result, bookings, n);
}

void postgres_finish_booking(struct postgres_op *op, struct store_result result, const PGresult *rows)
{
    struct store_booking *booking = NULL;

    rt_trace_region_begin("database");
    if (has_row(&result, rows)) {
        booking = rt_scope_alloc(op->scope, sizeof(*booking));
        take_booking(rows, 0, op->scope, booking);
    }
    rt_trace_region_end();
    op->done.booking(op->arg, result, booking);
}

void postgres_finish_ping(struct postgres_op *op, struct store_result result, const PGresult *rows)
{
    (void)rows;
    op->done.plain(op->arg, result);
}

void postgres_finish_delete(struct postgres_op *op, struct store_result result, const PGresult *rows)
{
    has_row(&result, rows);
    op->done.plain(op->arg, result);
}

void postgres_finish_add_booking(struct postgres_op *op, struct store_result result, const PGresult *rows)
{
    if (has_row(&result, rows)) {
        if (!take_bool(rows, op->row, 0))
            result.status = STORE_NO_USER;
        else if (!take_bool(rows, op->row, 1))
            result.status = STORE_NOT_FOUND;
        else if (!take_bool(rows, op->row, 2))
            result.status = STORE_TAKEN;
    }
    op->done.plain(op->arg, result);
}

void postgres_finish_add_user(struct postgres_op *op, struct store_result result, const PGresult *rows)
{
    if (has_row(&result, rows) && !take_bool(rows, 0, 0)) {
        bool is_email_taken = take_bool(rows, 0, 1);
        bool is_name_taken = take_bool(rows, 0, 2);

        if (!is_email_taken && !is_name_taken && ++op->tries < USER_TRIES_MAX) {
            postgres_lane_submit(op->lane, op);
            return;
        }
        result.status = is_email_taken || !is_name_taken ? STORE_TAKEN : STORE_NAME_TAKEN;
    }
    op->done.plain(op->arg, result);
}
