/* sqlite_log.c - keeps the write-ahead log short, between two groups of writes.
 *
 * A passive checkpoint copies what no reader needs; that the log then begins anew takes a moment without
 * readers in it, which under constant reading may not come by itself. So a log that has grown past
 * RESTART_PAGES is emptied with a checkpoint that waits for the readers: loops leave the log at the end
 * of each turn, so that takes a turn of theirs, and it is given up after RESTART_BUSY_MS when someone
 * else reads for longer.
 *
 * Only the thread that writes may call this, outside of a transaction.
 */
#include "app/store/sqlite_log.h"

#include "cruntime.h"

#include <limits.h>

/* Pages of 4 KiB. The first is SQLite's default for automatic checkpoints; the second bounds the
 * log (16 MiB) at a price of one turn's wait for 4000 pages written. */
#define CHECKPOINT_PAGES 1000
#define RESTART_PAGES 4000
#define RESTART_BUSY_MS 100

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct sqlite_log *log = arg;

    (void)db;
    (void)name;
    log->pages = pages;
    return SQLITE_OK;
}

static void *passive_checkpoint(void *db)
{
    sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return NULL;
}

/* NULL unless it was done. */
static void *restart_checkpoint(void *db)
{
    return sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_RESTART, NULL, NULL) == SQLITE_OK ? db : NULL;
}

/* A checkpoint that fails is not reported: nothing is lost by it but room, and the next group's
 * comes soon. It waits for the disk, as a commit does (sqlite_apply_commit). One that was given up is tried again when
 * the log has grown by a little, then by twice that and so on: beside a reader that never ends, most of the time must
 * go to writing. */
void sqlite_log_tend(struct sqlite_log *log, sqlite3 *db, int *busy_ms)
{
    int pages = log->pages;
    int usual_busy_ms = *busy_ms;

    log->pages = 0;
    if (pages < CHECKPOINT_PAGES)
        return;
    if (pages < RESTART_PAGES) {
        log->restart_at_pages = RESTART_PAGES;
        log->retry_pages = CHECKPOINT_PAGES;
    }
    if (pages < log->restart_at_pages) {
        rt_thread_block(passive_checkpoint, db);
        return;
    }
    *busy_ms = RESTART_BUSY_MS;
    if (rt_thread_block(restart_checkpoint, db) == NULL) {
        log->restart_at_pages = pages < INT_MAX / 2 ? pages + log->retry_pages : INT_MAX;
        log->retry_pages = log->retry_pages < INT_MAX / 4 ? 2 * log->retry_pages : log->retry_pages;
    }
    *busy_ms = usual_busy_ms;
}

void sqlite_log_watch(struct sqlite_log *log, sqlite3 *db)
{
    *log = (struct sqlite_log){.restart_at_pages = RESTART_PAGES, .retry_pages = CHECKPOINT_PAGES};
    sqlite3_wal_hook(db, on_commit, log); /* takes the place of the automatic checkpoint */
}
