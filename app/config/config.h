/* config.h - what the application was told: defaults, then the configuration file, then flags.
 *
 * The file is one JSON object whose keys are dsn, listen and allowed_origins, all strings. A key
 * that is not known, given twice or of another type is refused, and so is anything that is not
 * JSON: a server that starts with a setting silently dropped is worse than one that does not start.
 */
#ifndef APP_CONFIG_CONFIG_H
#define APP_CONFIG_CONFIG_H

#include "app/config/flags.h"
#include "app/failure.h"

#include <stddef.h>

struct config {
    char *dsn;             /* malloc'd, as the others */
    char *listen;          /* HOST:PORT, not yet parsed */
    char *allowed_origins; /* the value of Access-Control-Allow-Origin */
};

/* config_load - the configuration that flags ask for. Returns 0, or -1 with *err filled and
 * nothing to release. */
int config_load(struct config *c, const struct flags *flags, struct failure *err);

/* config_parse - merges the JSON text of a file into c; where names the file in messages. Returns
 * 0, or -1 with *err filled; c then may hold a part of the file and is still to be released. */
int config_parse(struct config *c, const char *where, const char *text, size_t len, struct failure *err);

void config_release(struct config *c);

#endif
