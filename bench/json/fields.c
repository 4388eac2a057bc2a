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

/* Names are a few bytes long: a call of memcmp takes longer than they do. */
static bool is_exactly(const struct rooms_field *field, const char *key, size_t length)
{
    if (field->length != length || !field->name) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (field->name[i] != key[i]) {
            return false;
        }
    }
    return true;
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
