/* flags.h - the command line, as values.
 *
 * One table holds each flag's name, the clause that says what its value must be, and its sentence
 * of help; parsing, the refusals and --help are all made from it. A value may follow its flag as
 * the next argument or after an equals sign. Whether a value is any good is decided by the module
 * that owns it; here only its presence is checked.
 */
#ifndef APP_CONFIG_FLAGS_H
#define APP_CONFIG_FLAGS_H

#include "app/failure.h"

#include <stdbool.h>
#include <stdio.h>

/* Strings point into argv; NULL means not given. */
struct flags {
    const char *listen;
    const char *dsn;
    const char *config;
    const char *static_folder;
    const char *access_log;
    bool overbooking;
    bool reseed;
    bool version;
    bool help;
    bool help_env;
};

/* flags_parse - 0, or -1 with *err naming the argument and what was expected. */
int flags_parse(struct flags *flags, int argc, char *const argv[], struct failure *err);

/* flags_help - the text of --help. */
void flags_help(FILE *out);

#endif
