/* ids.c - numbers for things by their content (see ids.h): a hash table with open addressing. */
#include "runtime/profile/ids.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 256                   /* a power of two, as every room */
#define MIX UINT64_C(0x9E3779B97F4A7C15) /* odd, its bits spread: 2^64 / golden ratio */

struct rt__ids_slot {
    uint64_t hash; /* whole: growing needs all of it, and it saves most comparisons */
    uint32_t id;
};

static uint64_t mixed(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * MIX;
    return hash ^ hash >> 32;
}

uint64_t rt__hash(uint64_t seed, const void *data, size_t len)
{
    const char *p = data;
    uint64_t hash = mixed(seed, len), word;
    for (; len >= sizeof word; p += sizeof word, len -= sizeof word) {
        memcpy(&word, p, sizeof word);
        hash = mixed(hash, word);
    }
    if (len > 0) {
        word = 0;
        memcpy(&word, p, len);
        hash = mixed(hash, word);
    }
    return hash;
}

uint64_t rt__hash_text(uint64_t seed, const char *text)
{
    return text ? rt__hash(seed, text, strlen(text)) : mixed(seed, UINT64_MAX);
}

uint32_t rt__ids_find(const struct rt__ids *t, uint64_t hash, rt__ids_same *same, const void *things, const void *key)
{
    if (t->room == 0)
        return RT__IDS_NONE;
    for (size_t i = hash & (t->room - 1); t->slots[i].id != RT__IDS_NONE; i = (i + 1) & (t->room - 1)) {
        if (t->slots[i].hash == hash && same(things, t->slots[i].id, key))
            return t->slots[i].id;
    }
    return RT__IDS_NONE;
}

static void put(struct rt__ids_slot *slots, size_t room, struct rt__ids_slot slot)
{
    size_t i = slot.hash & (room - 1);
    while (slots[i].id != RT__IDS_NONE)
        i = (i + 1) & (room - 1);
    slots[i] = slot;
}

static bool grow(struct rt__ids *t)
{
    size_t room = t->room ? t->room * 2 : FIRST_ROOM;
    struct rt__ids_slot *slots = malloc(room * sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < room; i++)
        slots[i].id = RT__IDS_NONE;
    for (size_t i = 0; i < t->room; i++) {
        if (t->slots[i].id != RT__IDS_NONE)
            put(slots, room, t->slots[i]);
    }
    free(t->slots);
    t->slots = slots;
    t->room = room;
    return true;
}

bool rt__ids_add(struct rt__ids *t, uint64_t hash, uint32_t id)
{
    /* Half empty at least, so that a search ends soon. */
    if (t->count >= t->room / 2 && !grow(t))
        return false;
    put(t->slots, t->room, (struct rt__ids_slot){.hash = hash, .id = id});
    t->count++;
    return true;
}

void rt__ids_release(struct rt__ids *t)
{
    free(t->slots);
    *t = (struct rt__ids){0};
}
