/* shown.h - what a function writes to a FILE, as text. */
#ifndef TESTS_UNIT_COPS_SHOWN_H
#define TESTS_UNIT_COPS_SHOWN_H

#include <stdio.h>
#include <stdlib.h>

static char *shown_text;
static size_t shown_len;

static FILE *shown_begin(void)
{
    free(shown_text);
    shown_text = NULL;
    return open_memstream(&shown_text, &shown_len);
}

/* Good until the next one begins. */
static const char *shown_end(FILE *stream)
{
    fclose(stream);
    return shown_text;
}

#endif
