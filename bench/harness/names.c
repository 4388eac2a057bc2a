/* names.c - what sub-benchmarks are called: cleaned of what would split a line of the output, and each name once, so
 * that benchstat does not take two benchmarks for one.
 *
 * Pure but for the memory that the names are kept in. The list is searched from its start: a program has some hundred
 * benchmarks, each named once.
 */
#include "bench/harness/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen {
    struct seen *next;
    unsigned times;
    char name[];
};

struct rt__bench_names {
    struct seen *first;
};

void rt__bench_name_clean(char *buf, size_t size, const char *name)
{
    size_t used = 0;
    buf[0] = '\0';
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
        char one[8];
        if (strchr(" \t\n\v\f\r", *c)) {
            strcpy(one, "_");
        } else if (*c < 0x20 || *c == 0x7f) {
            snprintf(one, sizeof(one), *c == '\a' ? "\\a" : *c == '\b' ? "\\b" : "\\x%02x", *c);
        } else {
            snprintf(one, sizeof(one), "%c", *c);
        }
        size_t length = strlen(one);
        if (used + length >= size) {
            return;
        }
        memcpy(buf + used, one, length + 1);
        used += length;
    }
}

struct rt__bench_names *rt__bench_names_new(void)
{
    return calloc(1, sizeof(struct rt__bench_names));
}

void rt__bench_names_free(struct rt__bench_names *names)
{
    for (struct seen *one = names->first, *next; one; one = next) {
        next = one->next;
        free(one);
    }
    free(names);
}

/* The count of this name, which is new when it is 0. */
static unsigned *times_of(struct rt__bench_names *names, const char *name)
{
    for (struct seen *one = names->first; one; one = one->next) {
        if (strcmp(one->name, name) == 0) {
            return &one->times;
        }
    }
    struct seen *one = calloc(1, sizeof(*one) + strlen(name) + 1);
    strcpy(one->name, name);
    one->next = names->first;
    names->first = one;
    return &one->times;
}

void rt__bench_names_unique(struct rt__bench_names *names, char *buf, size_t size, const char *parent, const char *name)
{
    char clean[RT__BENCH_NAME_MAX];
    rt__bench_name_clean(clean, sizeof(clean), name);
    snprintf(buf, size, "%s/%s", parent, clean);
    unsigned *base = times_of(names, buf);
    for (;;) {
        unsigned number = (*base)++;
        if (number == 0 && clean[0] != '\0') {
            return;
        }
        snprintf(buf, size, "%s/%s#%02u", parent, clean, number);
        unsigned *given = times_of(names, buf); /* another may be called name#01 outright */
        if (*given == 0) {
            *given = 1;
            return;
        }
    }
}
