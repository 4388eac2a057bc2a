/* rooms.c - looking into parsed rooms. */
#include "bench/json/rooms.h"

const struct room *rooms_at(const struct rooms *rooms, size_t index)
{
    for (const struct rooms_block *b = rooms->first; b; b = b->next) {
        if (index < b->count) {
            return &b->rooms[index];
        }
        index -= b->count;
    }
    return NULL;
}
