/* facts.c - see facts.h. */
#include "runtime/agent/cops/facts.h"

#include <string.h>
#include "runtime/stats/json_text.h"

struct fact {
    const char *name, *value;
    size_t name_len, value_len;
};

/* 1: the next fact, 0: no more, -1: no fact. Empty lines are passed over. */
static int next_fact(const char **text, size_t *len, struct fact *out)
{
    while (*len > 0) {
        const char *line = *text;
        const char *end = memchr(line, '\n', *len);
        size_t n = end ? (size_t)(end - line) : *len;
        *text += n + (end != NULL);
        *len -= n + (end != NULL);
        if (n == 0)
            continue;
        const char *colon = memchr(line, ':', n);
        if (!colon || colon == line)
            return -1;
        out->name = line;
        out->name_len = (size_t)(colon - line);
        out->value = colon + 1;
        out->value_len = n - out->name_len - 1;
        while (out->value_len > 0 && *out->value == ' ') {
            out->value++;
            out->value_len--;
        }
        return 1;
    }
    return 0;
}

static bool is_word(const struct fact *f, const char *word)
{
    return f->value_len == strlen(word) && memcmp(f->value, word, f->value_len) == 0;
}

static size_t digits_len(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && text[n] >= '0' && text[n] <= '9')
        n++;
    return n;
}

/* Whether it is a number as JSON has it: -12, 0.5, 5.3e-05. */
static bool is_number(const char *text, size_t len)
{
    size_t at = len > 0 && text[0] == '-';
    size_t n = digits_len(text + at, len - at);
    if (n == 0 || (n > 1 && text[at] == '0'))
        return false;
    at += n;
    if (at < len && text[at] == '.') {
        n = digits_len(text + at + 1, len - at - 1);
        if (n == 0)
            return false;
        at += n + 1;
    }
    if (at < len && text[at] == 'e') {
        at += 1 + (at + 1 < len && (text[at + 1] == '-' || text[at + 1] == '+'));
        n = digits_len(text + at, len - at);
        if (n == 0)
            return false;
        at += n;
    }
    return at == len;
}

/* The digits before " bytes" at the value's end, in brackets or not. */
static bool find_bytes(const struct fact *f, const char **digits, size_t *n)
{
    static const char unit[] = " bytes";
    size_t end = f->value_len;
    if (end > 0 && f->value[end - 1] == ')')
        end--;
    if (end < sizeof unit || memcmp(f->value + end - (sizeof unit - 1), unit, sizeof unit - 1) != 0)
        return false;
    end -= sizeof unit - 1;
    size_t begin = end;
    while (begin > 0 && f->value[begin - 1] >= '0' && f->value[begin - 1] <= '9')
        begin--;
    *digits = f->value + begin;
    *n = end - begin;
    return is_number(*digits, *n);
}

static void write_value(FILE *out, const struct fact *f)
{
    const char *digits;
    size_t n;
    if (is_word(f, "-"))
        fputs("null", out);
    else if (is_word(f, "true") || is_word(f, "false") || is_number(f->value, f->value_len))
        fwrite(f->value, 1, f->value_len, out);
    else if (find_bytes(f, &digits, &n))
        fwrite(digits, 1, n, out);
    else
        rt__json_string(out, f->value, f->value_len);
}

bool cops_facts_write_json(FILE *out, const char *text, size_t len)
{
    struct fact f;
    const char *at = text;
    size_t left = len;
    int more, n = 0;
    while ((more = next_fact(&at, &left, &f)) > 0)
        n++;
    if (more < 0 || n == 0)
        return false;
    for (const char *before = "{"; next_fact(&text, &len, &f) > 0; before = ",") {
        fputs(before, out);
        rt__json_string(out, f.name, f.name_len);
        fputc(':', out);
        write_value(out, &f);
    }
    fputs("}\n", out);
    return true;
}
