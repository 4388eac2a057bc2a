/* go_table.c - the strings and stacks of a trace in Go's format, each under a number.
 *
 * Events refer to both by number, and every event has some, so finding a number is one look into a table. Strings
 * that stay where they are (names of sites, functions, files) are known by their address; the texts of logs are all
 * taken to be new, so that nothing of them is kept.
 *
 * Go's reader takes the first frame that it sees with an address for what is at that address. Of functions inlined
 * into one another there are several at one: the second and all after it get addresses that nothing can be at, with
 * which of them it is in bits 48 to 55.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/trace/go_wire.h"

#define MAP_LEAST 64u
#define PC_BITS 48 /* no address of a program is longer */
#define SAME_PC_MOST 255u
_Static_assert(2 + 10 * (2 + 4 * RT__GO_FRAMES_MOST) <= RT__GO_ENTRY_MOST, "a stack is an entry");

/* ---- the map: open addressing, at most half full ---- */

static uint32_t slot_of(const struct rt__go_map *map, uint64_t a, uint64_t b)
{
    uint64_t hash = (a ^ b * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xD6E8FEB86659FD93);
    hash ^= hash >> 32;
    uint32_t i = (uint32_t)hash & (map->room - 1);
    while (map->slots[i].value != 0 && (map->slots[i].a != a || map->slots[i].b != b)) {
        i = (i + 1) & (map->room - 1);
    }
    return i;
}

static bool grow_map(struct rt__go_map *map)
{
    struct rt__go_map grown = {.count = map->count, .room = map->room ? map->room * 2 : MAP_LEAST};
    if (grown.room == 0 || (grown.slots = calloc(grown.room, sizeof *grown.slots)) == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < map->room; i++) {
        const struct rt__go_slot *s = &map->slots[i];
        if (s->value != 0) {
            grown.slots[slot_of(&grown, s->a, s->b)] = *s;
        }
    }
    free(map->slots);
    *map = grown;
    return true;
}

uint32_t *rt__go_map_at(struct rt__go_map *map, uint64_t a, uint64_t b)
{
    if (map->count >= map->room / 2 && !grow_map(map)) {
        return NULL;
    }
    struct rt__go_slot *s = &map->slots[slot_of(map, a, b)];
    if (s->value == 0) {
        s->a = a;
        s->b = b;
        map->count++;
    }
    return &s->value;
}

void rt__go_map_release(struct rt__go_map *map)
{
    free(map->slots);
    *map = (struct rt__go_map){0};
}

/* The number under the key, 1 more than all others when it is new; 0 when there is no memory. */
static uint32_t number_of(struct rt__go_map *map, struct rt__out *out, uint64_t a, uint64_t b)
{
    uint32_t *value = rt__go_map_at(map, a, b);
    if (value == NULL) {
        if (out->error == 0) {
            out->error = -ENOMEM;
        }
        return 0;
    }
    if (*value == 0) {
        *value = map->count;
    }
    return *value;
}

/* ---- strings ---- */

void rt__go_strings_begin(struct rt__go_strings *s, uint64_t from_ns)
{
    *s = (struct rt__go_strings){.batch = {.m = RT__GO_NO_THREAD, .kind = RT__GO_STRINGS, .first_ns = from_ns}};
}

static size_t cut_between_characters(const char *text, size_t len)
{
    if (len <= RT__GO_STRING_MOST) {
        return len;
    }
    /* At most three bytes go on with what a first one began; more of them are no UTF-8, and may be cut anywhere. */
    for (len = RT__GO_STRING_MOST; len > RT__GO_STRING_MOST - 3 && ((unsigned char)text[len] & 0xC0) == 0x80; len--) {
    }
    return ((unsigned char)text[len] & 0xC0) == 0x80 ? RT__GO_STRING_MOST : len;
}

uint64_t rt__go_text(struct rt__go_strings *s, struct rt__out *out, const char *text, size_t len)
{
    if (len == 0) {
        return 0;
    }
    len = cut_between_characters(text, len);
    uint64_t id = ++s->last;
    rt__go_entry(&s->batch, out, RT__GO_STRING, (const uint64_t[]){id, len}, 2, text, len);
    return id;
}

uint64_t rt__go_string(struct rt__go_strings *s, struct rt__out *out, const char *text)
{
    if (text == NULL || text[0] == '\0') {
        return 0;
    }
    uint32_t *id = rt__go_map_at(&s->ids, (uintptr_t)text, 0);
    if (id == NULL) {
        return rt__go_text(s, out, text, strlen(text)); /* can do without */
    }
    if (*id == 0) {
        *id = (uint32_t)rt__go_text(s, out, text, strlen(text));
    }
    return *id;
}

void rt__go_strings_release(struct rt__go_strings *s)
{
    rt__go_batch_release(&s->batch);
    rt__go_map_release(&s->ids);
}

/* ---- stacks ---- */

void rt__go_stacks_begin(struct rt__go_stacks *s, uint64_t from_ns)
{
    *s = (struct rt__go_stacks){.batch = {.m = RT__GO_NO_THREAD, .kind = RT__GO_STACKS, .first_ns = from_ns}};
}

uint64_t rt__go_stack(struct rt__go_stacks *s, struct rt__out *out, uint32_t ref, uintptr_t start_fn)
{
    return ref == 0 && start_fn == 0 ? 0 : number_of(&s->ids, out, ref, start_fn);
}

/* An address that stands for this frame and no other. */
static uint64_t address_of(struct rt__go_stacks *s, struct rt__out *out, uint64_t pc, uint64_t function, uint32_t line)
{
    pc &= (UINT64_C(1) << PC_BITS) - 1;
    uint32_t *count = rt__go_map_at(&s->counts, pc, 0);
    uint32_t next = count != NULL ? *count + 1 : 0;
    uint32_t *which = count != NULL ? rt__go_map_at(&s->frames, pc, function << 32 | line) : NULL;
    if (which == NULL) {
        out->error = out->error ? out->error : -ENOMEM;
        return pc;
    }
    if (*which == 0) {
        *count = *which = next < SAME_PC_MOST ? next : SAME_PC_MOST;
    }
    return pc | (uint64_t)(*which - 1) << PC_BITS;
}

void rt__go_stack_write(struct rt__go_stacks *s, struct rt__go_strings *strings, struct rt__out *out, uint64_t id,
                        const struct rt__place *places, size_t n)
{
    static const struct rt__place unknown = {.function = "(unknown)", .file = ""};
    if (n == 0) {
        places = &unknown;
        n = 1;
    } else if (n > RT__GO_FRAMES_MOST) {
        n = RT__GO_FRAMES_MOST;
    }
    uint64_t numbers[2 + 4 * RT__GO_FRAMES_MOST] = {id, n};
    uint64_t *at = numbers + 2;
    for (size_t i = 0; i < n; i++) {
        uint64_t function = rt__go_string(strings, out, places[i].function);
        *at++ = address_of(s, out, places[i].pc, function, places[i].line);
        *at++ = function;
        *at++ = rt__go_string(strings, out, places[i].file);
        *at++ = places[i].line;
    }
    rt__go_entry(&s->batch, out, RT__GO_STACK, numbers, (unsigned)(at - numbers), NULL, 0);
}

void rt__go_stacks_release(struct rt__go_stacks *s)
{
    rt__go_batch_release(&s->batch);
    rt__go_map_release(&s->ids);
    rt__go_map_release(&s->frames);
    rt__go_map_release(&s->counts);
}
