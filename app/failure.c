/* failure.c - see failure.h. Cuts what is too long and never allocates, so that it also works when
 * the failure is about memory.
 */
#include "app/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int failure_set(struct failure *f, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(f->text, sizeof(f->text), format, args);
    va_end(args);
    for (char *p = f->text; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = p[1] == '\0' ? '\0' : ' ';
    }
    return -1;
}
