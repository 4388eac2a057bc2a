/* sqlite_apply.h - the statements of the writing connection. Used by the writer's thread only. */
#ifndef APP_STORE_SQLITE_APPLY_H
#define APP_STORE_SQLITE_APPLY_H

#include "app/store/sqlite.h"
#include "app/store/sqlite_writer.h"

enum sqlite_apply_statement {
    APPLY_BEGIN,
    APPLY_COMMIT,
    APPLY_ROLLBACK,
    APPLY_USER,
    APPLY_BOOKING,
    APPLY_DELETION,
    APPLY_EMAIL_EXISTS,
    APPLY_ROOM_EXISTS,
    APPLY_STATEMENTS
};

struct sqlite_apply {
    sqlite3_stmt *statements[APPLY_STATEMENTS];
    bool overbooking;
};

/* sqlite_apply_open - prepares the statements. Returns 0, or -1 with *err filled. */
int sqlite_apply_open(struct sqlite_apply *apply, sqlite3 *db, const char *path, const struct store_options *options,
                      struct failure *err);
void sqlite_apply_close(struct sqlite_apply *apply);

/* sqlite_apply_begin, _commit, _rollback - SQLITE_OK or SQLite's error code. */
int sqlite_apply_begin(struct sqlite_apply *apply);
int sqlite_apply_commit(struct sqlite_apply *apply);
void sqlite_apply_rollback(struct sqlite_apply *apply);

/* sqlite_apply_write - within a transaction. SQLITE_OK: write->status says what became of it, a
 * refusal included, and holds once the transaction is committed. Otherwise SQLite's error code: the
 * transaction has to be rolled back. */
int sqlite_apply_write(struct sqlite_apply *apply, struct sqlite_write *write);

#endif
