/* timeline_map.c - see timeline_map.h.
 *
 * A hash table with open addressing, at most three quarters full. A removal moves those back that had to pass the
 * place, so that no marks of removed entries pile up: a trace begins and ends millions of tasks.
 */
#include "runtime/trace/timeline_map.h"

#include <stdlib.h>

#define LEAST_ROOM 64u /* a small trace's threads */

static size_t home_of(const struct rt__tl_map *m, uint64_t key)
{
    uint64_t h = key * UINT64_C(0x9e3779b97f4a7c15);      /* numbers that follow each other come far apart */
    return (size_t)(h >> (__builtin_clzll(m->room) + 1)); /* as many of the high bits as there are places */
}

/* The entry of key, or the free one where it belongs. */
static struct rt__tl_entry *find(const struct rt__tl_map *m, uint64_t key)
{
    size_t i = home_of(m, key);
    while (m->entries[i].value && m->entries[i].key != key) {
        i = (i + 1) & (m->room - 1);
    }
    return &m->entries[i];
}

void *rt__tl_map_get(const struct rt__tl_map *m, uint64_t key)
{
    return m->room > 0 ? find(m, key)->value : NULL;
}

static bool grow(struct rt__tl_map *m)
{
    struct rt__tl_map more = {.room = m->room > 0 ? m->room * 2 : LEAST_ROOM, .used = m->used};
    more.entries = calloc(more.room, sizeof(*more.entries));
    if (!more.entries) {
        return false;
    }
    for (size_t i = 0; i < m->room; i++) {
        if (m->entries[i].value) {
            *find(&more, m->entries[i].key) = m->entries[i];
        }
    }
    free(m->entries);
    *m = more;
    return true;
}

bool rt__tl_map_put(struct rt__tl_map *m, uint64_t key, void *value)
{
    if ((m->used + 1) * 4 > m->room * 3 && !grow(m)) {
        return false;
    }
    struct rt__tl_entry *e = find(m, key);
    m->used += e->value == NULL;
    *e = (struct rt__tl_entry){key, value};
    return true;
}

void rt__tl_map_remove(struct rt__tl_map *m, uint64_t key)
{
    if (m->room == 0) {
        return;
    }
    struct rt__tl_entry *e = find(m, key);
    if (!e->value) {
        return;
    }
    size_t hole = (size_t)(e - m->entries);
    size_t mask = m->room - 1;
    for (size_t i = (hole + 1) & mask; m->entries[i].value; i = (i + 1) & mask) {
        size_t passed = (i - home_of(m, m->entries[i].key)) & mask; /* places between its home and where it is */
        if (passed >= ((i - hole) & mask)) {
            m->entries[hole] = m->entries[i];
            hole = i;
        }
    }
    m->entries[hole].value = NULL;
    m->used--;
}

void rt__tl_map_free(struct rt__tl_map *m)
{
    free(m->entries);
    *m = (struct rt__tl_map){0};
}
