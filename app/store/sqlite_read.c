/* sqlite_read.c - the reads, each answered before its function returns.
 *
 * A query is answered from the page cache of the loop's own connection in a few microseconds, which
 * is less than handing it to another thread would cost, so it runs on the loop. Every statement is
 * reset as soon as its rows are read: that ends its read transaction, so the next request sees every
 * commit made before it began. Only the lock outlives it (sqlite_read_lock.c).
 *
 * A read's cost must never grow with the number of bookings: each one walks an index.
 */
#include "app/store/sqlite_session.h"

#include <stdio.h>
#include <string.h>

#define TEXTS_MAX 4 /* text columns that come first in any statement */
#define MESSAGE_SIZE 256
#define ROOM_COLUMNS "id, name, category, main_photo, cost, number_of_seats"
#define BOOKING_COLUMNS "id, room_id, booked_on, created_at, position"
#define USER_OF "(SELECT id FROM users WHERE email = ?1)"

static const char *const sql[READS] = {
    [READ_ROOMS] = "SELECT " ROOM_COLUMNS ", 1 FROM rooms ORDER BY position",
    [READ_ROOMS_ON] = "SELECT " ROOM_COLUMNS ", NOT EXISTS (SELECT 1 FROM bookings"
                      " WHERE room_id = rooms.id AND booked_on = ?1) FROM rooms ORDER BY position",
    [READ_ROOM] = "SELECT " ROOM_COLUMNS ", 1 FROM rooms WHERE id = ?1",
    [READ_ROOM_EXISTS] = "SELECT 1 FROM rooms WHERE id = ?1",
    [READ_PHOTOS] = "SELECT url FROM photos WHERE room_id = ?1 ORDER BY position",
    [READ_USER] = "SELECT id, email, username, password FROM users WHERE username = ?1",
    [READ_BOOKINGS] = "SELECT " BOOKING_COLUMNS " FROM bookings WHERE user_id = " USER_OF
                      " AND position > ?2 ORDER BY position LIMIT ?3",
    [READ_BOOKING] = "SELECT " BOOKING_COLUMNS " FROM bookings WHERE id = ?2 AND user_id = " USER_OF,
    [READ_ANYTHING] = "SELECT 1 FROM rooms LIMIT 1",
};

int sqlite_reads_prepare(struct sqlite_session *session, const char *path, struct failure *err)
{
    return sqlite_prepare_all(session->db, path, sql, READS, session->reads, err);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* The columns from the first on, n of them, as text in one pointer-free block: one allocation
 * instead of n, and nothing for the collector to look at inside. Lives as long as the scope, unlike
 * SQLite's own text, which dies at the next step. */
static void take_texts(sqlite3_stmt *row, struct rt_scope *scope, int n, const char **out)
{
    const unsigned char *text[TEXTS_MAX];
    size_t len[TEXTS_MAX];
    size_t total = 0;
    char *end;

    for (int i = 0; i < n; i++) {
        text[i] = sqlite3_column_text(row, i); /* before bytes, so that those are of UTF-8 */
        len[i] = text[i] != NULL ? (size_t)sqlite3_column_bytes(row, i) : 0;
        total += len[i] + 1;
    }
    end = rt_scope_alloc_atomic(scope, total);
    for (int i = 0; i < n; i++) {
        out[i] = end;
        if (len[i] != 0)
            memcpy(end, text[i], len[i]);
        end[len[i]] = '\0';
        end += len[i] + 1;
    }
}

static void take_room(sqlite3_stmt *row, struct rt_scope *scope, struct store_room *room)
{
    const char *texts[4];

    take_texts(row, scope, 4, texts);
    room->id = texts[0];
    room->name = texts[1];
    room->category = texts[2];
    room->main_photo = texts[3];
    room->cost = sqlite3_column_double(row, 4);
    room->number_of_seats = sqlite3_column_int64(row, 5);
    room->is_available = sqlite3_column_int(row, 6) != 0;
}

/* The next of an array that grows by doubling from four, in the scope. */
static void *next_slot(struct rt_scope *scope, void **array, size_t n, size_t size)
{
    if (n == 0)
        *array = rt_scope_alloc(scope, 4 * size);
    else if (n >= 4 && (n & (n - 1)) == 0)
        *array = rt_scope_realloc(scope, *array, 2 * n * size);
    return (char *)*array + n * size;
}

/* Whoever begins a read finishes it, before its callback is called. */
static sqlite3_stmt *begin(struct sqlite_session *session, enum sqlite_read which)
{
    rt_trace_region_begin("database");
    return session->reads[which];
}

/* Ends the statement's read transaction. The message is taken before, it dies with the reset. */
static struct store_result finish(struct sqlite_session *session, sqlite3_stmt *statement, int rc, char *buf,
                                  size_t size)
{
    struct store_result result = {STORE_OK, ""};

    if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
        snprintf(buf, size, "%s", sqlite3_errmsg(session->db));
        result = (struct store_result){STORE_FAILED, buf};
    }
    sqlite3_reset(statement);
    rt_trace_region_end();
    return result;
}

/* ---- rooms ----------------------------------------------------------------------------------- */

void sqlite_list_rooms(struct store_session *base, struct rt_scope *scope, const char *day, store_rooms_done done,
                       void *arg)
{
    struct sqlite_session *session = (struct sqlite_session *)base;
    sqlite3_stmt *statement = begin(session, day != NULL ? READ_ROOMS_ON : READ_ROOMS);
    struct store_result result;
    char message[MESSAGE_SIZE];
    void *rooms = NULL;
    size_t n = 0;
    int rc;

    if (day != NULL)
        sqlite3_bind_text(statement, 1, day, -1, SQLITE_STATIC);
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        take_room(statement, scope, next_slot(scope, &rooms, n, sizeof(struct store_room)));
        n++;
    }
    result = finish(session, statement, rc, message, sizeof(message));
    done(arg, result, rooms, n);
}

