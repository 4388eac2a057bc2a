/* http.c - see http.h. */
#include "runtime/agent/cops/http.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "runtime/agent/cops/json.h"
#include "runtime/agent/cops/options.h"

#define LENGTH_HEADER "Content-Length:"

/* The value of Content-Length between two line ends, or false. */
static bool read_length(const char *line, size_t len, uint64_t *value)
{
    char digits[24];
    size_t skip = sizeof LENGTH_HEADER - 1;
    if (len < skip || strncasecmp(line, LENGTH_HEADER, skip) != 0)
        return false;
    while (skip < len && (line[skip] == ' ' || line[skip] == '\t'))
        skip++;
    while (len > skip && (line[len - 1] == ' ' || line[len - 1] == '\t'))
        len--;
    if (len - skip >= sizeof digits)
        return false;
    memcpy(digits, line + skip, len - skip);
    digits[len - skip] = '\0';
    return cops_parse_number(digits, SIZE_MAX, value);
}

static bool read_status(const char *answer, size_t len, int *status)
{
    if (len < 12 || memcmp(answer, "HTTP/1.", 7) != 0 || answer[8] != ' ')
        return false;
    for (int i = 9; i < 12; i++) {
        if (!isdigit((unsigned char)answer[i]))
            return false;
    }
    *status = (answer[9] - '0') * 100 + (answer[10] - '0') * 10 + (answer[11] - '0');
    return true;
}

bool cops_http_parse(const char *answer, size_t len, struct cops_response *out, struct cops_error *error)
{
    if (len == 0)
        return cops_error(error, "no answer; is there an agent of this runtime?");
    if (!read_status(answer, len, &out->status))
        return cops_error(error, "the answer is not HTTP; is there an agent of this runtime?");
    const char *head_end = memmem(answer, len, "\r\n\r\n", 4);
    if (!head_end)
        return cops_error(error, "the answer broke off in its header");
    out->body = head_end + 4;
    out->body_len = len - (size_t)(out->body - answer);
    for (const char *line = memmem(answer, len, "\r\n", 2); line < head_end;) {
        uint64_t want;
        line += 2;
        const char *end = memmem(line, (size_t)(head_end + 2 - line), "\r\n", 2);
        if (read_length(line, (size_t)(end - line), &want)) {
            if (want > out->body_len)
                return cops_error(error, "the answer broke off after %zu of %ju bytes", out->body_len, (uintmax_t)want);
            out->body_len = (size_t)want;
        }
        line = end;
    }
    return true;
}

void cops_http_message(const struct cops_response *res, char *buf, size_t size)
{
    struct cops_json json;
    const char *message = NULL;
    if (cops_json_read(&json, res->body, res->body_len)) {
        message = cops_json_text(cops_json_member(json.root, "message"));
        if (message)
            snprintf(buf, size, "%s", message);
        cops_json_free(&json);
    }
    if (!message) {
        size_t line = 0;
        while (line < res->body_len && line < size && !strchr("\r\n", res->body[line]))
            line++;
        snprintf(buf, size, "status %d: %.*s", res->status, (int)line, res->body);
    }
}

void cops_form_add(struct cops_text *form, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x80 && (isalnum(c) || (c && strchr("-._~", c))))
            cops_text_add(form, &text[i], 1);
        else
            cops_text_printf(form, "%%%02X", c);
    }
}

static void put_request(struct cops_text *request, const char *path, const char *form, const char *address)
{
    /* HTTP/1.0: nobody may answer in chunks, and the connection ends behind the answer. */
    cops_text_printf(request, "%s %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: cops\r\n", form ? "POST" : "GET", path,
                     address);
    if (form)
        cops_text_printf(request, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n%s",
                         strlen(form), form);
    else
        cops_text_puts(request, "\r\n");
}

static bool exchange(const struct cops_target *target, const char *path, const char *form, unsigned patience_s,
                     struct cops_text *answer, struct cops_error *error)
{
    char address[COPS_ADDRESS_TEXT];
    struct cops_text request = {0};
    int fd;
    if (!cops_net_connect(target, address, &fd, error))
        return false;
    put_request(&request, path, form, address);
    bool ok = cops_net_send(target, fd, request.bytes, request.len, error) &&
              cops_net_receive(target, fd, patience_s, answer, error);
    close(fd);
    cops_text_free(&request);
    return ok;
}

bool cops_http_ask(const struct cops_target *target, const char *path, const char *form, unsigned patience_s,
                   struct cops_text *body, struct cops_error *error)
{
    struct cops_text answer = {0};
    struct cops_response res;
    struct cops_error why;
    bool ok = exchange(target, path, form, patience_s, &answer, error);
    if (ok && !cops_http_parse(answer.bytes, answer.len, &res, &why)) {
        ok = cops_error(error, "%s: %s", target->name, why.text);
    } else if (ok && res.status != 200) {
        cops_http_message(&res, why.text, sizeof why.text);
        ok = cops_error(error, "%s: %s", target->name, why.text);
    } else if (ok) {
        cops_text_add(body, res.body, res.body_len);
    }
    cops_text_free(&answer);
    return ok;
}
