/* postgres_schema.h - brings a database to the schema that this program knows (see the .c file). */
#ifndef APP_STORE_POSTGRES_SCHEMA_H
#define APP_STORE_POSTGRES_SCHEMA_H

#include "app/failure.h"

#include <libpq-fe.h>
#include <stdbool.h>

/* postgres_schema_migrate - on a blocking connection that is in no transaction. */
int postgres_schema_migrate(PGconn *conn, bool reseed, struct failure *err);

#endif
