/* answer.h - what the load client reads in the server's JSON. */
#ifndef BENCH_LOAD_ANSWER_H
#define BENCH_LOAD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#define ROOM_ID_SIZE 65 /* the server's ids are UUIDs of 36 characters */

struct room {
    char id[ROOM_ID_SIZE];
    bool available;
};

/* Zeroed at first; the list is malloc'd and used again by the next reading. */
struct rooms {
    struct room *list;
    size_t n;
    size_t size;
};

/* answer_text - the string that is the value of key in a JSON object, cut to size; false when there
 * is none, or the text is not JSON. */
bool answer_text(const char *json, size_t len, const char *key, char *out, size_t size);

/* answer_rooms - an array of rooms; false when the text is none. */
bool answer_rooms(const char *json, size_t len, struct rooms *rooms);

#endif
