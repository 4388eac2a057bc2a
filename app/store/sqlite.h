/* sqlite.h - the SQLite store, as its own parts see it; the rest of the application knows store.h.
 *
 *   sqlite.c            opening, sessions, and where each operation goes
 *   sqlite_read.c       the reads, on the read connection of each event loop
 *   sqlite_writer.c     the one thread that writes, in groups, and how results come back
 *   sqlite_log.c        keeping the write-ahead log short
 *   sqlite_apply.c      what each write does to the database, and why it may be refused
 *   sqlite_schema.c     the schema's versions, the seed, and doing both safely
 *   sqlite_read_lock.c  one lock for all the reads of a loop's turn
 */
#ifndef APP_STORE_SQLITE_H
#define APP_STORE_SQLITE_H

#include "app/failure.h"
#include "app/store/store.h"

#include <sqlite3.h>
#include <stdbool.h>

/* sqlite_store_open - opens (creating it when missing) and checks the database file at path. */
int sqlite_store_open(const char *path, const struct store_options *options, struct store **out, struct failure *err);

/* sqlite_schema_migrate - on a connection that may write; path is for messages. */
int sqlite_schema_migrate(sqlite3 *db, const char *path, bool reseed, struct failure *err);

/* sqlite_connect - a connection for one thread at a time; on failure *out is NULL. */
int sqlite_connect(const char *path, int flags, int busy_ms, sqlite3 **out, struct failure *err);

/* sqlite_prepare_all - n statements for the life of the connection. What was prepared before a
 * failure is left in out, for the caller to finalize. */
int sqlite_prepare_all(sqlite3 *db, const char *path, const char *const *sql, int n, sqlite3_stmt **out,
                       struct failure *err);

/* sqlite_failure - "PATH: what SQLite says of the last call on db"; always -1. */
int sqlite_failure(struct failure *err, const char *path, sqlite3 *db);

/* sqlite_exec - runs statements that return no rows; 0, or -1 with *err filled. */
int sqlite_exec(sqlite3 *db, const char *path, const char *sql, struct failure *err);

/* sqlite_query_text, sqlite_query_int - the first column of a statement's first row. */
int sqlite_query_text(sqlite3 *db, const char *path, const char *sql, char *buf, int size, struct failure *err);
int sqlite_query_int(sqlite3 *db, const char *path, const char *sql, int64_t *value, struct failure *err);

#endif
