/* fail.c - see fail.h. */
#include "bench/load/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

int fail(const char *format, ...)
{
    char line[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    /* On a terminal it takes the place of a progress bar. */
    fprintf(stderr, "%sbooking: %s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", line);
    return -1;
}
