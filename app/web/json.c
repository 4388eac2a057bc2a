/* json.c - writes JSON text with yajl.
 *
 * A loop has one writer and uses it for one answer after the other; the finished text is copied
 * into the request's scope, where it stays until it is sent. A writer per request would ask the
 * managed heap for 2.7 KiB each time (yajl's state and its first buffer) to keep 0.5 KiB of text,
 * and under Boehm bytes asked for are what cycles are paid by.
 *
 * The writer itself lives in a scope of the loop's. All that yajl asks for is allocated
 * pointer-free, its small structs too: the scope keeps each of its objects alive, so the collector
 * need not find one through another.
 */
#include "app/web/web.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A writer that had to hold more than this is given up after the answer: one huge answer should
 * not cost its size for ever. Lower would throw the writer away in daily use. */
#define WRITER_KEPT_BYTES (64 * 1024)

static void *json_malloc(void *scope, size_t size)
{
    return rt_scope_alloc_atomic(scope, size);
}

static void *json_realloc(void *scope, void *p, size_t size)
{
    return p != NULL ? rt_scope_realloc(scope, p, size) : rt_scope_alloc_atomic(scope, size);
}

static void json_free(void *scope, void *p)
{
    (void)scope;
    (void)p;
}

void web_json_end(struct web_loop *loop)
{
    rt_scope_end(loop->json_scope);
    loop->json_scope = NULL;
    loop->json = NULL;
}

yajl_gen web_json_begin(struct web_request *rq)
{
    struct web_loop *loop = rq->loop;

    rt_trace_region_begin("JSON"); /* until web_json_take */
    if (loop->json == NULL) {
        yajl_alloc_funcs functions = {json_malloc, json_realloc, json_free, NULL};

        loop->json_scope = rt_scope_begin();
        functions.ctx = loop->json_scope;
        loop->json = yajl_gen_alloc(&functions);
        return loop->json;
    }
    yajl_gen_clear(loop->json);
    yajl_gen_reset(loop->json, NULL);
    return loop->json;
}

const char *web_json_take(struct web_request *rq, size_t *len)
{
    const unsigned char *text;
    char *copy;

    yajl_gen_get_buf(rq->loop->json, &text, len);
    copy = rt_scope_alloc_atomic(rq->scope, *len);
    memcpy(copy, text, *len);
    if (*len > WRITER_KEPT_BYTES)
        web_json_end(rq->loop);
    rt_trace_region_end();
    return copy;
}

void web_json_text(yajl_gen json, const char *text)
{
    yajl_gen_string(json, (const unsigned char *)text, strlen(text));
}

void web_json_text_member(yajl_gen json, const char *key, const char *text)
{
    web_json_text(json, key);
    web_json_text(json, text);
}

void web_json_number(yajl_gen json, double value)
{
    char buf[WEB_NUMBER_MAX];
    size_t len = web_format_number(buf, value);

    yajl_gen_number(json, buf, len);
}

/* Prices have few decimals: value = n/100 for an integer n of at most 15 digits. No two decimals
 * of up to 15 digits are the same double, so the one that reads back is the shortest once its
 * trailing zeros are gone. Thirty times quicker than printf, which is why it is here. */
static size_t format_cents(char *buf, double value)
{
    double scaled = value * 100;
    long long n;
    int len;

    if (!(scaled > -1e15 && scaled < 1e15) || (value == 0 && signbit(value)))
        return 0;
    n = llround(scaled);
    if ((double)n / 100 != value)
        return 0;
    char digits[24];
    char *p = digits + sizeof(digits);
    unsigned long long left = (unsigned long long)(n < 0 ? -n : n);
    unsigned cents = (unsigned)(left % 100);
    if (cents != 0) {
        if (cents % 10 != 0)
            *--p = (char)('0' + cents % 10);
        *--p = (char)('0' + cents / 10);
        *--p = '.';
    }
    left /= 100;
    do {
        *--p = (char)('0' + left % 10);
        left /= 10;
    } while (left != 0);
    if (n < 0)
        *--p = '-';
    len = (int)(digits + sizeof(digits) - p);
    memcpy(buf, p, (size_t)len);
    buf[len] = '\0';
    return (size_t)len;
}

/* Go's 'f' form: all digits and no exponent, for 1e-6 <= |value| < 1e21. */
static size_t format_plain(char *buf, double value)
{
    for (int decimals = 0; decimals < 24; decimals++) {
        int len = snprintf(buf, WEB_NUMBER_MAX, "%.*f", decimals, value);
        if (len < WEB_NUMBER_MAX && strtod(buf, NULL) == value)
            return (size_t)len;
    }
    return 0;
}

/* Go's 'e' form, with its exponent cleaned up: e-07 becomes e-7. */
static size_t format_exponent(char *buf, double value)
{
    size_t len = 0;

    for (int digits = 0; digits < 17; digits++) {
        len = (size_t)snprintf(buf, WEB_NUMBER_MAX, "%.*e", digits, value);
        if (strtod(buf, NULL) == value)
            break;
    }
    if (len >= 4 && buf[len - 4] == 'e' && buf[len - 3] == '-' && buf[len - 2] == '0') {
        buf[len - 2] = buf[len - 1];
        buf[--len] = '\0';
    }
    return len;
}

size_t web_format_number(char buf[WEB_NUMBER_MAX], double value)
{
    double size = fabs(value);
    size_t len;

    if (!isfinite(value))
        value = 0;
    if ((len = format_cents(buf, value)) != 0)
        return len;
    if (size == 0 || (size >= 1e-6 && size < 1e21)) {
        if ((len = format_plain(buf, value)) != 0)
            return len;
    }
    return format_exponent(buf, value);
}
