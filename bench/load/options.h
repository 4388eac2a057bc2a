/* options.h - the load client's command line. */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define OPTIONS_BOOKINGS_MOST 100000000u
#define OPTIONS_WORKERS_MOST 256u /* each has a histogram of 216 KiB and a connection */
#define OPTIONS_URL_SIZE 512

struct options {
    unsigned bookings;
    unsigned workers;
    char url[OPTIONS_URL_SIZE]; /* without a slash at its end */
    const char *user;
    const char *password;
    int32_t from; /* day.h; negative: look for free days */
    bool ids;
    bool help;
};

/* options_parse - 0, or -1 with one line printed. */
int options_parse(struct options *o, int argc, char *const argv[]);

void options_help(FILE *out);

#endif
