/* memory.c - memory for writing a profile (see memory.h).
 *
 * Everything doubles, so that adding n things costs n steps. Sizes are checked before malloc is asked:
 * what cannot be is refused here, and a sum that overflows never reaches it.
 */
#include "runtime/profile/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/profile/snapshot.h"

#define ALIGNMENT 16
#define CHUNK_BYTES 32768 /* of kept memory: some hundred stacks or frames for each malloc */
#define FIRST_ITEMS 64
#define FIRST_BYTES 4096
#define MOST_BYTES ((size_t)PTRDIFF_MAX / 4) /* room to double, and to add a header, without a second check */

struct chunk {
    struct chunk *next;
    size_t used, room;
    char bytes[] __attribute__((aligned(ALIGNMENT)));
};

void *rt__kept_take(void **kept, size_t size)
{
    if (size > MOST_BYTES)
        return NULL;
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    struct chunk *first = *kept;
    if (first == NULL || first->room - first->used < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        struct chunk *new_chunk = malloc(sizeof *new_chunk + room);
        if (new_chunk == NULL)
            return NULL;
        new_chunk->next = first;
        new_chunk->used = 0;
        new_chunk->room = room;
        *kept = first = new_chunk;
    }
    void *taken = first->bytes + first->used;
    first->used += size;
    return taken;
}

void rt__kept_release(void **kept)
{
    struct chunk *chunk = *kept;
    *kept = NULL;
    while (chunk) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

bool rt__array_grow(void *array, size_t *room, size_t count, size_t item_size)
{
    if (count < *room)
        return true;
    size_t more = *room ? *room * 2 : FIRST_ITEMS;
    void *old, *moved;
    memcpy(&old, array, sizeof old); /* array is the address of a pointer of any type */
    if (more > MOST_BYTES / item_size || (moved = realloc(old, more * item_size)) == NULL)
        return false;
    memcpy(array, &moved, sizeof moved);
    *room = more;
    return true;
}

char *rt__bytes_room(struct rt__bytes *b, size_t len)
{
    if (b->failed || len > MOST_BYTES || b->len > MOST_BYTES) {
        b->failed = true;
        return NULL;
    }
    if (b->room - b->len < len) {
        size_t more = b->room ? b->room * 2 : FIRST_BYTES;
        if (more < b->len + len)
            more = b->len + len;
        char *moved = realloc(b->data, more);
        if (moved == NULL) {
            b->failed = true;
            return NULL;
        }
        b->data = moved;
        b->room = more;
    }
    return b->data + b->len;
}

void rt__bytes_add(struct rt__bytes *b, const void *data, size_t len)
{
    char *room = len > 0 ? rt__bytes_room(b, len) : NULL;
    if (room) {
        memcpy(room, data, len);
        b->len += len;
    }
}

void rt__bytes_addf(struct rt__bytes *b, const char *fmt, ...)
{
    va_list args;
    size_t room_left = 128; /* most lines fit at the first try */
    for (int tries = 0; tries < 2; tries++) {
        char *room = rt__bytes_room(b, room_left);
        if (room == NULL)
            return;
        va_start(args, fmt);
        int len = vsnprintf(room, room_left, fmt, args);
        va_end(args);
        if (len < 0) {
            b->failed = true;
            return;
        }
        if ((size_t)len < room_left) {
            b->len += (size_t)len;
            return;
        }
        room_left = (size_t)len + 1;
    }
}

void rt__bytes_release(struct rt__bytes *b)
{
    free(b->data);
    *b = (struct rt__bytes){0};
}
