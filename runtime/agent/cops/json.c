/* json.c - see json.h.
 *
 * yajl's tree is read and freed by recursion, so text that nests deeply is refused before yajl sees it: the stack of
 * this program must not depend on what another one sends.
 */
#include "runtime/agent/cops/json.h"

#include <stdlib.h>
#include <string.h>
#include "runtime/stats/json_text.h"

#define DEPTH_MAX 64

static bool is_flat(const char *text, size_t len)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '[' || text[i] == '{') {
            if (++depth > DEPTH_MAX)
                return false;
        } else if ((text[i] == ']' || text[i] == '}') && depth > 0) {
            depth--;
        }
    }
    return true;
}

bool cops_json_read(struct cops_json *json, const char *text, size_t len)
{
    char reason[64];
    char *copy;
    json->root = NULL;
    /* yajl's tree reads until a NUL. */
    if (len == 0 || memchr(text, '\0', len) || !is_flat(text, len) || !(copy = strndup(text, len)))
        return false;
    json->root = yajl_tree_parse(copy, reason, sizeof reason);
    free(copy);
    return json->root != NULL;
}

void cops_json_free(struct cops_json *json)
{
    yajl_tree_free(json->root);
    json->root = NULL;
}

yajl_val cops_json_member(yajl_val value, const char *name)
{
    const char *path[] = {name, NULL};
    return value ? yajl_tree_get(value, path, yajl_t_any) : NULL;
}

const char *cops_json_text(yajl_val value)
{
    return YAJL_GET_STRING(value);
}

double cops_json_number(yajl_val value)
{
    return YAJL_IS_NUMBER(value) ? strtod(value->u.number.r, NULL) : 0;
}

uint64_t cops_json_uint(yajl_val value)
{
    return YAJL_IS_NUMBER(value) ? strtoull(value->u.number.r, NULL, 10) : 0;
}

static void write_object(FILE *out, yajl_val value)
{
    fputc('{', out);
    for (size_t i = 0; i < value->u.object.len; i++) {
        if (i > 0)
            fputc(',', out);
        rt__json_cstring(out, value->u.object.keys[i]);
        fputc(':', out);
        cops_json_write(out, value->u.object.values[i]);
    }
    fputc('}', out);
}

static void write_array(FILE *out, yajl_val value)
{
    fputc('[', out);
    for (size_t i = 0; i < value->u.array.len; i++) {
        if (i > 0)
            fputc(',', out);
        cops_json_write(out, value->u.array.values[i]);
    }
    fputc(']', out);
}

void cops_json_write(FILE *out, yajl_val value)
{
    if (YAJL_IS_OBJECT(value))
        write_object(out, value);
    else if (YAJL_IS_ARRAY(value))
        write_array(out, value);
    else if (YAJL_IS_STRING(value))
        rt__json_cstring(out, value->u.string);
    else if (YAJL_IS_NUMBER(value))
        fputs(value->u.number.r, out);
    else
        fputs(YAJL_IS_TRUE(value) ? "true" : YAJL_IS_FALSE(value) ? "false" : "null", out);
}
