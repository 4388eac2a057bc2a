/* options.h - the command line taken apart. Pure.
 *
 * Options may stand anywhere, in one word or two (-n5, -n 5, --count=5, --count 5); behind -- there are none. A
 * negative number is no option: cops setgc PID -1. Which command takes which option is the commands' table's business.
 */
#ifndef COPS_OPTIONS_H
#define COPS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include "runtime/agent/cops/cops.h"

#define COPS_ARGS 64

enum cops_option {
    COPS_OPT_JSON = 1,
    COPS_OPT_HELP = 2,
    COPS_OPT_VERSION = 4,
    COPS_OPT_OUTPUT = 8,
    COPS_OPT_COUNT = 16,
    COPS_OPT_EVERY = 32,
};

struct cops_options {
    unsigned given; /* of enum cops_option */
    const char *output;
    uint64_t count;
    uint64_t every_ns;
    int argc; /* arguments, the command's name with them until main takes it off */
    const char *args[COPS_ARGS];
};

bool cops_options_parse(int argc, char **argv, struct cops_options *out, struct cops_error *error);

/* The option as the user writes it, the lowest of those in the set. */
const char *cops_option_name(unsigned set);

/* Plain digits of at most max; false for anything else. */
bool cops_parse_number(const char *text, uint64_t max, uint64_t *value);

#endif
