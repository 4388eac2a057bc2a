/* postgres.h - the PostgreSQL store, as its own parts see it; the rest of the application knows store.h. */
#ifndef APP_STORE_POSTGRES_H
#define APP_STORE_POSTGRES_H

#include "app/failure.h"
#include "app/store/store.h"

/* postgres_store_open - checks the DSN and that a server answers it, for reading and writing. */
int postgres_store_open(const char *dsn, const struct store_options *options, struct store **out, struct failure *err);

#endif
