/* commands.c - see commands.h. */
#include "runtime/agent/cops/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "runtime/agent/cops/target.h"

#define TARGET "PID|HOST:PORT"

static const struct cops_command_row rows[] = {
    {"", "", 0, 0, 0, "list the processes that use the runtime",
     "PID, parent's PID, name, with * when its agent listens, version of the runtime, and path.\n"
     "A program is known by the note that the runtime leaves in it, or in the libcruntime.so it has mapped.\n"
     "Processes that may not be looked at are left out.\n",
     cops_list},
    {"process", "PID [DURATION]", 1, 2, 0, "what /proc tells of a process; cops PID is the same",
     "Parent, threads, use of memory and CPU since its start, user, command line, age and sockets.\n"
     "With DURATION (2s, 500ms, or seconds) also its use of CPU during that time.\n",
     cops_process_info},
    {"tree", "", 0, 0, 0, "the same processes as a tree of parents and children",
     "* marks those whose agent listens.\n", cops_tree},
    {"stack", TARGET, 1, 1, 0, "the stacks of all threads", "", cops_stack},
    {"gc", TARGET, 1, 1, 0, "run a collection and wait for its end", "Prints nothing when it went well.\n", cops_gc},
    {"setgc", TARGET " PERCENT|off", 2, 2, 0, "set CGC, the collector's percentage",
     "off, or a negative percentage, leaves only the memory limit to start cycles.\n", cops_setgc},
    {"memstats", TARGET, 1, 1, 0, "allocation and collection figures", "", cops_memstats},
    {"version", TARGET, 1, 1, 0, "the version of the runtime in it", "", cops_version},
    {"stats", TARGET, 1, 1, 0, "threads and processors", "", cops_stats},
    {"pprof-heap", TARGET, 1, 1, COPS_OPT_OUTPUT, "save a heap profile for go tool pprof", "", cops_pprof_heap},
    {"pprof-cpu", TARGET, 1, 1, COPS_OPT_OUTPUT, "save a CPU profile of 30 s for go tool pprof", "", cops_pprof_cpu},
    {"trace", TARGET, 1, 1, COPS_OPT_OUTPUT, "save an execution trace of 5 s for go tool trace", "", cops_trace},
    {"settings", TARGET " [KEY=VALUE ...]", 1, COPS_MANY, 0, "show or change the runtime's knobs",
     "Without KEY=VALUE every knob, its value and where that came from. With it what may be changed while\n"
     "the program runs: CGC (gc_percent), CMEMLIMIT (memory_limit), memprofilerate, mutexprofilefraction,\n"
     "blockprofilerate. All of them are changed or, when one is wrong, none.\n",
     cops_settings},
    {"gctrace", TARGET, 1, 1, COPS_OPT_COUNT | COPS_OPT_EVERY, "follow the collector's cycles, a line each",
     "As CDEBUG=gctrace=1 prints them, from now on, until Ctrl-C or the -n'th line. With --json an object a line.\n",
     cops_gctrace},
    {"top", TARGET, 1, 1, COPS_OPT_COUNT | COPS_OPT_EVERY, "watch heap, collector and threads",
     "On a terminal a view that is drawn anew each second; q quits. Elsewhere, and with --json (an object a\n"
     "line), a line each time.\n",
     cops_top},
};

#define ROWS (sizeof rows / sizeof rows[0])

static const struct {
    const char *line;
    unsigned bit;
} option_help[] = {
    {"  -o, --output FILE    write there; - is standard output (else: a new file in $TMPDIR)", COPS_OPT_OUTPUT},
    {"  -n, --count N        end after N lines", COPS_OPT_COUNT},
    {"  -d, --every TIME     ask that often, such as 500ms (gctrace: 200ms, top: 1s)", COPS_OPT_EVERY},
    {"      --json           one JSON document instead of text", COPS_OPT_JSON},
    {"  -h, --help           this help", COPS_OPT_HELP},
};

const struct cops_command_row *cops_command_find(const char *name)
{
    if (strcmp(name, "pid") == 0 || strcmp(name, "proc") == 0)
        name = "process";
    for (size_t i = 1; i < ROWS; i++) {
        if (strcmp(name, rows[i].name) == 0)
            return &rows[i];
    }
    return NULL;
}

static const struct cops_command_row *take_name(struct cops_options *options, struct cops_error *error)
{
    if (options->argc == 0)
        return &rows[0];
    const char *first = options->args[0];
    if (isdigit((unsigned char)first[0]) && first[strspn(first, "0123456789")] == '\0')
        return cops_command_find("process");
    const struct cops_command_row *row = cops_command_find(first);
    if (!row) {
        cops_error(error, "unknown command \"%.100s\"; see cops --help", first);
        return NULL;
    }
    options->argc--;
    memmove(options->args, options->args + 1, (size_t)options->argc * sizeof options->args[0]);
    return row;
}

const struct cops_command_row *cops_command_choose(struct cops_options *options, struct cops_error *error)
{
    const struct cops_command_row *row = take_name(options, error);
    if (!row || (options->given & COPS_OPT_HELP))
        return row;
    const char *name = row->name[0] ? row->name : "cops";
    unsigned wrong = options->given & ~(row->options | COPS_OPT_JSON);
    if (wrong)
        cops_error(error, "%s takes no %s", name, cops_option_name(wrong));
    else if (options->argc < row->least || options->argc > row->most)
        cops_error(error, "%s: want %s; see cops %s --help", name, row->args[0] ? row->args : "no arguments",
                   row->name);
    else if (strncmp(row->args, TARGET, sizeof TARGET - 1) != 0 || cops_target_check(options->args[0], error))
        return row;
    return NULL;
}

static void put_options(unsigned set)
{
    for (size_t i = 0; i < sizeof option_help / sizeof option_help[0]; i++) {
        if (set & option_help[i].bit)
            puts(option_help[i].line);
    }
}

void cops_command_help(const struct cops_command_row *row)
{
    printf("usage: cops%s%s%s%s [options]\n\n", row->name[0] ? " " : "", row->name, row->args[0] ? " " : "", row->args);
    printf("%c%s.\n%s\n", toupper((unsigned char)row->summary[0]), row->summary + 1, row->help);
    put_options(row->options | COPS_OPT_JSON | COPS_OPT_HELP);
}

void cops_help(void)
{
    puts("usage: cops [COMMAND] [ARGUMENTS] [options]\n\n"
         "Looks at programs that use libcruntime: without a command lists them, with one asks the agent of one,\n"
         "which is named by its PID or by the address at which its agent listens.\n");
    for (size_t i = 0; i < ROWS; i++) {
        char usage[64];
        snprintf(usage, sizeof usage, "cops%s%s%s%s", rows[i].name[0] ? " " : "", rows[i].name,
                 rows[i].args[0] ? " " : "", rows[i].args);
        printf("  %-44s %s\n", usage, rows[i].summary);
    }
    puts("\n  cops help [COMMAND]                          what it does and takes\n");
    put_options(~0u);
    puts("      --version        the version of cops\n\n"
         "The port of a PID's agent is looked up in $GOPS_CONFIG_DIR, else ${XDG_CONFIG_HOME:-~/.config}/gops.\n"
         "Ends with 0, with 1 when something failed, with 2 when it was asked wrongly.");
}
