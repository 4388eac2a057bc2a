/* ids.h - numbers for things by their content: strings, functions, addresses, stacks.
 *
 * The things themselves stand in an array of the caller's, and a thing's id is its place there. The table
 * knows hashes and ids only and asks the caller whether two things are the same. Finding and adding
 * take constant time, whatever the number. Pure, but for malloc.
 */
#ifndef RT_PROFILE_IDS_H
#define RT_PROFILE_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RT__IDS_NONE UINT32_MAX

struct rt__ids {
    struct rt__ids_slot *slots; /* NULL at first */
    size_t room, count;
};

/* Whether the thing with this id is the one that key describes. */
typedef bool rt__ids_same(const void *things, uint32_t id, const void *key);

uint64_t rt__hash(uint64_t seed, const void *data, size_t len);
uint64_t rt__hash_text(uint64_t seed, const char *text); /* NULL is not "" */

/* RT__IDS_NONE when there is no such thing yet. */
uint32_t rt__ids_find(const struct rt__ids *t, uint64_t hash, rt__ids_same *same, const void *things, const void *key);
/* For a thing that is not in the table. False when there is no memory. */
bool rt__ids_add(struct rt__ids *t, uint64_t hash, uint32_t id);
void rt__ids_release(struct rt__ids *t);

#endif
