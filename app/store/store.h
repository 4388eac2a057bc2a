/* store.h - where rooms, users and bookings are kept, whatever keeps them.
 *
 * One interface for every database. It is asynchronous: a call starts an operation and its
 * callback brings the outcome, on the event loop that asked, exactly once, and possibly before the
 * call returns (a store that answers from local files has no reason to wait). A caller therefore
 * must not touch its own state after the call as if the callback had not run.
 *
 * STORE_OK of an operation that writes means: on disk. Whatever happens to this process, or to the
 * machine, from then on, the next reader finds it. STORE_AWAY of one that writes means that nobody
 * knows whether it took place.
 *
 * A store is opened once for the process; each event loop opens a session of its own and is the
 * only thread that uses it, so an implementation needs no lock on the read path.
 *
 * Arguments and rows belong to the scope that the caller gives: texts handed to an operation live
 * in it (or are static), rows are allocated in it. The caller keeps the scope, and what arg points
 * at, alive until the callback has run.
 */
#ifndef APP_STORE_STORE_H
#define APP_STORE_STORE_H

#include "app/failure.h"
#include "cruntime.h"

#include <h2o.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_room {
    const char *id;
    const char *name;
    const char *category;
    const char *main_photo;
    double cost;
    int64_t number_of_seats;
    bool is_available; /* on the day that was asked for; true when none was */
};

struct store_user {
    const char *id;
    const char *email;    /* unique */
    const char *username; /* unique, since it is what one logs in with */
    const char *password; /* as crypt(3) hashed it */
};

struct store_booking {
    const char *id;
    const char *room_id;
    const char *booked_on;  /* YYYY-MM-DD */
    const char *created_at; /* RFC 3339 in UTC with six decimals: 2025-01-09T10:11:12.123456Z */
    int64_t position;       /* grows with every booking; set by the store */
};

enum store_status {
    STORE_OK,
    STORE_NOT_FOUND,  /* no object with that id, or not the caller's */
    STORE_TAKEN,      /* the e-mail of a new user, or the room on that day */
    STORE_NAME_TAKEN, /* the username of a new user */
    STORE_NO_USER,    /* whoever makes a booking is not a user (any more) */
    STORE_AWAY,       /* the database cannot be reached now, or was lost meanwhile: try again later */
    STORE_FAILED,     /* the database could not answer; message says why */
};

struct store_result {
    enum store_status status;
    const char *message; /* "" unless STORE_AWAY or STORE_FAILED; valid during the callback */
};

typedef void (*store_done)(void *arg, struct store_result result);
typedef void (*store_user_done)(void *arg, struct store_result result, const struct store_user *user);
typedef void (*store_booking_done)(void *arg, struct store_result result, const struct store_booking *booking);
typedef void (*store_bookings_done)(void *arg, struct store_result result, const struct store_booking *bookings,
                                    size_t n);

typedef void (*store_rooms_done)(void *arg, struct store_result result, const struct store_room *rooms, size_t n);
typedef void (*store_room_done)(void *arg, struct store_result result, const struct store_room *room);
typedef void (*store_photos_done)(void *arg, struct store_result result, const char *const *urls, size_t n);

struct store;
struct store_session;

struct store_options {
    bool overbooking; /* a room may be booked any number of times on a day */
};

/* The event loop that a session works for. */
struct store_loop {
    h2o_loop_t *events;             /* sockets and timeouts */
    h2o_multithread_queue_t *queue; /* messages from other threads */
};

/* What an implementation provides; see the functions below for what each must do. */
struct store_ops {
    void (*close)(struct store *store);
    int (*migrate)(struct store *store, bool reseed, struct failure *err);
    int (*session_open)(struct store *store, const struct store_loop *loop, struct store_session **out,
                        struct failure *err);
    void (*session_close)(struct store_session *session);
    void (*session_end_turn)(struct store_session *session);
    void (*list_rooms)(struct store_session *session, struct rt_scope *scope, const char *day, store_rooms_done done,
                       void *arg);
    void (*get_room)(struct store_session *session, struct rt_scope *scope, const char *id, store_room_done done,
                     void *arg);
    void (*list_photos)(struct store_session *session, struct rt_scope *scope, const char *room_id,
                        store_photos_done done, void *arg);
    void (*find_user)(struct store_session *session, struct rt_scope *scope, const char *username, store_user_done done,
                      void *arg);
    void (*add_user)(struct store_session *session, struct rt_scope *scope, const struct store_user *user,
                     store_done done, void *arg);
    void (*list_bookings)(struct store_session *session, struct rt_scope *scope, const char *email, int64_t after,
                          size_t limit, store_bookings_done done, void *arg);
    void (*get_booking)(struct store_session *session, struct rt_scope *scope, const char *email, const char *id,
                        store_booking_done done, void *arg);
    void (*add_booking)(struct store_session *session, struct rt_scope *scope, const char *email,
                        const struct store_booking *booking, store_done done, void *arg);
    void (*delete_booking)(struct store_session *session, struct rt_scope *scope, const char *email, const char *id,
                           store_done done, void *arg);
    void (*ping)(struct store_session *session, struct rt_scope *scope, store_done done, void *arg);
};