void sqlite_get_room(struct store_session *base, struct rt_scope *scope, const char *id, store_room_done done,
                     void *arg)
{
    struct sqlite_session *session = (struct sqlite_session *)base;
    sqlite3_stmt *statement = begin(session, READ_ROOM);
    struct store_room *room = NULL;
    struct store_result result;
    char message[MESSAGE_SIZE];
    int rc;

    sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        room = rt_scope_alloc(scope, sizeof(*room));
        take_room(statement, scope, room);
    }
    result = finish(session, statement, rc, message, sizeof(message));
    if (rc == SQLITE_DONE)
        result.status = STORE_NOT_FOUND;
    done(arg, result, room);
}

void sqlite_list_photos(struct store_session *base, struct rt_scope *scope, const char *room_id, store_photos_done done,
                        void *arg)
{
    struct sqlite_session *session = (struct sqlite_session *)base;
    sqlite3_stmt *statement = begin(session, READ_PHOTOS);
    struct store_result result;
    char message[MESSAGE_SIZE];
    void *urls = NULL;
    size_t n = 0;
    int rc;

    sqlite3_bind_text(statement, 1, room_id, -1, SQLITE_STATIC);
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        take_texts(statement, scope, 1, next_slot(scope, &urls, n, sizeof(char *)));
        n++;
    }
    result = finish(session, statement, rc, message, sizeof(message));
    /* No photos: is the room there at all? Asked second because nearly every room has photos. */
    if (result.status == STORE_OK && n == 0) {
        statement = begin(session, READ_ROOM_EXISTS);
        sqlite3_bind_text(statement, 1, room_id, -1, SQLITE_STATIC);
        rc = sqlite3_step(statement);
        result = finish(session, statement, rc, message, sizeof(message));
        if (rc == SQLITE_DONE)
            result.status = STORE_NOT_FOUND;
    }
    done(arg, result, urls, n);
}

/* ---- users and their bookings ---------------------------------------------------------------- */

void sqlite_find_user(struct store_session *base, struct rt_scope *scope, const char *username, store_user_done done,
                      void *arg)
{
    struct sqlite_session *session = (struct sqlite_session *)base;
    sqlite3_stmt *statement = begin(session, READ_USER);
    struct store_user *user = NULL;
    struct store_result result;
    char message[MESSAGE_SIZE];
    const char *texts[4];
    int rc;

    sqlite3_bind_text(statement, 1, username, -1, SQLITE_STATIC);
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        take_texts(statement, scope, 4, texts);
        user = rt_scope_alloc(scope, sizeof(*user));
        *user = (struct store_user){.id = texts[0], .email = texts[1], .username = texts[2], .password = texts[3]};
    }
    result = finish(session, statement, rc, message, sizeof(message));
    if (rc == SQLITE_DONE)
        result.status = STORE_NOT_FOUND;
    done(arg, result, user);
}

static void take_booking(sqlite3_stmt *row, struct rt_scope *scope, struct store_booking *booking)
{
    const char *texts[4];

    take_texts(row, scope, 4, texts);
    booking->id = texts[0];
    booking->room_id = texts[1];
    booking->booked_on = texts[2];
    booking->created_at = texts[3];
    booking->position = sqlite3_column_int64(row, 4);
}

void sqlite_list_bookings(struct store_session *base, struct rt_scope *scope, const char *email, int64_t after,
                          size_t limit, store_bookings_done done, void *arg)
{
    struct sqlite_session *session = (struct sqlite_session *)base;
    sqlite3_stmt *statement = begin(session, READ_BOOKINGS);
    struct store_result result;
    char message[MESSAGE_SIZE];
    void *bookings = NULL;
    size_t n = 0;
    int rc;

    sqlite3_bind_text(statement, 1, email, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, after);
    sqlite3_bind_int64(statement, 3, limit < INT64_MAX ? (int64_t)limit : INT64_MAX);
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        take_booking(statement, scope, next_slot(scope, &bookings, n, sizeof(struct store_booking)));
        n++;
    }
    result = finish(session, statement, rc, message, sizeof(message));
    done(arg, result, bookings, n);
}

void sqlite_get_booking(struct store_session *base, struct rt_scope *scope, const char *email, const char *id,
                        store_booking_done done, void *arg)
{
    struct sqlite_session *session = (struct sqlite_session *)base;
    sqlite3_stmt *statement = begin(session, READ_BOOKING);
    struct store_booking *booking = NULL;
    struct store_result result;
    char message[MESSAGE_SIZE];
    int rc;

    sqlite3_bind_text(statement, 1, email, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, id, -1, SQLITE_STATIC);
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        booking = rt_scope_alloc(scope, sizeof(*booking));
        take_booking(statement, scope, booking);
    }
    result = finish(session, statement, rc, message, sizeof(message));
    if (rc == SQLITE_DONE)
        result.status = STORE_NOT_FOUND;
    done(arg, result, booking);
}

enum store_status sqlite_read_anything(struct sqlite_session *session, char *message, size_t size)
{
    sqlite3_stmt *statement = begin(session, READ_ANYTHING);

    return finish(session, statement, sqlite3_step(statement), message, size).status;
}
