/* body.c - the texts that a handler needs, out of a request's body. Pure: bytes in, texts out.
 *
 * JSON is read by yajl's callbacks, which build nothing: the values of the wanted members are copied
 * into the caller's scope, all else is only checked. yajl is laxer than it seems, so the bytes are
 * looked through first: it takes overlong and surrogate sequences for UTF-8, and makes other
 * characters of half a surrogate pair ("\ud800A" becomes U+10041) where it should refuse.
 * Its parser lives in malloc'd memory and is freed before the return: 0.38 us for a booking's body,
 * where a parser in the request's scope took 0.85 us and left 2 KiB to the collector.
 *
 * Names of members are compared as Go's encoding/json does, whatever their case (ASCII's). A wanted
 * member that comes twice is refused: two readers of such a body may disagree about its meaning.
 * One that nobody asked for may come as often as it likes, since no value of it is used.
 *
 * The sentence about a refusal must never quote the body: it is put into an answer and into logs.
 */
#include "app/web/web.h"

#include "app/utf8.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <yajl/yajl_parse.h>

/* Objects and arrays within each other. Clients of this interface send 1. Higher would let a body
 * of 64 KiB make yajl's stack 64 KiB deep, lower gains nothing. */
#define DEPTH_MAX 32

/* ---- the type -------------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_word(const char *p, const char *end, const char *word)
{
    return (size_t)(end - p) == strlen(word) && strncasecmp(p, word, strlen(word)) == 0;
}

/* Takes what reaches to the next ';' that is not quoted, without the spaces around it, and moves *p
 * behind that ';'. */
static void take_part(const char **p, const char *end, const char **part, const char **part_end)
{
    bool quoted = false;

    while (*p < end && is_space(**p))
        ++*p;
    *part = *p;
    for (; *p < end && (quoted || **p != ';'); ++*p) {
        if (**p == '"')
            quoted = !quoted;
        else if (quoted && **p == '\\' && end - *p > 1)
            ++*p;
    }
    *part_end = *p;
    while (*part_end > *part && is_space((*part_end)[-1]))
        --*part_end;
    if (*p < end)
        ++*p;
}

/* Whether a parameter asks for another encoding than UTF-8. Others, and what is no parameter, mean
 * nothing here, as to the original. */
static bool is_foreign_charset(const char *part, const char *end)
{
    const char *equals = memchr(part, '=', (size_t)(end - part));

    if (equals == NULL || !is_word(part, equals, "charset"))
        return false;
    return !is_word(equals + 1, end, "utf-8") && !is_word(equals + 1, end, "\"utf-8\"");
}

enum web_body_type web_body_type_of(const char *content_type, size_t len)
{
    const char *p = content_type;
    const char *end = p + len;
    const char *part;
    const char *part_end;
    enum web_body_type type;

    if (len == 0)
        return WEB_BODY_OTHER;
    take_part(&p, end, &part, &part_end);
    if (is_word(part, part_end, "application/json"))
        type = WEB_BODY_JSON;
    else if (is_word(part, part_end, "application/x-www-form-urlencoded"))
        type = WEB_BODY_FORM;
    else
        return WEB_BODY_OTHER;
    while (p < end) {
        take_part(&p, end, &part, &part_end);
        if (is_foreign_charset(part, part_end))
            return WEB_BODY_OTHER;
    }
    return type;
}

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

/* The code unit of the \uXXXX at p, or -1 when there is none. */
static int escaped_unit(const char *p, const char *end)
{
    int unit = 0;

    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        char c = p[i];
        char lower = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
            unit = unit << 4 | (c - '0');
        else if (lower >= 'a' && lower <= 'f')
            unit = unit << 4 | (lower - 'a' + 10);
        else
            return -1;
    }
    return unit;
}

/* Whether an escape stands for half of a surrogate pair without its other half. A backslash occurs
 * in strings only, so there is no need to know where those are; malformed ones are left to yajl. */
