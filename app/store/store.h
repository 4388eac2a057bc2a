/* store.h - where rooms and bookings are kept, whatever keeps them.
 *
 * One interface for every database. It is asynchronous: a call starts an operation and its
 * callback brings the outcome, on the event loop that asked, exactly once, and possibly before the
 * call returns (a store that answers from local files has no reason to wait). A caller therefore
 * must not touch its own state after the call as if the callback had not run.
 *
 * A store is opened once for the process; each event loop opens a session of its own and is the
 * only thread that uses it, so an implementation needs no lock on the read path.
 *
 * Rows are allocated in the scope that the caller gives and live as long as it does. The caller
 * keeps the scope (and what arg points at) alive until the callback has run.
 */
#ifndef APP_STORE_STORE_H
#define APP_STORE_STORE_H

#include "app/failure.h"
#include "cruntime.h"

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

enum store_status {
    STORE_OK,
    STORE_NOT_FOUND, /* no object with that id */
    STORE_FAILED,    /* the database could not answer; message says why */
};

struct store_result {
    enum store_status status;
    const char *message; /* "" unless STORE_FAILED; valid during the callback */
};

typedef void (*store_rooms_done)(void *arg, struct store_result result, const struct store_room *rooms, size_t n);
typedef void (*store_room_done)(void *arg, struct store_result result, const struct store_room *room);
typedef void (*store_photos_done)(void *arg, struct store_result result, const char *const *urls, size_t n);

struct store;
struct store_session;

/* What an implementation provides; see the functions below for what each must do. */
struct store_ops {
    void (*close)(struct store *store);
    int (*migrate)(struct store *store, bool reseed, struct failure *err);
    int (*session_open)(struct store *store, struct store_session **out, struct failure *err);
    void (*session_close)(struct store_session *session);
    void (*session_end_turn)(struct store_session *session);
    void (*list_rooms)(struct store_session *session, struct rt_scope *scope, const char *day, store_rooms_done done,
                       void *arg);
    void (*get_room)(struct store_session *session, struct rt_scope *scope, const char *id, store_room_done done,
                     void *arg);
    void (*list_photos)(struct store_session *session, struct rt_scope *scope, const char *room_id,
                        store_photos_done done, void *arg);
};

/* Implementations put these first in their own structs. */
struct store {
    const struct store_ops *ops;
};
struct store_session {
    const struct store_ops *ops;
};

/* store_open - opens the store that dsn names. Returns 0, or -1 with *err filled. */
int store_open(const char *dsn, struct store **out, struct failure *err);

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
static inline int store_session_open(struct store *store, struct store_session **out, struct failure *err)
{
    return store->ops->session_open(store, out, err);
}

static inline void store_session_close(struct store_session *session)
{
    session->ops->session_close(session);
}

/* store_session_end_turn - the loop has handled all that was ready and is about to sleep. What a
 * store puts off to do once for many requests, it does here. */
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

#endif
