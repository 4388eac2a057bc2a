/* sqlite_session.h - what one event loop has of the SQLite store, and the reads that are done on it
 * (store.h says what each must do). Only the loop's thread touches it.
 */
#ifndef APP_STORE_SQLITE_SESSION_H
#define APP_STORE_SQLITE_SESSION_H

#include "app/store/sqlite.h"
#include "app/store/sqlite_read_lock.h"
#include "app/store/sqlite_writer.h"

enum sqlite_read {
    READ_ROOMS,
    READ_ROOMS_ON,
    READ_ROOM,
    READ_ROOM_EXISTS,
    READ_PHOTOS,
    READ_USER,
    READ_BOOKINGS,
    READ_BOOKING,
    READ_ANYTHING,
    READS
};

struct sqlite_session {
    struct store_session base;
    sqlite3 *db;
    struct sqlite_read_lock *read_lock;
    sqlite3_stmt *reads[READS];
    struct sqlite_outbox outbox; /* writes, until the writer has answered them */
};

/* sqlite_reads_prepare - 0, or -1 with *err filled. */
int sqlite_reads_prepare(struct sqlite_session *session, const char *path, struct failure *err);

void sqlite_list_rooms(struct store_session *session, struct rt_scope *scope, const char *day, store_rooms_done done,
                       void *arg);
void sqlite_get_room(struct store_session *session, struct rt_scope *scope, const char *id, store_room_done done,
                     void *arg);
void sqlite_list_photos(struct store_session *session, struct rt_scope *scope, const char *room_id,
                        store_photos_done done, void *arg);
void sqlite_find_user(struct store_session *session, struct rt_scope *scope, const char *username, store_user_done done,
                      void *arg);
void sqlite_list_bookings(struct store_session *session, struct rt_scope *scope, const char *email, int64_t after,
                          size_t limit, store_bookings_done done, void *arg);
void sqlite_get_booking(struct store_session *session, struct rt_scope *scope, const char *email, const char *id,
                        store_booking_done done, void *arg);

/* sqlite_read_anything - the reading half of a ping: STORE_OK, or what is wrong in message. */
enum store_status sqlite_read_anything(struct sqlite_session *session, char *message, size_t size);

#endif