/* Implementations put these first in their own structs. */
struct store {
    const struct store_ops *ops;
};
struct store_session {
    const struct store_ops *ops;
};

/* store_open - opens the store that dsn names: a path or sqlite:PATH, or what libpq takes
 * (postgres://..., postgresql://..., key=value). Returns 0, or -1 with *err filled; the message never
 * holds a password. */
int store_open(const char *dsn, const struct store_options *options, struct store **out, struct failure *err);

/* store_close - every session must have been closed. */
static inline void store_close(struct store *store)
{
    store->ops->close(store);
}

/* store_migrate - brings the schema to this program's version, fills an empty database with the
 * seed data, and with reseed wipes all rows first. Safe when several processes do it at once. */
static inline int store_migrate(struct store *store, bool reseed, struct failure *err)
{
    return store->ops->migrate(store, reseed, err);
}

/* store_session_open - called on the thread that will use the session. */
static inline int store_session_open(struct store *store, const struct store_loop *loop, struct store_session **out,
                                     struct failure *err)
{
    return store->ops->session_open(store, loop, out, err);
}

/* store_session_close - waits for writes under way; callbacks that have not run will not run. */
static inline void store_session_close(struct store_session *session)
{
    session->ops->session_close(session);
}

/* store_session_end_turn - the loop has handled all that was ready and is about to sleep. What a
 * store puts off to do once for many requests, it does here. It calls no callback: what h2o is told
 * to send outside of its own run would lie there until something else wakes the loop. */
static inline void store_session_end_turn(struct store_session *session)
{
    session->ops->session_end_turn(session);
}

/* store_list_rooms - all rooms in seed order. day is NULL or a real YYYY-MM-DD; with it a room
 * booked on that day is not available. */
static inline void store_list_rooms(struct store_session *session, struct rt_scope *scope, const char *day,
                                    store_rooms_done done, void *arg)
{
    session->ops->list_rooms(session, scope, day, done, arg);
}

static inline void store_get_room(struct store_session *session, struct rt_scope *scope, const char *id,
                                  store_room_done done, void *arg)
{
    session->ops->get_room(session, scope, id, done, arg);
}

/* store_list_photos - the further photos of a room, in order; STORE_NOT_FOUND without that room. */
static inline void store_list_photos(struct store_session *session, struct rt_scope *scope, const char *room_id,
                                     store_photos_done done, void *arg)
{
    session->ops->list_photos(session, scope, room_id, done, arg);
}

/* store_find_user - by username. */
static inline void store_find_user(struct store_session *session, struct rt_scope *scope, const char *username,
                                   store_user_done done, void *arg)
{
    session->ops->find_user(session, scope, username, done, arg);
}

/* store_add_user - STORE_TAKEN when the e-mail is, STORE_NAME_TAKEN when the username is. */
static inline void store_add_user(struct store_session *session, struct rt_scope *scope, const struct store_user *user,
                                  store_done done, void *arg)
{
    session->ops->add_user(session, scope, user, done, arg);
}

/* store_list_bookings - of the user with that e-mail, in the order in which they were made: at most
 * limit of them whose position is greater than after (0: from the first). */
static inline void store_list_bookings(struct store_session *session, struct rt_scope *scope, const char *email,
                                       int64_t after, size_t limit, store_bookings_done done, void *arg)
{
    session->ops->list_bookings(session, scope, email, after, limit, done, arg);
}

/* store_get_booking - one of that user's; another's is STORE_NOT_FOUND. */
static inline void store_get_booking(struct store_session *session, struct rt_scope *scope, const char *email,
                                     const char *id, store_booking_done done, void *arg)
{
    session->ops->get_booking(session, scope, email, id, done, arg);
}

/* store_add_booking - for the user with that e-mail. STORE_NOT_FOUND: no such room; STORE_TAKEN: it is
 * booked on that day (never with overbooking); STORE_NO_USER. */
static inline void store_add_booking(struct store_session *session, struct rt_scope *scope, const char *email,
                                     const struct store_booking *booking, store_done done, void *arg)
{
    session->ops->add_booking(session, scope, email, booking, done, arg);
}

/* store_delete_booking - one of that user's; another's is STORE_NOT_FOUND. */
static inline void store_delete_booking(struct store_session *session, struct rt_scope *scope, const char *email,
                                        const char *id, store_done done, void *arg)
{
    session->ops->delete_booking(session, scope, email, id, done, arg);
}

/* store_ping - STORE_OK when the store would answer reads and take writes now. */
static inline void store_ping(struct store_session *session, struct rt_scope *scope, store_done done, void *arg)
{
    session->ops->ping(session, scope, done, arg);
}

#endif
