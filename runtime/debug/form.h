/* form.h - name=value pairs of a query or an application/x-www-form-urlencoded body.
 *
 * All values that /debug takes are short, so pairs are decoded into fixed buffers, and one that
 * does not fit is malformed. Decoded text never holds a NUL: name and value are whole C strings.
 * Pure; never allocates.
 */
#ifndef RT_DEBUG_FORM_H
#define RT_DEBUG_FORM_H

#include <stddef.h>

#define RT__FORM_TEXT 128 /* bytes of a name or value, with the NUL */

struct rt__form {
    const char *next;
    const char *end;
    char name[RT__FORM_TEXT];
    char value[RT__FORM_TEXT]; /* "" also for a name without = */
};

void rt__form_begin(struct rt__form *form, const char *text, size_t len);
/* 1: name and value are the next pair; 0: there are no more; -1: it is malformed (a % without two
 * hex digits, a NUL, too long) and name holds what could be read of the name. Empty pairs (&&)
 * are passed over. */
int rt__form_next(struct rt__form *form);

#endif