static bool has_half_pair(const char *body, size_t len)
{
    const char *end = body + len;

    for (const char *p = body; (p = memchr(p, '\\', (size_t)(end - p))) != NULL;) {
        int unit = escaped_unit(p, end);

        if (unit >= 0xdc00 && unit <= 0xdfff)
            return true;
        if (unit >= 0xd800 && unit <= 0xdbff) {
            int second = escaped_unit(p + 6, end);
            if (second < 0xdc00 || second > 0xdfff)
                return true;
            p += 6;
        }
        p += unit >= 0 ? 6 : end - p >= 2 ? 2 : 1;
    }
    return false;
}

/* ---- fields ---------------------------------------------------------------------------------- */

struct reader {
    const struct web_field *fields;
    size_t n;
    struct rt_scope *scope;
    const char **values;
    struct failure *err; /* filled when a callback has stopped the parser */
    int depth;
    int field; /* whose value comes next, on the top level; -1 for others */
    bool seen[WEB_FIELDS_MAX];
};

/* Takes a decoded text, which need not end in a NUL, as the value of a field. */
static int take_value(struct reader *r, size_t i, const char *text, size_t len)
{
    const struct web_field *field = &r->fields[i];
    char *copy;

    if (len == 0)
        return failure_set(r->err, "%s must not be empty", field->name);
    if (len > field->max)
        return failure_set(r->err, "%s must have at most %zu bytes", field->name, field->max);
    if (memchr(text, '\0', len) != NULL)
        return failure_set(r->err, "%s must not hold a NUL character", field->name);
    if (!utf8_is_valid(text, len))
        return failure_set(r->err, "%s must be valid UTF-8", field->name);
    copy = rt_scope_alloc_atomic(r->scope, len + 1);
    memcpy(copy, text, len);
    copy[len] = '\0';
    r->values[i] = copy;
    return 0;
}

static int check_complete(const struct reader *r)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->values[i] == NULL)
            return failure_set(r->err, "%s is missing", r->fields[i].name);
    }
    return 0;
}

/* ---- JSON: yajl's callbacks, which go on with 1 and stop with 0 ------------------------------ */

static int on_value(struct reader *r, const char *kind)
{
    if (r->depth == 0) {
        failure_set(r->err, "the body must be a JSON object, got %s", kind);
        return 0;
    }
    if (r->field >= 0) {
        failure_set(r->err, "%s must be a string, got %s", r->fields[r->field].name, kind);
        return 0;
    }
    return 1;
}

/* null is as good as leaving the member out, as in Go; what is missing is found at the end. */
static int on_null(void *arg)
{
    struct reader *r = arg;

    if (r->depth == 0)
        return on_value(r, "null");
    r->field = -1;
    return 1;
}

static int on_boolean(void *arg, int value)
{
    (void)value;
    return on_value(arg, "a boolean");
}

static int on_number(void *arg, const char *text, size_t len)
{
    (void)text;
    (void)len;
    return on_value(arg, "a number");
}

static int on_string(void *arg, const unsigned char *text, size_t len)
{
    struct reader *r = arg;
    int field = r->field;

    if (r->depth == 0)
        return on_value(r, "a string");
    r->field = -1;
    return field < 0 || take_value(r, (size_t)field, (const char *)text, len) == 0;
}

static int go_deeper(struct reader *r)
{
    if (++r->depth <= DEPTH_MAX)
        return 1;
    failure_set(r->err, "the body must not nest deeper than %d", DEPTH_MAX);
    return 0;
}

static int on_object(void *arg)
{
    struct reader *r = arg;

    return (r->depth == 0 || on_value(r, "an object")) && go_deeper(r);
}

static int on_array(void *arg)
{
    return on_value(arg, "an array") && go_deeper(arg);
}

