/* timeline_map.h - what belongs to a number: thread numbers, slots, tids, tasks. Pure. */
#ifndef RT_TRACE_TIMELINE_MAP_H
#define RT_TRACE_TIMELINE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt__tl_entry {
    uint64_t key;
    void *value; /* NULL: no entry */
};
/* All zero is an empty map. */
struct rt__tl_map {
    struct rt__tl_entry *entries;
    size_t room; /* a power of two, or 0 */
    size_t used;
};

/* NULL: there is none. */
void *rt__tl_map_get(const struct rt__tl_map *m, uint64_t key);
/* value is not NULL. false: no memory, and nothing has changed. */
bool rt__tl_map_put(struct rt__tl_map *m, uint64_t key, void *value);
void rt__tl_map_remove(struct rt__tl_map *m, uint64_t key);
/* Leaves it empty. What the values point to is the caller's. */
void rt__tl_map_free(struct rt__tl_map *m);

#endif
