/* sqlite_apply.c - what each write does, and how a refusal is told from a failure.
 *
 * Many writes share a transaction, and in one of those a failing statement costs all the others
 * their commit. So what a client may get wrong is never an error here: a statement inserts only
 * where the room and the user exist and nothing is in its way, and when it changed nothing, we look
 * which of the conditions it was. The lock that BEGIN IMMEDIATE took is still held then, so nothing
 * can have changed in between. Errors are left for the database's own troubles, and for an id that
 * exists already, which a random one does not.
 *
 * Overbooking. The unique index is on (booked_on, room_id, slot). Without overbooking a booking has
 * the slot '' and is made only when the room has none at all on that day; with overbooking its slot
 * is its own id, so nothing is in its way. Instances with different settings on one database thus
 * keep their own promises: the strict one adds no booking to a day that has one, whoever made it,
 * and the index holds that even against a writer that did not look.
 *
 * It must never run outside of a transaction, nor on another thread than the writer's.
 */
#include "app/store/sqlite_apply.h"

static const char *const sql[APPLY_STATEMENTS] = {
    [APPLY_BEGIN] = "BEGIN IMMEDIATE",
    [APPLY_COMMIT] = "COMMIT",
    [APPLY_ROLLBACK] = "ROLLBACK",
    [APPLY_USER] = "INSERT INTO users(id, email, username, password) VALUES (?1, ?2, ?3, ?4)"
                   " ON CONFLICT(email) DO NOTHING ON CONFLICT(username) DO NOTHING",
    [APPLY_BOOKING] = "INSERT INTO bookings(id, room_id, booked_on, created_at, slot, user_id)"
                      " SELECT ?1, rooms.id, ?3, ?4, CASE WHEN ?5 THEN ?1 ELSE '' END, users.id FROM users, rooms"
                      " WHERE users.email = ?6 AND rooms.id = ?2 AND (?5 OR NOT EXISTS"
                      " (SELECT 1 FROM bookings WHERE room_id = ?2 AND booked_on = ?3))"
                      " ON CONFLICT(room_id, booked_on, slot) DO NOTHING",
    [APPLY_DELETION] = "DELETE FROM bookings WHERE id = ?1 AND user_id = (SELECT id FROM users WHERE email = ?2)",
    [APPLY_EMAIL_EXISTS] = "SELECT 1 FROM users WHERE email = ?1",
    [APPLY_ROOM_EXISTS] = "SELECT 1 FROM rooms WHERE id = ?1",
};

int sqlite_apply_open(struct sqlite_apply *apply, sqlite3 *db, const char *path, const struct store_options *options,
                      struct failure *err)
{
    apply->overbooking = options->overbooking;
    return sqlite_prepare_all(db, path, sql, APPLY_STATEMENTS, apply->statements, err);
}

void sqlite_apply_close(struct sqlite_apply *apply)
{
    for (int i = 0; i < APPLY_STATEMENTS; i++)
        sqlite3_finalize(apply->statements[i]);
}

/* Steps a statement once and resets it. SQLITE_ROW, SQLITE_DONE or an error. */
static int run(sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);
    int at_reset = sqlite3_reset(statement);

    return rc == SQLITE_ROW || rc == SQLITE_DONE ? rc : at_reset;
}

static int done_is_ok(int rc)
{
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int sqlite_apply_begin(struct sqlite_apply *apply)
{
    return done_is_ok(run(apply->statements[APPLY_BEGIN]));
}

static void *commit(void *apply)
{
    return (void *)(intptr_t)run(((struct sqlite_apply *)apply)->statements[APPLY_COMMIT]);
}

/* No signal reaches a thread that waits for the disk, so a cycle of the collector would wait for it
 * with the world stopped, unless told not to. */
int sqlite_apply_commit(struct sqlite_apply *apply)
{
    return done_is_ok((int)(intptr_t)rt_thread_block(commit, apply));
}

void sqlite_apply_rollback(struct sqlite_apply *apply)
{
    run(apply->statements[APPLY_ROLLBACK]);
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

static int exists(sqlite3_stmt *statement, const char *key, bool *answer)
{
    int rc;

    bind_text(statement, 1, key);
    rc = run(statement);
    *answer = rc == SQLITE_ROW;
    return rc == SQLITE_ROW ? SQLITE_OK : done_is_ok(rc);
}

/* Runs one that changes at most a row; *changed says whether it did. */
static int change(sqlite3_stmt *statement, bool *changed)
{
    int rc = run(statement);

    *changed = rc == SQLITE_DONE && sqlite3_changes(sqlite3_db_handle(statement)) > 0;
    return done_is_ok(rc);
}

static int add_user(struct sqlite_apply *apply, struct sqlite_write *write)
{
    sqlite3_stmt *statement = apply->statements[APPLY_USER];
    const struct store_user *user = &write->user;
    bool added;
    bool taken;
    int rc;

    bind_text(statement, 1, user->id);
    bind_text(statement, 2, user->email);
    bind_text(statement, 3, user->username);
    bind_text(statement, 4, user->password);
    rc = change(statement, &added);
    write->status = STORE_OK;
    if (rc != SQLITE_OK || added)
        return rc;
    rc = exists(apply->statements[APPLY_EMAIL_EXISTS], user->email, &taken);
    write->status = taken ? STORE_TAKEN : STORE_NAME_TAKEN;
    return rc;
}

/* In this order: who may not book at all is not told what there is. */
static int why_not_booked(struct sqlite_apply *apply, struct sqlite_write *write)
{
    bool user;
    bool room = false;
    int rc = exists(apply->statements[APPLY_EMAIL_EXISTS], write->email, &user);

    if (rc == SQLITE_OK)
        rc = exists(apply->statements[APPLY_ROOM_EXISTS], write->booking.room_id, &room);
    write->status = !user ? STORE_NO_USER : !room ? STORE_NOT_FOUND : STORE_TAKEN;
    return rc;
}

static int add_booking(struct sqlite_apply *apply, struct sqlite_write *write)
{
    sqlite3_stmt *statement = apply->statements[APPLY_BOOKING];
    const struct store_booking *booking = &write->booking;
    bool added;
    int rc;

    bind_text(statement, 1, booking->id);
    bind_text(statement, 2, booking->room_id);
    bind_text(statement, 3, booking->booked_on);
    bind_text(statement, 4, booking->created_at);
    sqlite3_bind_int(statement, 5, apply->overbooking);
    bind_text(statement, 6, write->email);
    rc = change(statement, &added);
    write->status = STORE_OK;
    return rc != SQLITE_OK || added ? rc : why_not_booked(apply, write);
}

static int delete_booking(struct sqlite_apply *apply, struct sqlite_write *write)
{
    sqlite3_stmt *statement = apply->statements[APPLY_DELETION];
    bool deleted;
    int rc;

    bind_text(statement, 1, write->booking.id);
    bind_text(statement, 2, write->email);
    rc = change(statement, &deleted);
    write->status = deleted ? STORE_OK : STORE_NOT_FOUND;
    return rc;
}

int sqlite_apply_write(struct sqlite_apply *apply, struct sqlite_write *write)
{
    switch (write->kind) {
    case WRITE_USER:
        return add_user(apply, write);
    case WRITE_BOOKING:
        return add_booking(apply, write);
    case WRITE_DELETION:
        return delete_booking(apply, write);
    case WRITE_NOTHING:
        break;
    }
    write->status = STORE_OK;
    return SQLITE_OK;
}
