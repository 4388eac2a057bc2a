/* sqlite_reads.h - the reads of a fixture's session, which are answered at once, and what they brought.
 * Included behind sqlite_fixture.h.
 */
#ifndef TESTS_UNIT_APP_SQLITE_READS_H
#define TESTS_UNIT_APP_SQLITE_READS_H

#include "tests/unit/app/sqlite_fixture.h"

#define INSERT_BOOKING "INSERT INTO bookings(id, room_id, booked_on, created_at, user_id) VALUES "
#define INSERT_USER "INSERT INTO users(id, email, username, password) VALUES "

struct outcome {
    int calls;
    enum store_status status;
    char message[100];
    const struct store_room *rooms;
    const char *const *urls;
    const struct store_user *user;
    const struct store_booking *bookings;
    size_t n;
};

static inline void note(struct outcome *o, struct store_result result)
{
    o->calls++;
    o->status = result.status;
    snprintf(o->message, sizeof(o->message), "%s", result.message);
}

static inline void on_rooms(void *arg, struct store_result result, const struct store_room *rooms, size_t n)
{
    struct outcome *o = arg;

    note(o, result);
    o->rooms = rooms;
    o->n = n;
}

static inline void on_room(void *arg, struct store_result result, const struct store_room *room)
{
    on_rooms(arg, result, room, room != NULL);
}

static inline void on_photos(void *arg, struct store_result result, const char *const *urls, size_t n)
{
    struct outcome *o = arg;

    note(o, result);
    o->urls = urls;
    o->n = n;
}

static inline void on_user(void *arg, struct store_result result, const struct store_user *user)
{
    struct outcome *o = arg;

    note(o, result);
    o->user = user;
}

static inline void on_bookings(void *arg, struct store_result result, const struct store_booking *bookings, size_t n)
{
    struct outcome *o = arg;

    note(o, result);
    o->bookings = bookings;
    o->n = n;
}

static inline void on_booking(void *arg, struct store_result result, const struct store_booking *booking)
{
    on_bookings(arg, result, booking, booking != NULL);
}

static inline struct outcome list(struct fixture *f, const char *day)
{
    struct outcome o = {0};

    store_list_rooms(f->session, f->scope, day, on_rooms, &o);
    assert_int_equal(o.calls, 1);
    return o;
}

static inline struct outcome get(struct fixture *f, const char *id)
{
    struct outcome o = {0};

    store_get_room(f->session, f->scope, id, on_room, &o);
    assert_int_equal(o.calls, 1);
    return o;
}

static inline struct outcome photos(struct fixture *f, const char *id)
{
    struct outcome o = {0};

    store_list_photos(f->session, f->scope, id, on_photos, &o);
    assert_int_equal(o.calls, 1);
    return o;
}

static inline struct outcome user_named(struct fixture *f, const char *username)
{
    struct outcome o = {0};

    store_find_user(f->session, f->scope, username, on_user, &o);
    assert_int_equal(o.calls, 1);
    return o;
}

static inline struct outcome bookings_of(struct fixture *f, const char *email, int64_t after, size_t limit)
{
    struct outcome o = {0};

    store_list_bookings(f->session, f->scope, email, after, limit, on_bookings, &o);
    assert_int_equal(o.calls, 1);
    return o;
}

static inline struct outcome booking(struct fixture *f, const char *email, const char *id)
{
    struct outcome o = {0};

    store_get_booking(f->session, f->scope, email, id, on_booking, &o);
    assert_int_equal(o.calls, 1);
    return o;
}

#endif
