/* settings_body.c - a strict reader for one flat JSON object of known fields, or a form of them.
 *
 * The library links no JSON parser, and needs none: the object is flat, so the reader stops at the
 * first nested value (no field wants one) and depth costs nothing. Texts are decoded into short
 * buffers; one that does not fit is no value that a field could take, and is read to its end only
 * to know that it is well-formed. Numbers are handed as text to settings_fields.c, where the
 * ranges are written. Must never read at or past the end of the body.
 */
#include "runtime/debug/settings_body.h"

#include <stdio.h>
#include <string.h>
#include "runtime/debug/form.h"
#include "runtime/stats/json_text.h"

#define TEXT_BYTES 64  /* longest name or value that can mean anything, with room to spare */
#define SHOWN_BYTES 32 /* of an unknown field's name */

struct reader {
    const char *start, *p, *end;
    struct rt__settings_error *err;
};

/* A decoded JSON string or the characters of a number. */
struct text {
    char bytes[TEXT_BYTES];
    size_t len;
    bool cut; /* was longer, or holds a NUL: equal to nothing */
};

/* ---- errors ------------------------------------------------------------------------------------ */

static int bad_json(struct reader *r, const char *what)
{
    snprintf(r->err->message, sizeof r->err->message, "body: not valid JSON at byte %zu: want %s",
             (size_t)(r->p - r->start), what);
    return -1;
}

static int bad_field(struct rt__settings_error *err, enum rt__settings_field field)
{
    snprintf(err->message, sizeof err->message, "%s: %s", rt__settings_name(field), rt__settings_want(field));
    return -1;
}

