/* cycles.c - see cycles.h. */
#include "runtime/agent/cops/cycles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/agent/cops/json.h"
#include "runtime/agent/cops/text.h"

static void add(struct cops_cycles *out, uint64_t number, const char *line, size_t len)
{
    struct cops_text text = {0};
    cops_text_add(&text, line, len);
    out->all = cops_grow(out->all, (out->n + 1) * sizeof *out->all);
    out->all[out->n++] = (struct cops_cycle){number, text.bytes};
}

static void read_lines(const char *body, size_t len, struct cops_cycles *out)
{
    while (len > 0) {
        const char *end = memchr(body, '\n', len);
        size_t n = end ? (size_t)(end - body) : len;
        if (n > 3 && memcmp(body, "gc ", 3) == 0 && body[3] >= '0' && body[3] <= '9') {
            uint64_t number = 0;
            for (size_t i = 3; i < n && body[i] >= '0' && body[i] <= '9'; i++)
                number = number * 10 + (uint64_t)(body[i] - '0');
            add(out, number, body, n);
        }
        n += end != NULL;
        body += n;
        len -= n;
    }
}

static bool read_json(const char *body, size_t len, struct cops_cycles *out)
{
    struct cops_json json;
    if (!cops_json_read(&json, body, len))
        return false;
    bool ok = YAJL_IS_ARRAY(json.root);
    for (size_t i = 0; ok && i < json.root->u.array.len; i++) {
        yajl_val cycle = json.root->u.array.values[i];
        char *line = NULL;
        size_t line_len = 0;
        FILE *stream = open_memstream(&line, &line_len);
        if (!stream)
            break;
        cops_json_write(stream, cycle);
        if (fclose(stream) == 0)
            add(out, cops_json_uint(cops_json_member(cycle, "number")), line, line_len);
        free(line);
    }
    cops_json_free(&json);
    return ok;
}

bool cops_cycles_read(const char *body, size_t len, bool in_json, struct cops_cycles *out)
{
    *out = (struct cops_cycles){0};
    if (in_json)
        return read_json(body, len, out);
    read_lines(body, len, out);
    return true;
}

void cops_cycles_free(struct cops_cycles *cycles)
{
    for (size_t i = 0; i < cycles->n; i++)
        free(cycles->all[i].line);
    free(cycles->all);
    *cycles = (struct cops_cycles){0};
}

size_t cops_cycles_first_new(const struct cops_cycles *cycles, uint64_t last)
{
    size_t i = cycles->n;
    if (i > 0 && cycles->all[i - 1].number < last)
        return 0;
    while (i > 0 && cycles->all[i - 1].number > last)
        i--;
    return i;
}
