/* http_parse.c - see http_parse.h.
 *
 * Strict, because nothing here has to please old clients: lines end in CRLF, a name is followed by its colon, nothing
 * is folded, and a header that decides something is there once. What two readers could understand differently is
 * refused. Looks only at the bytes that it is given.
 */
#include "runtime/agent/http_parse.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define METHOD_MAX 16
#define BAD (-400)

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_token(char c)
{
    return is_upper(c) || is_digit(c) || (c >= 'a' && c <= 'z') || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

/* ---- the request line ------------------------------------------------------------------------------ */

static int parse_version(const char *text, size_t len, struct rt__http_request *out)
{
    if (len != strlen("HTTP/1.1") || memcmp(text, "HTTP/", 5) != 0 || !is_digit(text[5]) || text[6] != '.' ||
        !is_digit(text[7])) {
        return BAD;
    }
    if (text[5] != '1') {
        return -505;
    }
    out->is_http_1_0 = text[7] == '0';
    return 0;
}

/* A path from the root, with a query or without; only bytes that need no decoding to be looked at. */
static int parse_target(const char *text, size_t len, struct rt__http_request *out)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '#') {
            return BAD;
        }
    }
    if (len == 0 || text[0] != '/') {
        return BAD;
    }
    const char *mark = memchr(text, '?', len);
    out->path = (struct rt__http_span){text, mark ? (size_t)(mark - text) : len};
    out->query = mark ? (struct rt__http_span){mark + 1, len - (size_t)(mark + 1 - text)}
                      : (struct rt__http_span){text + len, 0};
    return 0;
}

static int parse_request_line(const char *text, size_t len, struct rt__http_request *out)
{
    const char *first = memchr(text, ' ', len);
    if (!first) {
        return BAD;
    }
    size_t method_len = (size_t)(first - text);
    size_t rest_len = len - method_len - 1;
    const char *rest = first + 1;
    const char *second = memchr(rest, ' ', rest_len);
    if (!second || method_len == 0 || method_len > METHOD_MAX) {
        return BAD;
    }
    for (size_t i = 0; i < method_len; i++) {
        if (!is_upper(text[i])) {
            return BAD;
        }
    }
    out->method = (struct rt__http_span){text, method_len};
    size_t target_len = (size_t)(second - rest);
    int error = parse_version(second + 1, rest_len - target_len - 1, out);
    /* "*" of OPTIONS, and of HTTP/2's preface, comes after the version in importance. */
    return error != 0 ? error : parse_target(rest, target_len, out);
}

/* ---- headers --------------------------------------------------------------------------------------- */

static bool is_named(struct rt__http_span name, const char *word)
{
    return name.len == strlen(word) && strncasecmp(name.p, word, name.len) == 0;
}

static int set_once(struct rt__http_span *header, struct rt__http_span value)
{
    if (header->p) {
        return BAD;
    }
    *header = value;
    return 0;
}

static int set_length(struct rt__http_request *out, bool *seen, struct rt__http_span value)
{
    size_t n = 0;
    if (*seen || value.len == 0) {
        return BAD;
    }
    *seen = true;
    for (size_t i = 0; i < value.len; i++) {
        if (!is_digit(value.p[i])) {
            return BAD;
        }
        if (n <= RT__HTTP_BODY_MAX) { /* grows no further than what is refused anyway */
            n = n * 10 + (size_t)(value.p[i] - '0');
        }
    }
    out->content_length = n;
    return n <= RT__HTTP_BODY_MAX ? 0 : -413;
}

static int use_header(struct rt__http_request *out, bool *has_length, struct rt__http_span name,
                      struct rt__http_span value)
{
    if (is_named(name, "Host")) {
        return set_once(&out->host, value);
    }
    if (is_named(name, "Origin")) {
        return set_once(&out->origin, value);
    }
    if (is_named(name, "Content-Length")) {
        return set_length(out, has_length, value);
    }
    if (is_named(name, "Transfer-Encoding")) {
        return -501;
    }
    if (is_named(name, "Expect")) {
        out->expects_continue = is_named(value, "100-continue");
    }
    return 0;
}

static int parse_header(const char *line, size_t len, struct rt__http_request *out, bool *has_length)
{
    const char *colon = memchr(line, ':', len);
    if (!colon || colon == line) {
        return BAD;
    }
    struct rt__http_span name = {line, (size_t)(colon - line)};
    for (size_t i = 0; i < name.len; i++) {
        if (!is_token(line[i])) {
            return BAD;
        }
    }
    struct rt__http_span value = {colon + 1, len - name.len - 1};
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return BAD;
        }
    }
    while (value.len > 0 && (value.p[0] == ' ' || value.p[0] == '\t')) {
        value.p++;
        value.len--;
    }
    while (value.len > 0 && (value.p[value.len - 1] == ' ' || value.p[value.len - 1] == '\t')) {
        value.len--;
    }
    return use_header(out, has_length, name, value);
}

/* ---- the head -------------------------------------------------------------------------------------- */

/* Lines up to an empty one; the last CRLF of the head is that line. */
static int parse_lines(const char *text, size_t len, struct rt__http_request *out)
{
    bool has_length = false;
    for (const char *line = text; line < text + len;) {
        const char *end = memmem(line, (size_t)(text + len - line), "\r\n", 2);
        size_t line_len = (size_t)(end - line);
        int error = line == text    ? parse_request_line(line, line_len, out)
                    : line_len == 0 ? 0
                                    : parse_header(line, line_len, out, &has_length);
        if (error != 0) {
            return error;
        }
        line = end + 2;
    }
    return out->is_http_1_0 || out->host.p ? 0 : BAD;
}

int rt__http_parse(const char *text, size_t len, struct rt__http_request *out)
{
    *out = (struct rt__http_request){.content_length = 0};
    size_t looked_at = len < RT__HTTP_HEAD_MAX ? len : RT__HTTP_HEAD_MAX;
    const char *end = memmem(text, looked_at, "\r\n\r\n", 4);
    if (!end) {
        return len < RT__HTTP_HEAD_MAX ? 0 : -431;
    }
    size_t head_len = (size_t)(end + 4 - text);
    int error = parse_lines(text, head_len, out);
    return error != 0 ? error : (int)head_len;
}
