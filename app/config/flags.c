/* flags.c - parses the command line by the table below (see flags.h).
 *
 * Not getopt_long: it accepts unique beginnings (--l for --listen), which breaks scripts when a
 * flag is added, and it writes its own messages.
 */
#include "app/config/flags.h"

#include <stddef.h>
#include <string.h>

#define FIELD(name) offsetof(struct flags, name)

static const struct flag {
    const char *name;
    const char *value; /* what the usage calls its value; NULL: a switch */
    const char *want;  /* what the value must be */
    size_t offset;     /* of the field: const char * with a value, bool without */
    const char *help;
} table[] = {
    {"--listen", "HOST:PORT", "an address such as 127.0.0.1:8080 or [::1]:0", FIELD(listen),
     "address to serve; port 0 picks a free one (default 127.0.0.1:8080)"},
    {"--dsn", "DSN", "a path, sqlite:PATH, postgres://... or libpq's key=value", FIELD(dsn),
     "database: a path, sqlite:PATH, postgres://... or libpq's key=value (default coworking.db)"},
    {"--config", "FILE", "the path of a JSON file", FIELD(config),
     "read a JSON file with dsn, listen, allowed_origins, secret_key, overbooking, static, access_log, "
     "flight_recorder, "
     "flight_recorder_file, flight_recorder_bytes, flight_recorder_seconds, slow_request_ms; flags win"},
    {"--static", "DIR", "the path of a folder", FIELD(static_folder),
     "folder that /imgs serves (default imgs beside the program, or else the installed one)"},
    {"--access-log", "FILE", "the path of a file", FIELD(access_log),
     "append a line for every request to a file (default: no log)"},
    {"--overbooking", NULL, NULL, FIELD(overbooking), "let a room be booked more than once on a day"},
    {"--reseed", NULL, NULL, FIELD(reseed), "wipe the database and fill it with the seed data again"},
    {"--version", NULL, NULL, FIELD(version), "print the version and exit"},
    {"--help", NULL, NULL, FIELD(help), "print this text and exit"},
    {"--help-env", NULL, NULL, FIELD(help_env), "print the runtime's environment variables and exit"},
};

#define FLAGS (sizeof(table) / sizeof(table[0]))

static const struct flag *find(const char *name, size_t len)
{
    for (size_t i = 0; i < FLAGS; i++) {
        if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
            return &table[i];
    }
    return NULL;
}

static int unknown(const char *arg, struct failure *err)
{
    char names[256] = "";
    size_t used = 0;

    if (arg[0] != '-')
        return failure_set(err, "unexpected argument \"%.100s\": want only flags (see --help)", arg);
    for (size_t i = 0; i < FLAGS; i++) {
        int n = snprintf(names + used, sizeof(names) - used, "%s%s", i == 0 ? "" : ", ", table[i].name);
        used += (size_t)n;
    }
    return failure_set(err, "unknown flag %.100s: want one of %s", arg, names);
}

int flags_parse(struct flags *flags, int argc, char *const argv[], struct failure *err)
{
    memset(flags, 0, sizeof(*flags));
    for (int i = 1; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        size_t len = equals != NULL ? (size_t)(equals - argv[i]) : strlen(argv[i]);
        const struct flag *flag = find(argv[i], len);
        void *field;

        if (flag == NULL)
            return unknown(argv[i], err);
        field = (char *)flags + flag->offset;
        if (flag->value == NULL) {
            if (equals != NULL)
                return failure_set(err, "%s takes no value, got \"%.100s\"", flag->name, equals + 1);
            *(bool *)field = true;
            continue;
        }
        if (equals == NULL && i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0)
            *(const char **)field = argv[++i];
        else
            *(const char **)field = equals != NULL ? equals + 1 : "";
        if (**(const char **)field == '\0')
            return failure_set(err, "%s: want %s", flag->name, flag->want);
    }
    return 0;
}

void flags_help(FILE *out)
{
    fputs("usage: app [flags]\n\nServes the coworking booking API over HTTP.\n\n", out);
    for (size_t i = 0; i < FLAGS; i++) {
        char left[40];

        snprintf(left, sizeof(left), "%s %s", table[i].name, table[i].value != NULL ? table[i].value : "");
        fprintf(out, "  %-20s %s\n", left, table[i].help);
    }
    fputs("\nThe runtime is tuned by environment variables (CGC, CMEMLIMIT, ...): see --help-env.\n"
          "Exit status: 0 after a clean stop, 1 when it cannot run, 2 on a malformed flag or variable.\n",
          out);
}
