/* sqlite_log.h - the length of the write-ahead log, for the writer alone. */
#ifndef APP_STORE_SQLITE_LOG_H
#define APP_STORE_SQLITE_LOG_H

#include <sqlite3.h>

/* What a log that had to grow larger is cut to, once it begins anew. */
#define SQLITE_LOG_LIMIT_BYTES "16777216"

struct sqlite_log {
    int pages;            /* after the last commit; 0: nothing to do about it */
    int restart_at_pages; /* the usual length, or higher after a checkpoint that was given up */
    int retry_pages;      /* how much higher the next one is put off */
};

/* sqlite_log_watch - before db's first commit; log must live as long as db. */
void sqlite_log_watch(struct sqlite_log *log, sqlite3 *db);

/* sqlite_log_tend - after a group: makes the checkpoint that the log needs, if any. *busy_ms is what
 * db's busy handler goes by; it is shorter meanwhile. */
void sqlite_log_tend(struct sqlite_log *log, sqlite3 *db, int *busy_ms);

#endif
