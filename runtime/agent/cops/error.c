/* error.c - what went wrong, in one line. */
#include "runtime/agent/cops/cops.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "runtime/agent/cops/text.h"

bool cops_error(struct cops_error *error, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(error->text, sizeof error->text, fmt, args);
    va_end(args);
    return false;
}

int cops_fail(const struct cops_error *error)
{
    /* Some of it may be another program's words. */
    fputs("cops: ", stderr);
    cops_put_clean(stderr, error->text, strlen(error->text));
    fputc('\n', stderr);
    return COPS_FAILED;
}
