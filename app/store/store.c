/* store.c - chooses the implementation by the DSN.
 *
 * A key=value DSN ("host=...") is a legal file name, too. It is taken for PostgreSQL: a server that
 * quietly starts on an empty database file of that name would look healthy.
 */
#include "app/store/store.h"

#include "app/store/postgres.h"
#include "app/store/sqlite.h"

#include <string.h>

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_postgres(const char *dsn)
{
    static const char *const keys[] = {"host=", "hostaddr=", "dbname=", "user=", "port=", "service="};

    if (has_prefix(dsn, "postgres://") || has_prefix(dsn, "postgresql://"))
        return true;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strstr(dsn, keys[i]) != NULL)
            return true;
    }
    return false;
}

int store_open(const char *dsn, const struct store_options *options, struct store **out, struct failure *err)
{
    if (has_prefix(dsn, "sqlite:"))
        dsn += strlen("sqlite:");
    else if (is_postgres(dsn))
        return postgres_store_open(dsn, options, out, err);
    if (*dsn == '\0')
        return failure_set(err, "dsn: want the path of an SQLite database after sqlite:");
    return sqlite_store_open(dsn, options, out, err);
}
