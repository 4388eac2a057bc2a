/* main.c - from the command line to a command and to the program's status. */
#include "runtime/agent/cops/cops.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "runtime/agent/cops/commands.h"
#include "runtime/cruntime.h" /* RT_VERSION alone */

static int wrong(const struct cops_error *error)
{
    cops_fail(error);
    return COPS_USAGE;
}

static int help(const struct cops_options *options)
{
    struct cops_error error;
    if (options->argc < 2) {
        cops_help();
        return COPS_OK;
    }
    const struct cops_command_row *row = cops_command_find(options->args[1]);
    if (!row) {
        cops_error(&error, "unknown command \"%.100s\"; see cops --help", options->args[1]);
        return wrong(&error);
    }
    cops_command_help(row);
    return COPS_OK;
}

static int run(struct cops_options *options)
{
    struct cops_error error;
    if (options->given & COPS_OPT_VERSION) {
        puts(options->given & COPS_OPT_JSON ? "{\"version\":\"" RT_VERSION "\"}" : "cops " RT_VERSION);
        return COPS_OK;
    }
    if (options->argc > 0 && strcmp(options->args[0], "help") == 0)
        return help(options);
    if (options->argc == 0 && (options->given & COPS_OPT_HELP)) {
        cops_help();
        return COPS_OK;
    }
    const struct cops_command_row *row = cops_command_choose(options, &error);
    if (!row)
        return wrong(&error);
    if (options->given & COPS_OPT_HELP) {
        cops_command_help(row);
        return COPS_OK;
    }
    return row->run(options);
}

int main(int argc, char **argv)
{
    struct cops_options options;
    struct cops_error error;
    /* An agent that closes while it is asked, or a reader that has seen enough: an error like others. */
    signal(SIGPIPE, SIG_IGN);
    if (!cops_options_parse(argc, argv, &options, &error))
        return wrong(&error);
    int status = run(&options);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        cops_error(&error, "cannot write to standard output");
        return status == COPS_OK ? cops_fail(&error) : status;
    }
    return status;
}
