/* symbols_answers.c - what addresses were found to be, kept by address from one session to the next.
 *
 * The same callers are in most stacks of a profile, and in the next profile again. What was looked up in a file that
 * was the right one stays true for as long as nothing is unloaded, whatever becomes of the file; so a session hands its
 * answers on to the next one, and that opens no file for addresses it has answers to. Names are copied, as
 * those of libdw end with its session.
 *
 * What was made up for want of a file is not kept: the file may be there the next time. When the dynamic linker has
 * loaded or unloaded anything, the next session begins with none: another object may be where one was. So it does
 * when the answers have become many (RT__ANSWERS_BYTES), since what is kept is the program's memory.
 */
#include "runtime/symbols/symbols_parts.h"

#include <stdlib.h>
#include <string.h>

struct rt__answer {
    uintptr_t pc, start;
    uint32_t first, count; /* count 0: a free place */
};

/* The place of the address in a table that has free places. */
static struct rt__answer *place_of(struct rt__answer *table, size_t room, uintptr_t pc)
{
    size_t i = (pc * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
    while (table[i & (room - 1)].count != 0 && table[i & (room - 1)].pc != pc) {
        i++;
    }
    return &table[i & (room - 1)];
}

static const struct rt__answer *known(const struct rt__answers *a, uintptr_t pc)
{
    const struct rt__answer *at = a->room > 0 ? place_of(a->table, a->room, pc) : NULL;
    return at != NULL && at->count != 0 ? at : NULL;
}

const struct rt__symbol *rt__answers_find(const struct rt__answers *a, uintptr_t pc, size_t *n)
{
    const struct rt__answer *at = known(a, pc);
    *n = at != NULL ? at->count : 0;
    return at != NULL ? &a->found[at->first] : NULL;
}

uintptr_t rt__answers_start(const struct rt__answers *a, uintptr_t pc)
{
    const struct rt__answer *at = known(a, pc);
    return at != NULL ? at->start : 0;
}

/* Keeps a third of the table free. */
static bool make_place(struct rt__answers *a)
{
    if (a->room > 0 && a->count < a->room / 3 * 2) {
        return true;
    }
    size_t room = a->room ? a->room * 2 : 1024;
    struct rt__answer *table = calloc(room, sizeof *table);
    if (table == NULL) {
        return false;
    }
    for (size_t i = 0; i < a->room; i++) {
        if (a->table[i].count != 0) {
            *place_of(table, room, a->table[i].pc) = a->table[i];
        }
    }
    free(a->table);
    a->table = table;
    a->room = room;
    return true;
}

static bool add(struct rt__answers *a, const struct rt__symbol *symbol)
{
    struct rt__symbol *all = rt__array_grown(a->found, a->found_count, &a->found_room, sizeof *all);
    if (all == NULL) {
        return false;
    }
    a->found = all;
    all[a->found_count] = *symbol;
    all[a->found_count].name = rt__strings_keep(&a->strings, symbol->name, strlen(symbol->name));
    /* file is one of these strings already */
    return all[a->found_count++].name != NULL;
}

void rt__answers_keep(struct rt__answers *a, uintptr_t pc, uintptr_t start, const struct rt__symbol *found, size_t n)
{
    size_t first = a->found_count;
    if (!make_place(a)) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (!add(a, &found[i])) {
            a->found_count = first;
            return;
        }
    }
    *place_of(a->table, a->room, pc) = (struct rt__answer){pc, start, (uint32_t)first, (uint32_t)n};
    a->count++;
}

size_t rt__answers_bytes(const struct rt__answers *a)
{
    return a->strings.bytes + a->room * sizeof *a->table + a->found_room * sizeof *a->found;
}

void rt__answers_release(struct rt__answers *a)
{
    rt__strings_release(&a->strings);
    free(a->table);
    free(a->found);
    *a = (struct rt__answers){.table = NULL};
}
