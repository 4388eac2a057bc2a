/* store.c - chooses the implementation by the DSN.
 *
 * A PostgreSQL DSN is refused by name rather than taken for a file: "host=..." is a legal file
 * name, and a server that quietly starts on an empty database of that name would look healthy. The
 * DSN is not repeated in the message, it may hold a password.
 */
#include "app/store/store.h"

#include "app/store/sqlite.h"

#include <string.h>

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_postgres(const char *dsn)
{
    return has_prefix(dsn, "postgres://") || has_prefix(dsn, "postgresql://") || strstr(dsn, "host=") != NULL ||
           strstr(dsn, "dbname=") != NULL;
}

int store_open(const char *dsn, struct store **out, struct failure *err)
{
    if (is_postgres(dsn))
        return failure_set(err, "dsn: this version keeps its data in SQLite only, want a path or sqlite:PATH");
    if (has_prefix(dsn, "sqlite:"))
        dsn += strlen("sqlite:");
    if (*dsn == '\0')
        return failure_set(err, "dsn: want the path of an SQLite database after sqlite:");
    return sqlite_store_open(dsn, out, err);
}
