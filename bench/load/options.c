/* options.c - see options.h. A table says what there is; each value has its own reader, which knows
 * what it wants and says so when it gets something else.
 */
#include "bench/load/options.h"

#include "bench/load/day.h"
#include "bench/load/fail.h"
#include "cruntime.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

#define BOOKINGS_DEFAULT 30000
#define URL_DEFAULT "http://localhost:8080"
#define USER_DEFAULT "ipesenti"
#define PASSWORD_DEFAULT "abcd1234!!"

static int read_number(const char *name, const char *text, unsigned most, unsigned *out)
{
    unsigned long value = 0;
    char *end = NULL;

    errno = 0;
    if (text[0] >= '0' && text[0] <= '9')
        value = strtoul(text, &end, 10);
    if (end == NULL || *end != '\0' || errno != 0 || value < 1 || value > most)
        return fail("%s %.100s: want a whole number from 1 to %u", name, text, most);
    *out = (unsigned)value;
    return 0;
}

static int read_bookings(struct options *o, const char *name, const char *text)
{
    return read_number(name, text, OPTIONS_BOOKINGS_MOST, &o->bookings);
}

static int read_workers(struct options *o, const char *name, const char *text)
{
    return read_number(name, text, OPTIONS_WORKERS_MOST, &o->workers);
}

/* Whether libcurl can read it as http://HOST[:PORT][/path] with nothing behind the path. */
static bool is_base_url(const char *text)
{
    CURLU *url = curl_url();
    char *part = NULL;
    bool ok = url != NULL && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
              curl_url_get(url, CURLUPART_SCHEME, &part, 0) == CURLUE_OK &&
              (strcmp(part, "http") == 0 || strcmp(part, "https") == 0);

    curl_free(part);
    part = NULL;
    if (ok && (curl_url_get(url, CURLUPART_QUERY, &part, 0) == CURLUE_OK ||
               curl_url_get(url, CURLUPART_FRAGMENT, &part, 0) == CURLUE_OK))
        ok = false;
    curl_free(part);
    curl_url_cleanup(url);
    return ok;
}

static int read_url(struct options *o, const char *name, const char *text)
{
    size_t len = strlen(text);

    if (len >= OPTIONS_URL_SIZE || !is_base_url(text))
        return fail("%s %.100s: want the server's address, such as " URL_DEFAULT, name, text);
    while (len != 0 && text[len - 1] == '/')
        len--;
    memcpy(o->url, text, len);
    o->url[len] = '\0';
    return 0;
}

static int read_user(struct options *o, const char *name, const char *text)
{
    o->user = text;
    return text[0] != '\0' ? 0 : fail("%s: want a user name", name);
}

static int read_password(struct options *o, const char *name, const char *text)
{
    o->password = text;
    return text[0] != '\0' ? 0 : fail("%s: want a password", name);
}

static int read_from(struct options *o, const char *name, const char *text)
{
    return day_parse(text, &o->from) ? 0 : fail("%s %.100s: want a day such as 2030-01-31", name, text);
}

static const struct option {
    const char *name;
    const char *value; /* what the usage calls it; NULL: a switch */
    int (*read)(struct options *o, const char *name, const char *text);
    const char *help;
} table[] = {
    {"-n", "NUMBER", read_bookings, "bookings to make (default " TEXT(BOOKINGS_DEFAULT) ")"},
    {"-w", "NUMBER", read_workers, "workers, each with a connection (default: one a processor)"},
    {"-u", "URL", read_url, "the server (default " URL_DEFAULT ")"},
    {"--user", "NAME", read_user, "who books (default " USER_DEFAULT ", the user of the seed data)"},
    {"--password", "TEXT", read_password, "that user's password (default: the seed user's)"},
    {"--from", "DAY", read_from, "take the days from YYYY-MM-DD on as free (default: ask the server for free days)"},
    {"--ids", NULL, NULL, "print the id of each booking"},
    {"-h", NULL, NULL, "print this text and exit (also --help)"},
};

#define OPTIONS (sizeof(table) / sizeof(table[0]))

static const struct option *find(const char *name)
{
    if (strcmp(name, "--help") == 0)
        name = "-h";
    for (size_t i = 0; i < OPTIONS; i++) {
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    }
    return NULL;
}

int options_parse(struct options *o, int argc, char *const argv[])
{
    *o = (struct options){.bookings = BOOKINGS_DEFAULT,
                          .workers = (unsigned)rt_max_procs(),
                          .url = URL_DEFAULT,
                          .user = USER_DEFAULT,
                          .password = PASSWORD_DEFAULT,
                          .from = -1};
    if (o->workers > OPTIONS_WORKERS_MOST)
        o->workers = OPTIONS_WORKERS_MOST;
    for (int i = 1; i < argc; i++) {
        const struct option *option = find(argv[i]);

        if (option == NULL)
            return fail("unexpected argument %.100s: want -n, -w, -u, --user, --password, --from, --ids or -h",
                        argv[i]);
        if (option->value == NULL) {
            *(strcmp(option->name, "--ids") == 0 ? &o->ids : &o->help) = true;
            continue;
        }
        if (++i == argc)
            return fail("%s: want a value behind it (see -h)", option->name);
        if (option->read(o, option->name, argv[i]) != 0)
            return -1;
    }
    return 0;
}

void options_help(FILE *out)
{
    fputs("usage: booking [options]\n\n"
          "Logs in to the booking server, makes bookings with several workers at once and reports how long they "
          "took.\n\n",
          out);
    for (size_t i = 0; i < OPTIONS; i++) {
        char left[40];

        snprintf(left, sizeof(left), "%s %s", table[i].name, table[i].value != NULL ? table[i].value : "");
        fprintf(out, "  %-16s %s\n", left, table[i].help);
    }
    fputs(
        "\nCtrl-C ends the run early, with its report. The runtime's variables (CDEBUG=gctrace=1, ...) work here too.\n"
        "Exit status: 0 when every booking was made, 1 when not or when there is no server, 2 on a malformed option.\n",
        out);
}
