/* config.h - what the application was told: defaults, then the configuration file, then flags.
 *
 * The file is one JSON object with the keys of the struct below. A key that is not known, given
 * twice or of another type is refused, and so is anything that is not JSON: a server that starts
 * with a setting silently dropped is worse than one that does not start.
 *
 * Messages never repeat the values of secret_key and dsn, which may hold a password. The secret has
 * no flag, since a command line is for all users of the machine to see.
 */
#ifndef APP_CONFIG_CONFIG_H
#define APP_CONFIG_CONFIG_H

#include "app/config/flags.h"
#include "app/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_SECRET_BYTES 32

struct config {
    char *dsn;             /* malloc'd, as the other strings */
    char *listen;          /* HOST:PORT, not yet parsed */
    char *allowed_origins; /* the value of Access-Control-Allow-Origin */
    char *secret_key;      /* CONFIG_SECRET_BYTES of any value; NULL: not given */
    char *static_folder;   /* "static": what /imgs serves; NULL: not given */
    char *access_log;      /* a file; NULL: no log */
    bool overbooking;      /* a room may be booked any number of times on a day */
    bool flight_recorder;
    char *flight_recorder_file;       /* what snapshots are written to */
    uint64_t flight_recorder_bytes;   /* the most that it takes; 0: not given, the runtime's choice */
    uint64_t flight_recorder_seconds; /* how far it looks back; 0: not given, the runtime's choice */
    uint64_t slow_request_ms;         /* a request that takes so long leaves a snapshot; 0: none does */
};

/* config_load - the configuration that flags ask for. Returns 0, or -1 with *err filled and
 * nothing to release. */
int config_load(struct config *c, const struct flags *flags, struct failure *err);

/* config_parse - merges the JSON text of a file into c; where names the file in messages. Returns
 * 0, or -1 with *err filled; c then may hold a part of the file and is still to be released. */
int config_parse(struct config *c, const char *where, const char *text, size_t len, struct failure *err);

/* config_find_static - settles static_folder: one that was given must be a folder that can be read;
 * without one it is the folder imgs beside the executable, or else the installed one, or else NULL.
 * Returns 0, or -1 with *err filled. */
int config_find_static(struct config *c, struct failure *err);

/* config_release - wipes the secret, too. */
void config_release(struct config *c);

#endif
