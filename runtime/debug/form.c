/* form.c - name=value pairs (see form.h).
 *
 * A pair is cut out first and decoded after, so that %26 and %3D are bytes of the text and not
 * separators. Must never read at or past the end: the text has no NUL of its own.
 */
#include "runtime/debug/form.h"

#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes [p, end) into out, as far as it is well-formed and fits. */
static int decode(char out[RT__FORM_TEXT], const char *p, const char *end)
{
    size_t n = 0;
    int result = 0;
    while (p < end && result == 0) {
        int c = (unsigned char)*p++;
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            if (end - p < 2 || hex_digit(p[0]) < 0 || hex_digit(p[1]) < 0)
                result = -1;
            else
                c = hex_digit(p[0]) << 4 | hex_digit(p[1]);
            p += result == 0 ? 2 : 0;
        }
        if (c == 0 || n == RT__FORM_TEXT - 1)
            result = -1;
        if (result == 0)
            out[n++] = (char)c;
    }
    out[n] = '\0';
    return result;
}

void rt__form_begin(struct rt__form *form, const char *text, size_t len)
{
    form->next = len > 0 ? text : "";
    form->end = form->next + len;
}

int rt__form_next(struct rt__form *form)
{
    while (form->next < form->end && *form->next == '&')
        form->next++;
    if (form->next == form->end)
        return 0;
    const char *pair = form->next;
    const char *end = memchr(pair, '&', (size_t)(form->end - pair));
    if (!end)
        end = form->end;
    form->next = end;
    const char *equals = memchr(pair, '=', (size_t)(end - pair));
    form->value[0] = '\0';
    if (decode(form->name, pair, equals ? equals : end) != 0)
        return -1;
    if (equals && decode(form->value, equals + 1, end) != 0)
        return -1;
    return 1;
}
