/* memory.h - memory for writing a profile: pieces that are given back as a whole, and arrays that grow.
 *
 * All of it is malloc'd and asked for by an ordinary thread. No function here ends the program: when
 * there is no memory it says so, and the profile is not written. (struct rt__bytes, in snapshot.h, is
 * implemented here too.)
 */
#ifndef RT_PROFILE_MEMORY_H
#define RT_PROFILE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct rt__bytes;

/* size bytes, not zeroed and aligned to 16, that live until rt__kept_release; NULL when there is no memory. *kept is
 * NULL at first. */
void *rt__kept_take(void **kept, size_t size);
void rt__kept_release(void **kept);

/* Makes room for one more item of item_size bytes in an array that holds count: *array may move. The new room is not
 * zeroed. False when there is no memory; then nothing has changed. */
bool rt__array_grow(void *array, size_t *room, size_t count, size_t item_size);

/* Where len more bytes may be written (then b->len += len); NULL when there is no memory, and b has failed. */
char *rt__bytes_room(struct rt__bytes *b, size_t len);

#endif
