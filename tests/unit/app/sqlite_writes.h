/* sqlite_writes.h - writing through a fixture's session, and what came of it. Included behind
 * cmocka.h.
 */
#ifndef TESTS_UNIT_APP_SQLITE_WRITES_H
#define TESTS_UNIT_APP_SQLITE_WRITES_H

#include "tests/unit/app/sqlite_fixture.h"

struct outcome {
    int *answers; /* counted up by each callback */
    int calls;
    enum store_status status;
    char message[100];
};

static inline void on_done(void *arg, struct store_result result)
{
    struct outcome *o = arg;

    o->calls++;
    o->status = result.status;
    snprintf(o->message, sizeof(o->message), "%s", result.message);
    if (o->answers != NULL)
        ++*o->answers;
}

static inline void book_as(struct fixture *f, struct store_session *session, const char *email, const char *room,
                           const char *day, const char *id, struct outcome *o)
{
    /* On the stack, as a caller may have it: only the texts have to outlive the call. */
    struct store_booking booking = {
        .id = id, .room_id = room, .booked_on = day, .created_at = "2025-01-09T10:11:12.123456Z"};

    store_add_booking(session, f->scope, email, &booking, on_done, o);
    memset(&booking, 0xff, sizeof(booking));
}

static inline void book(struct fixture *f, const char *room, const char *day, const char *id, struct outcome *o)
{
    book_as(f, f->session, SEED_EMAIL, room, day, id, o);
}

/* On a day of its own, so that nothing is in its way. */
static inline void book_freely(struct fixture *f, struct store_session *session, const char *prefix, int i,
                               struct outcome *o)
{
    char id[32];

    snprintf(id, sizeof(id), "%s%d", prefix, i);
    book_as(f, session, SEED_EMAIL, RED, rt_scope_strdup(f->scope, id), rt_scope_strdup(f->scope, id), o);
}

static inline void sign_up(struct fixture *f, const char *id, const char *email, const char *username,
                           struct outcome *o)
{
    struct store_user user = {.id = id, .email = email, .username = username, .password = "$hash"};

    store_add_user(f->session, f->scope, &user, on_done, o);
    memset(&user, 0xff, sizeof(user));
}

static inline void cancel_as(struct fixture *f, const char *email, const char *id, struct outcome *o)
{
    store_delete_booking(f->session, f->scope, email, id, on_done, o);
}

static inline void is(const struct outcome *o, enum store_status status)
{
    if (o->calls != 1 || o->status != status)
        fail_msg("%d calls, status %d (\"%s\"); want 1, %d", o->calls, (int)o->status, o->message, (int)status);
    if (status != STORE_AWAY && status != STORE_FAILED)
        assert_string_equal(o->message, "");
}

static inline void all_are(const struct outcome *o, int n, enum store_status status)
{
    for (int i = 0; i < n; i++)
        is(&o[i], status);
}

static inline int64_t bookings(const struct fixture *f)
{
    return number(f, "SELECT count(*) FROM bookings");
}

/* The transactions in the log since it began: its frames that carry a database size end one. */
static inline int commits(const struct fixture *f)
{
    enum { HEADER = 32, FRAME_HEADER = 24, FRAME = FRAME_HEADER + 4096 };
    unsigned char header[HEADER];
    unsigned char frame[FRAME];
    char path[128];
    FILE *log;
    int n = 0;

    snprintf(path, sizeof(path), "%s-wal", f->path);
    log = fopen(path, "r");
    assert_non_null(log);
    assert_int_equal(fread(header, 1, HEADER, log), HEADER);
    while (fread(frame, 1, FRAME, log) == FRAME && memcmp(frame + 8, header + 16, 8) == 0)
        n += (frame[4] | frame[5] | frame[6] | frame[7]) != 0;
    fclose(log);
    return n;
}

#endif
