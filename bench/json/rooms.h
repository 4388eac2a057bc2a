/* rooms.h - what a file of rooms is parsed into: the model of the benchmark ParsingJsonFile.
 *
 * Everything here lives in one rt_scope and dies with it. Rooms lie in blocks, of which none is ever moved: an array
 * that doubles would need three times its size while it is copied. A text is a pointer and a length and has no NUL of
 * its own, so that one without escapes can stay where it was read.
 */
#ifndef BENCH_JSON_ROOMS_H
#define BENCH_JSON_ROOMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct rooms_text {
    const char *bytes; /* NULL when length is 0 */
    size_t length;
};

struct room_photo {
    int64_t id;
    struct rooms_text url;
    struct rooms_text room_id;
    struct room_photo *next;
};

struct room {
    struct rooms_text id;
    struct rooms_text name;
    struct rooms_text category;
    struct rooms_text main_photo;
    double cost;
    int64_t number_of_seats;
    bool is_available;
    struct room_photo *photos; /* in the file's order */
};

struct rooms_block {
    struct rooms_block *next;
    size_t count;
    size_t most;
    struct room rooms[];
};

struct rooms {
    size_t count;
    struct rooms_block *first;
    struct rooms_block *last;
    size_t bytes; /* of rooms, photos and the texts that were copied: without what blocks have to spare */
};

/* rooms_at - the index'th room. Walks the blocks, which are few. NULL behind the last one. */
const struct room *rooms_at(const struct rooms *rooms, size_t index);

/* rooms_write - the rooms as JSON, in the shape that the parser reads. */
void rooms_write(FILE *out, const struct rooms *rooms);
/* rooms_write_seeds - count rooms as JSON: the booking app's three, over and over. */
void rooms_write_seeds(FILE *out, size_t count);

#endif
