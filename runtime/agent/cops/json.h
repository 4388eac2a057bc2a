/* json.h - JSON as agents send it, read whole, and written again in one line. */
#ifndef COPS_JSON_H
#define COPS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <yajl/yajl_tree.h>

struct cops_json {
    yajl_val root;
};

/* False, with nothing to free, when it is not JSON or nested deeper than any answer is. */
bool cops_json_read(struct cops_json *json, const char *text, size_t len);
void cops_json_free(struct cops_json *json);

/* NULL when there is no such member, or value is no object (NULL is none). */
yajl_val cops_json_member(yajl_val value, const char *name);
/* NULL when it is no string. */
const char *cops_json_text(yajl_val value);
/* 0 when it is no number. */
double cops_json_number(yajl_val value);
uint64_t cops_json_uint(yajl_val value);

/* The value in one line; numbers with the digits in which they came. */
void cops_json_write(FILE *out, yajl_val value);

#endif
