/* json_text.c - strings and numbers as Go's encoding/json writes them (see json_text.h).
 *
 * The shortest text of a double is found by trying one digit, two, ... seventeen, until the text
 * reads back as the same number. That is slow beside a real shortest-digits algorithm and quite
 * fast enough for pages that are made on request. It must never let the locale's decimal point
 * in: digits are read around it, and read back as DIGITSeEXPONENT, which has none.
 */
#include "runtime/stats/json_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 17 /* enough to tell any two doubles apart */

/* A positive number: 0.DIGITS x 10^point. */
struct decimal {
    char digits[DIGITS_MAX + 1];
    int n;
    int point;
};

size_t rt__utf8_sequence(const char *text, size_t left)
{
    const unsigned char *s = (const unsigned char *)text;
    if (left == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || left < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    }
    bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xED && s[1] > 0x9F;
    bool beyond_unicode = s[0] == 0xF4 && s[1] > 0x8F;
    return overlong || surrogate || beyond_unicode ? 0 : n;
}

static void write_ascii(FILE *out, unsigned char c)
{
    static const char short_names[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: the byte, its name */
    for (const char *pair = short_names; *pair; pair += 2) {
        if (c == (unsigned char)*pair) {
            fputc('\\', out);
            fputc(pair[1], out);
            return;
        }
    }
    if (c < 0x20 || c == '<' || c == '>' || c == '&')
        fprintf(out, "\\u%04x", c);
    else
        fputc(c, out);
}

void rt__json_string(FILE *out, const char *text, size_t len)
{
    fputc('"', out);
    for (size_t i = 0; i < len;) {
        size_t n = rt__utf8_sequence(text + i, len - i);
        if (n == 0) {
            fputs("\\ufffd", out);
            n = 1;
        } else if (n == 1) {
            write_ascii(out, (unsigned char)text[i]);
        } else if (n == 3 && (memcmp(text + i, "\xE2\x80\xA8", 3) == 0 || memcmp(text + i, "\xE2\x80\xA9", 3) == 0)) {
            /* Line ends to JavaScript, which must not be told from JSON by the reader. */
            fputs(text[i + 2] == '\xA8' ? "\\u2028" : "\\u2029", out);
        } else {
            fwrite(text + i, 1, n, out);
        }
        i += n;
    }
    fputc('"', out);
}

void rt__json_cstring(FILE *out, const char *text)
{
    rt__json_string(out, text ? text : "", text ? strlen(text) : 0);
}

/* value rounded to n digits. */
static void round_to_digits(struct decimal *d, double value, int n)
{
    char text[48];
    snprintf(text, sizeof text, "%.*e", n - 1, value);
    d->n = 0;
    const char *p = text;
    for (; *p && *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9' && d->n < DIGITS_MAX)
            d->digits[d->n++] = *p;
    }
    d->digits[d->n] = '\0';
    d->point = *p == 'e' ? (int)strtol(p + 1, NULL, 10) + 1 : 1;
}

/* The next larger number of as many digits. */
static void add_last_digit(struct decimal *d)
{
    int i = d->n - 1;
    while (i >= 0 && d->digits[i] == '9')
        d->digits[i--] = '0';
    if (i >= 0) {
        d->digits[i]++;
    } else {
        d->digits[0] = '1';
        d->point++;
    }
}

static bool reads_back_as(const struct decimal *d, double value)
{
    char text[48];
    snprintf(text, sizeof text, "%se%d", d->digits, d->point - d->n);
    return strtod(text, NULL) == value;
}

static void shortest_digits(struct decimal *d, double value)
{
    for (int n = 1; n <= DIGITS_MAX; n++) {
        round_to_digits(d, value, n);
        if (reads_back_as(d, value))
            break;
        /* At a power of two the doubles above are twice as far apart as those below, so the
         * second nearest text, one up, can read back where the nearest does not. */
        add_last_digit(d);
        if (reads_back_as(d, value))
            break;
    }
    while (d->n > 1 && d->digits[d->n - 1] == '0')
        d->digits[--d->n] = '\0';
}

static char *put_exponent_form(char *p, const struct decimal *d, int exponent_width)
{
    *p++ = d->digits[0];
    if (d->n > 1) {
        *p++ = '.';
        memcpy(p, d->digits + 1, (size_t)d->n - 1);
        p += d->n - 1;
    }
    return p + sprintf(p, "e%+0*d", exponent_width, d->point - 1);
}

static char *put_plain_form(char *p, const struct decimal *d)
{
    if (d->point <= 0) {
        *p++ = '0';
        *p++ = '.';
        for (int i = d->point; i < 0; i++)
            *p++ = '0';
    }
    for (int i = 0; i < d->n || i < d->point; i++) {
        if (i > 0 && i == d->point)
            *p++ = '.';
        *p++ = i < d->n ? d->digits[i] : '0';
    }
    return p;
}

static const char *put_double(char *buf, double value, double least_plain, int exponent_width)
{
    char *p = buf;
    if (!isfinite(value))
        value = 0;
    if (signbit(value)) {
        *p++ = '-';
        value = -value;
    }
    if (value == 0) {
        *p++ = '0';
    } else {
        struct decimal d;
        shortest_digits(&d, value);
        bool is_plain = value >= least_plain && value < 1e21;
        p = is_plain ? put_plain_form(p, &d) : put_exponent_form(p, &d, exponent_width);
    }
    *p = '\0';
    return buf;
}

const char *rt__json_double(char *buf, double value)
{
    return put_double(buf, value, 1e-6, 2);
}

/* Exponents of two digits at the least, and from a larger number on. */
const char *rt__fmt_double(char *buf, double value)
{
    return put_double(buf, value, 1e-4, 3);
}
