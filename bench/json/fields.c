/* fields.c - which keys rooms and photos have, and how a key of the file is matched to one.
 *
 * The rule is encoding/json's: a key of the very name comes first, then one that differs in case alone. Its folding
 * is Unicode's, by which two letters beyond ASCII are forms of ASCII ones: the Kelvin sign and the long s.
 */
#include "bench/json/fields.h"

#include <string.h>

#include "bench/json/rooms.h"

#define FIELD(name_, kind_, type_, member_)                                                                            \
    {                                                                                                                  \
        (name_), sizeof(name_) - 1, (kind_), offsetof(type_, member_)                                                  \
    }
#define NO_FIELD                                                                                                       \
    {                                                                                                                  \
        NULL, 0, KIND_UNKNOWN, 0                                                                                       \
    }

const struct rooms_field room_fields[] = {
    FIELD("id", KIND_TEXT, struct room, id),
    FIELD("name", KIND_TEXT, struct room, name),
    FIELD("cost", KIND_REAL, struct room, cost),
    FIELD("number_of_seats", KIND_INTEGER, struct room, number_of_seats),
    FIELD("category", KIND_TEXT, struct room, category),
    FIELD("main_photo", KIND_TEXT, struct room, main_photo),
    FIELD("IsAvailable", KIND_TRUTH, struct room, is_available),
    FIELD("photos", KIND_PHOTOS, struct room, photos),
    NO_FIELD,
};

const struct rooms_field photo_fields[] = {
    FIELD("ID", KIND_INTEGER, struct room_photo, id),
    FIELD("Url", KIND_TEXT, struct room_photo, url),
    FIELD("RoomId", KIND_TEXT, struct room_photo, room_id),
    NO_FIELD,
};

/* Whether the first and the last 8, 4 or 2 of length bytes are the same: of up to 16, that is all of them. memcmp of
 * a number that the compiler knows is a load and a compare; a call of it takes longer than all else about a key. */
static bool is_same(const char *a, const char *b, size_t length)
{
    if (length >= 8) {
        return memcmp(a, b, 8) == 0 && memcmp(a + length - 8, b + length - 8, 8) == 0;
    }
    if (length >= 4) {
        return memcmp(a, b, 4) == 0 && memcmp(a + length - 4, b + length - 4, 4) == 0;
    }
    if (length >= 2) {
        return memcmp(a, b, 2) == 0 && memcmp(a + length - 2, b + length - 2, 2) == 0;
    }
    return length == 0 || *a == *b;
}
_Static_assert(sizeof("number_of_seats") - 1 <= 16,
               "is_same compares no more than 16 bytes: the longest name has more");

static bool is_exactly(const struct rooms_field *field, const char *key, size_t length)
{
    return field->length == length && field->name && is_same(field->name, key, length);
}

static unsigned char upper(unsigned char c)
{
    return c >= 'a' && c <= 'z' ? (unsigned char)(c - 'a' + 'A') : c;
}

/* The next letter of a key, folded: advances *at past it. */
static unsigned char folded(const char *key, size_t length, size_t *at)
{
    if (length - *at >= 2 && memcmp(key + *at, "\xc5\xbf", 2) == 0) {
        *at += 2;
        return 'S';
    }
    if (length - *at >= 3 && memcmp(key + *at, "\xe2\x84\xaa", 3) == 0) {
        *at += 3;
        return 'K';
    }
    return upper((unsigned char)key[(*at)++]);
}

static bool is_folded(const struct rooms_field *field, const char *key, size_t length)
{
    size_t at = 0, i = 0;
    while (at < length && i < field->length) {
        if (folded(key, length, &at) != upper((unsigned char)field->name[i++])) {
            return false;
        }
    }
    return at == length && i == field->length;
}

const struct rooms_field *rooms_field_find(const struct rooms_field *table, const struct rooms_field *guess,
                                           const char *key, size_t length)
{
    const struct rooms_field *field;
    if (is_exactly(guess, key, length)) {
        return guess;
    }
    for (field = table; field->name; field++) {
        if (is_exactly(field, key, length)) {
            return field;
        }
    }
    for (field = table; field->name; field++) {
        if (is_folded(field, key, length)) {
            return field;
        }
    }
    return field;
}
