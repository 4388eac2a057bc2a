/* sqlite_read_lock.h - makes many reads of one connection cost one lock (see the .c file). */
#ifndef APP_STORE_SQLITE_READ_LOCK_H
#define APP_STORE_SQLITE_READ_LOCK_H

#include <sqlite3.h>

struct sqlite_read_lock;

/* sqlite_read_lock_attach - from now on db keeps its shared lock between reads. The database must
 * be in WAL mode. Returns NULL, and changes nothing, when the VFS does not offer what it takes. */
struct sqlite_read_lock *sqlite_read_lock_attach(sqlite3 *db);

/* sqlite_read_lock_drop - gives up the lock that is kept, if any; the connection must not be in the
 * middle of a read. To be called whenever no read follows at once. NULL is ignored. */
void sqlite_read_lock_drop(struct sqlite_read_lock *lock);

/* sqlite_read_lock_detach - before the connection is closed. NULL is ignored. */
void sqlite_read_lock_detach(struct sqlite_read_lock *lock);

#endif
