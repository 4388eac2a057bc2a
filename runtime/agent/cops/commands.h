/* commands.h - the table of commands: one row says what each is called, takes, does and explains. */
#ifndef COPS_COMMANDS_H
#define COPS_COMMANDS_H

#include "runtime/agent/cops/options.h"

#define COPS_MANY 1000 /* more arguments than COPS_ARGS: as many as there are */

struct cops_command_row {
    const char *name; /* "" is what is done without a command */
    const char *args; /* as the usage line names them */
    int least, most;
    unsigned options; /* besides --json and --help, which all take */
    const char *summary;
    const char *help;
    cops_command *run;
};

/* NULL when there is no such command; gops' other names are known, too. */
const struct cops_command_row *cops_command_find(const char *name);

/* Which command it is, its name taken off the arguments, and whether it can be done so. */
const struct cops_command_row *cops_command_choose(struct cops_options *options, struct cops_error *error);

void cops_help(void);
void cops_command_help(const struct cops_command_row *row);

#endif
