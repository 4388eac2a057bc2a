/* chrome_json.c - see chrome_json.h. Numbers are written by hand: there are several in each of a million events. */
#include "runtime/trace/chrome_json.h"

#include <stdlib.h>
#include <string.h>
#include "runtime/stats/json_text.h"

#define ESCAPE_MOST 6u   /* \u001f */
#define DIGITS_MOST 20u  /* of 64 bits */
#define FIRST_ROOM 1024u /* most events are shorter than 300 bytes */

void rt__chrome_json_release(struct rt__chrome_json *j)
{
    free(j->text);
    *j = (struct rt__chrome_json){0};
}

/* Where len more bytes may be written; NULL when there is no memory. */
static char *room_for(struct rt__chrome_json *j, size_t len)
{
    if (!j->failed && j->room - j->len < len) {
        size_t room = (j->room ? j->room : FIRST_ROOM / 2) * 2;
        room = room - j->len < len ? j->len + len : room;
        char *text = realloc(j->text, room);
        j->failed = text == NULL;
        if (text) {
            j->text = text;
            j->room = room;
        }
    }
    return j->failed ? NULL : j->text + j->len;
}

static void add(struct rt__chrome_json *j, const char *text, size_t len)
{
    char *to = room_for(j, len);
    if (to) {
        memcpy(to, text, len);
        j->len += len;
    }
}

void rt__chrome_raw(struct rt__chrome_json *j, const char *text)
{
    add(j, text, strlen(text));
}

/* ---- strings ---- */

static char *put_ascii(char *to, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char named[] = "\"\"\\\\\nn\rr\tt"; /* pairs: the byte, its name */
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F) {
        *to++ = (char)c;
        return to;
    }
    *to++ = '\\';
    for (const char *pair = named; *pair; pair += 2) {
        if (c == (unsigned char)*pair) {
            *to++ = pair[1];
            return to;
        }
    }
    memcpy(to, "u00", 3);
    to[3] = hex[c >> 4];
    to[4] = hex[c & 15];
    return to + 5;
}

void rt__chrome_quoted(struct rt__chrome_json *j, const char *text, size_t len)
{
    char *to = room_for(j, len * ESCAPE_MOST + 2);
    if (!to) {
        return;
    }
    *to++ = '"';
    for (size_t i = 0, n; i < len; i += n) {
        n = rt__utf8_sequence(text + i, len - i);
        if (n == 1) {
            to = put_ascii(to, (unsigned char)text[i]);
        } else if (n > 1) {
            to = (char *)memcpy(to, text + i, n) + n;
        } else {
            to = (char *)memcpy(to, "\\ufffd", ESCAPE_MOST) + ESCAPE_MOST;
            n = 1;
        }
    }
    *to++ = '"';
    j->len = (size_t)(to - j->text);
}

/* ---- numbers ---- */

/* At least `least` digits, which end at end. */
static char *digits_before(char *end, uint64_t value, int least)
{
    for (; value > 0 || least > 0; value /= 10, least--) {
        *--end = (char)('0' + value % 10);
    }
    return end;
}

void rt__chrome_number(struct rt__chrome_json *j, uint64_t value)
{
    char digits[DIGITS_MOST], *end = digits + sizeof digits;
    char *first = digits_before(end, value, 1);
    add(j, first, (size_t)(end - first));
}

void rt__chrome_us(struct rt__chrome_json *j, uint64_t ns)
{
    char digits[DIGITS_MOST + 1], *end = digits + sizeof digits;
    char *first = digits_before(end, ns % 1000, 3);
    *--first = '.';
    first = digits_before(first, ns / 1000, 1);
    add(j, first, (size_t)(end - first));
}

void rt__chrome_id(struct rt__chrome_json *j, uint64_t id)
{
    static const char hex[] = "0123456789abcdef";
    char digits[20], *end = digits + sizeof digits, *first = end;
    *--first = '"';
    do {
        *--first = hex[id & 15];
        id >>= 4;
    } while (id > 0);
    *--first = 'x';
    *--first = '0';
    *--first = '"';
    add(j, first, (size_t)(end - first));
}