static int on_key(void *arg, const unsigned char *name, size_t len)
{
    struct reader *r = arg;

    r->field = -1;
    if (r->depth != 1)
        return 1;
    for (size_t i = 0; i < r->n; i++) {
        if (!is_word((const char *)name, (const char *)name + len, r->fields[i].name))
            continue;
        if (r->seen[i]) {
            failure_set(r->err, "%s must be given once", r->fields[i].name);
            return 0;
        }
        r->seen[i] = true;
        r->field = (int)i;
    }
    return 1;
}

static int on_end(void *arg)
{
    struct reader *r = arg;

    r->depth--;
    return 1;
}

/* yajl's messages are constants ("parse error: premature EOF"), some with a full stop. */
static int refuse_json(yajl_handle parser, size_t at, struct failure *err)
{
    char *why = (char *)yajl_get_error(parser, 0, NULL, 0);

    failure_set(err, "the body is not JSON: %.*s, at byte %zu", (int)strcspn(why, ".\n"), why, at);
    yajl_free_error(parser, (unsigned char *)why);
    return -1;
}

static int parse_json(struct reader *r, const char *body, size_t len)
{
    static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_object,
        .yajl_map_key = on_key,
        .yajl_end_map = on_end,
        .yajl_start_array = on_array,
        .yajl_end_array = on_end,
    };
    yajl_handle parser = yajl_alloc(&callbacks, NULL, r);
    yajl_status status = yajl_parse(parser, (const unsigned char *)body, len);
    size_t at = yajl_get_bytes_consumed(parser); /* of the body; below yajl adds a space of its own */
    int ret = 0;

    if (status == yajl_status_ok)
        status = yajl_complete_parse(parser);
    if (status == yajl_status_client_canceled)
        ret = -1;
    else if (status != yajl_status_ok)
        ret = refuse_json(parser, at, r->err);
    yajl_free(parser);
    return ret;
}

static int read_json(struct reader *r, const char *body, size_t len)
{
    if (!utf8_is_valid(body, len))
        return failure_set(r->err, "the body must be valid UTF-8");
    if (has_half_pair(body, len))
        return failure_set(r->err, "the body holds half of a surrogate pair");
    return parse_json(r, body, len);
}

/* ---- forms ----------------------------------------------------------------------------------- */

static int read_form_field(struct reader *r, size_t i, const char *body, size_t len)
{
    const struct web_field *field = &r->fields[i];
    char *buf;
    ptrdiff_t value_len;
    int ret;

    switch (web_query_count(body, len, field->name)) {
    case 0:
        return 0;
    case 1:
        break;
    default:
        return failure_set(r->err, "%s must be given once", field->name);
    }
    buf = rt_scope_alloc_atomic(r->scope, len + 1); /* a decoded value is no longer than the body */
    value_len = web_query_find(body, len, field->name, buf, len + 1);
    ret = take_value(r, i, buf, (size_t)value_len);
    rt_scope_free(r->scope, buf);
    return ret;
}

static int read_form(struct reader *r, const char *body, size_t len)
{
    if (!web_query_is_escaped_well(body, len))
        return failure_set(r->err, "the body holds a %% without two hexadecimal digits behind it");
    for (size_t i = 0; i < r->n; i++) {
        if (read_form_field(r, i, body, len) != 0)
            return -1;
    }
    return 0;
}

int web_body_parse(enum web_body_type type, const char *body, size_t len, const struct web_field *fields, size_t n,
                   struct rt_scope *scope, const char *values[], struct failure *err)
{
    struct reader r = {.fields = fields, .n = n, .scope = scope, .values = values, .err = err, .field = -1};

    for (size_t i = 0; i < n; i++)
        values[i] = NULL;
    if (len == 0)
        return failure_set(err, "the body is empty");
    if ((type == WEB_BODY_JSON ? read_json(&r, body, len) : read_form(&r, body, len)) != 0)
        return -1;
    return check_complete(&r);
}