static int unknown_field(struct rt__settings_error *err, const char *name, size_t len)
{
    char shown[SHOWN_BYTES + 4];
    size_t n = len < SHOWN_BYTES ? len : SHOWN_BYTES;
    for (size_t i = 0; i < n; i++)
        shown[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
    strcpy(shown + n, len > SHOWN_BYTES ? "..." : "");
    snprintf(err->message, sizeof err->message, "%s: unknown field: want " RT__SETTINGS_NAMES, shown);
    return -1;
}

/* ---- fields ------------------------------------------------------------------------------------ */

static int refuse_twice(const struct rt__settings_change *change, enum rt__settings_field field,
                        struct rt__settings_error *err)
{
    if (!change->has[field])
        return 0;
    snprintf(err->message, sizeof err->message, "%s: given twice: want it once", rt__settings_name(field));
    return -1;
}

static int set_field(struct rt__settings_change *change, enum rt__settings_field field, const char *text,
                     struct rt__settings_error *err)
{
    change->has[field] = true;
    return rt__settings_parse(field, text, &change->values[field]) == 0 ? 0 : bad_field(err, field);
}

/* ---- JSON -------------------------------------------------------------------------------------- */

static void skip_space(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

static bool at(const struct reader *r, char c)
{
    return r->p < r->end && *r->p == c;
}

static bool at_digit(const struct reader *r)
{
    return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static void add_bytes(struct text *t, const char *bytes, size_t n)
{
    if (t->cut || t->len + n >= sizeof t->bytes || memchr(bytes, '\0', n)) {
        t->cut = true;
        return;
    }
    memcpy(t->bytes + t->len, bytes, n);
    t->len += n;
    t->bytes[t->len] = '\0';
}

static void add_code_point(struct text *t, uint32_t c)
{
    char utf8[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; c >>= 6)
        utf8[i] = (char)(0x80 | (c & 0x3F));
    utf8[0] = (char)(lead[n] | c);
    add_bytes(t, utf8, n);
}

static int read_hex4(struct reader *r, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++, r->p++) {
        static const char digits[] = "0123456789abcdefABCDEF";
        const char *digit = r->p < r->end && *r->p ? strchr(digits, *r->p) : NULL;
        if (!digit)
            return bad_json(r, "four hex digits");
        uint32_t d = (uint32_t)(digit - digits);
        *value = *value << 4 | (d < 16 ? d : d - 6);
    }
    return 0;
}

/* What follows \u; a pair of surrogates is one code point, half a pair is none. */
static int read_unicode_escape(struct reader *r, struct text *t)
{
    uint32_t c, low;
    if (read_hex4(r, &c) != 0)
        return -1;
    if (c >= 0xD800 && c <= 0xDFFF) {
        if (c >= 0xDC00 || r->end - r->p < 2 || r->p[0] != '\\' || r->p[1] != 'u')
            return bad_json(r, "a pair of surrogates");
        r->p += 2;
        if (read_hex4(r, &low) != 0)
            return -1;
        if (low < 0xDC00 || low > 0xDFFF)
            return bad_json(r, "a pair of surrogates");
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    add_code_point(t, c);
    return 0;
}

static int read_escape(struct reader *r, struct text *t)
{
    static const char names[] = "\"\\/bfnrt";
    static const char bytes[] = "\"\\/\b\f\n\r\t";
    r->p++;
    if (at(r, 'u')) {
        r->p++;
        return read_unicode_escape(r, t);
    }
    const char *name = r->p < r->end && *r->p ? strchr(names, *r->p) : NULL;
    if (!name)
        return bad_json(r, "an escape");
    add_bytes(t, &bytes[name - names], 1);
    r->p++;
    return 0;
}

/* At the opening quote. */
static int read_string(struct reader *r, struct text *t)
{
    *t = (struct text){.len = 0};
    r->p++;
    while (!at(r, '"')) {
        size_t n = rt__utf8_sequence(r->p, (size_t)(r->end - r->p));
        if (n == 0 || (unsigned char)*r->p < 0x20)
            return bad_json(r, r->p == r->end ? "a closing quote" : "text in UTF-8 without control characters");
        if (*r->p == '\\') {
            if (read_escape(r, t) != 0)
                return -1;
        } else {
            add_bytes(t, r->p, n);
            r->p += n;
        }
    }
    r->p++;
    return 0;
}

static int skip_digits(struct reader *r)
{
    if (!at_digit(r))
        return bad_json(r, "a digit");
    while (at_digit(r))
        r->p++;
    return 0;
}

/* Any number that JSON has; whether it is one that the field takes is for its parser to say. */
static int read_number(struct reader *r, struct text *t)
{
    const char *begin = r->p;
    *t = (struct text){.len = 0};
    if (at(r, '-'))
        r->p++;
    if (at(r, '0')) /* alone: a digit after it ends the number and is refused there */
        r->p++;
    else if (skip_digits(r) != 0)
        return -1;
    if (at(r, '.')) {
        r->p++;
        if (skip_digits(r) != 0)
            return -1;
    }
    if (at(r, 'e') || at(r, 'E')) {
        r->p++;
        if (at(r, '+') || at(r, '-'))
            r->p++;
        if (skip_digits(r) != 0)
            return -1;
    }
    add_bytes(t, begin, (size_t)(r->p - begin));
    return 0;
}

static int read_value(struct reader *r, struct rt__settings_change *change, enum rt__settings_field field)
{
    struct text t;
    if (at(r, '"')) {
        if (read_string(r, &t) != 0)
            return -1;
        if (t.cut || (!rt__settings_takes_text(field) && strcmp(t.bytes, "off") != 0))
            return bad_field(r->err, field);
        return set_field(change, field, t.bytes, r->err);
    }
    if (at(r, '-') || at_digit(r)) {
        if (read_number(r, &t) != 0)
            return -1;
        return t.cut ? bad_field(r->err, field) : set_field(change, field, t.bytes, r->err);
    }
    if (at(r, '{') || at(r, '[') || at(r, 't') || at(r, 'f') || at(r, 'n'))
        return bad_field(r->err, field);
    return bad_json(r, "a value");
}

/* One "name": value. */
static int read_member(struct reader *r, struct rt__settings_change *change)
{
    struct text name;
    enum rt__settings_field field;
    if (!at(r, '"'))
        return bad_json(r, "a field's name in quotes");
    if (read_string(r, &name) != 0)
        return -1;
    if (name.cut || rt__settings_find(name.bytes, &field) != 0)
        return unknown_field(r->err, name.bytes, name.len);
    if (refuse_twice(change, field, r->err) != 0)
        return -1;
    skip_space(r);
    if (!at(r, ':'))
        return bad_json(r, "a colon");
    r->p++;
    skip_space(r);
    return read_value(r, change, field);
}

/* At the opening brace. */
static int read_object(struct reader *r, struct rt__settings_change *change)
{
    r->p++;
    skip_space(r);
    if (!at(r, '}')) {
        for (;;) {
            if (read_member(r, change) != 0)
                return -1;
            skip_space(r);
            if (!at(r, ','))
                break;
            r->p++;
            skip_space(r);
        }
    }
    if (!at(r, '}'))
        return bad_json(r, "a comma or a closing brace");
    r->p++;
    skip_space(r);
    return r->p == r->end ? 0 : bad_json(r, "nothing after the object");
}

int rt__settings_read_form(const char *text, size_t len, struct rt__settings_change *change,
                           struct rt__settings_error *err)
{
    struct rt__settings_change asked = *change;
    struct rt__form form;
    int more;
    rt__form_begin(&form, text, len);
    while ((more = rt__form_next(&form)) != 0) {
        enum rt__settings_field field;
        if (rt__settings_find(form.name, &field) != 0)
            return unknown_field(err, form.name, strlen(form.name));
        if (more < 0)
            return bad_field(err, field);
        if (refuse_twice(&asked, field, err) != 0 || set_field(&asked, field, form.value, err) != 0)
            return -1;
    }
    *change = asked;
    return 0;
}

int rt__settings_read_body(const char *body, size_t len, struct rt__settings_change *change,
                           struct rt__settings_error *err)
{
    if (len == 0)
        return 0;
    struct rt__settings_change asked = *change;
    struct reader r = {.start = body, .p = body, .end = body + len, .err = err};
    skip_space(&r);
    if (!at(&r, '{'))
        return rt__settings_read_form(body, len, change, err);
    if (read_object(&r, &asked) != 0)
        return -1;
    *change = asked;
    return 0;
}
