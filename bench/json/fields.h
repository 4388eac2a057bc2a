/* fields.h - which keys rooms and photos have, and how a key of the file is matched to one. Pure. */
#ifndef BENCH_JSON_FIELDS_H
#define BENCH_JSON_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

enum rooms_kind { KIND_UNKNOWN, KIND_TEXT, KIND_REAL, KIND_INTEGER, KIND_TRUTH, KIND_PHOTOS };

struct rooms_field {
    const char *name; /* NULL in the last one of a table, which stands for all keys that are unknown */
    size_t length;
    enum rooms_kind kind;
    size_t offset; /* in struct room or struct room_photo */
};

extern const struct rooms_field room_fields[];
extern const struct rooms_field photo_fields[];

/* rooms_field_find - the field for a key: of that very name, else of that name in other case. guess is tried first:
 * objects of a file have their keys in the same order, so whoever passes the field after the last one is nearly
 * always right. Returns the table's last entry for a key that it has not. */
const struct rooms_field *rooms_field_find(const struct rooms_field *table, const struct rooms_field *guess,
                                           const char *key, size_t length);

#endif
