/* sqlite_read_lock.c - keeps a connection's shared lock from one read to the next.
 *
 * In WAL mode each read transaction takes a shared lock on one of five slots and gives it back at
 * its end: two fcntl calls, and a mutex that all connections of the process share. For queries of
 * a few microseconds, on several event loops at once, that is a fifth of the whole request (perf,
 * 2 loops, 50 connections). So the lock is not given back at once but kept until sqlite_read_lock_drop,
 * which the loop calls at the end of each turn, or until SQLite wants another slot.
 *
 * Nothing is cached by this and nothing can be stale: each read still looks at the log's header,
 * sees every commit made before it, and chooses its slot by it. A kept lock only looks, to everyone
 * else, like a read that takes until the end of the turn: it may put off a checkpoint, never a
 * commit.
 *
 * It is done by giving the connection's own file object a copy of its VFS's methods with two of
 * them replaced; both the object and the methods are SQLite's public interface. The second is the
 * memory barrier: the stock one also takes a process-wide mutex, "for redundancy".
 */
#include "app/store/sqlite_read_lock.h"

#include <stddef.h>
#include <stdlib.h>

#define NO_SLOT (-1)
#define UNLOCK_SHARED (SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED)
#define LOCK_SHARED (SQLITE_SHM_LOCK | SQLITE_SHM_SHARED)

struct sqlite_read_lock {
    sqlite3_io_methods methods; /* first, so that the file's methods lead back here */
    const sqlite3_io_methods *vfs;
    sqlite3_file *file;
    int kept_slot; /* locked although SQLite has unlocked it; NO_SLOT: none */
};

void sqlite_read_lock_drop(struct sqlite_read_lock *lock)
{
    if (lock == NULL || lock->kept_slot == NO_SLOT)
        return;
    lock->vfs->xShmLock(lock->file, lock->kept_slot, 1, UNLOCK_SHARED);
    lock->kept_slot = NO_SLOT;
}

static int on_shm_lock(sqlite3_file *file, int slot, int n, int flags)
{
    struct sqlite_read_lock *lock = (struct sqlite_read_lock *)file->pMethods;

    if (flags == UNLOCK_SHARED && n == 1 && lock->kept_slot == NO_SLOT) {
        lock->kept_slot = slot;
        return SQLITE_OK;
    }
    if (flags == LOCK_SHARED && n == 1 && lock->kept_slot == slot) {
        lock->kept_slot = NO_SLOT;
        return SQLITE_OK;
    }
    /* Another slot, or an exclusive lock, which our own shared one would stand in the way of. */
    sqlite_read_lock_drop(lock);
    return lock->vfs->xShmLock(file, slot, n, flags);
}

static void on_shm_barrier(sqlite3_file *file)
{
    (void)file;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

struct sqlite_read_lock *sqlite_read_lock_attach(sqlite3 *db)
{
    sqlite3_file *file = NULL;
    struct sqlite_read_lock *lock;

    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file == NULL ||
        file->pMethods == NULL || file->pMethods->iVersion < 2 || (lock = calloc(1, sizeof(*lock))) == NULL)
        return NULL;
    lock->vfs = file->pMethods;
    lock->file = file;
    lock->kept_slot = NO_SLOT;
    /* What this was compiled to know; a later version only adds members at the end. */
    lock->methods = *lock->vfs;
    if (lock->methods.iVersion > 3)
        lock->methods.iVersion = 3;
    lock->methods.xShmLock = on_shm_lock;
    lock->methods.xShmBarrier = on_shm_barrier;
    file->pMethods = &lock->methods;
    return lock;
}

void sqlite_read_lock_detach(struct sqlite_read_lock *lock)
{
    if (lock == NULL)
        return;
    sqlite_read_lock_drop(lock);
    lock->file->pMethods = lock->vfs;
    free(lock);
}
