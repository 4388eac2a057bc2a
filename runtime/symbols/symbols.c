/* symbols.c - a session: opened for one profile, asked for each of its addresses, closed.
 *
 * An address is asked for DWARF first (symbols_debug.c), then for a symbol (symbols_names.c); what has neither gets a
 * name made up from its object and the start of its function. Answers are kept by address until the session ends,
 * because the same callers are in most stacks of a profile.
 *
 * libdw is not safe for several threads, so there is one session at a time: opening waits for the other to be
 * closed. A child of a fork begins without a session, whatever another thread of the parent was doing.
 */
#include "runtime/symbols/symbols_parts.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rt__answer {
    uintptr_t pc;
    uint32_t first, count; /* count 0: a free place */
};

static pthread_mutex_t one_session = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void forget_session(void)
{
    pthread_mutex_init(&one_session, NULL);
}

static void register_fork(void)
{
    pthread_atfork(NULL, NULL, forget_session);
}

/* Which of the process's code is this very function's, by the object that both processes have. */
static uintptr_t own_address_in(const struct rt__objects *other, const struct rt__objects *own)
{
    uintptr_t here = (uintptr_t)rt__debug_find;
    const struct rt__object *mine = rt__objects_find(own, here);
    for (size_t i = 0; i < other->count && mine != NULL; i++) {
        if (other->at[i].is_own) {
            return here - mine->bias + other->at[i].bias;
        }
    }
    return 0;
}

static bool read_objects(struct rt__symbols *s, pid_t pid)
{
    if (pid == 0) {
        s->own = (uintptr_t)rt__debug_find;
        return rt__objects_read(&s->objects, &s->strings, "/proc/self/maps");
    }
    struct rt__objects own = {0};
    bool is_read = rt__objects_read(&own, &s->strings, "/proc/self/maps") &&
                   rt__objects_read_of(&s->objects, &s->strings, pid, &own);
    s->is_other = true;
    s->own = own_address_in(&s->objects, &own);
    rt__objects_release(&own);
    return is_read;
}

/* pid 0: of this process. */
static struct rt__symbols *open_session(pid_t pid)
{
    pthread_once(&once, register_fork);
    pthread_mutex_lock(&one_session);
    struct rt__symbols *s = calloc(1, sizeof *s);
    if (s == NULL) {
        pthread_mutex_unlock(&one_session);
        return NULL;
    }
    if (read_objects(s, pid)) {
        s->dwfl = rt__images_begin(&s->objects);
    }
    if (s->dwfl == NULL) {
        rt__symbols_close(s);
        return NULL;
    }
    return s;
}

struct rt__symbols *rt__symbols_open(void)
{
    return open_session(0);
}

struct rt__symbols *rt__symbols_open_of(pid_t pid)
{
    return pid > 0 ? open_session(pid) : NULL;
}

void rt__symbols_close(struct rt__symbols *s)
{
    if (s == NULL) {
        return;
    }
    rt__objects_release(&s->objects);
    dwfl_end(s->dwfl);
    rt__strings_release(&s->strings);
    free(s->answers);
    free(s->found);
    free(s);
    pthread_mutex_unlock(&one_session);
}

/* ---- one address ---- */

/* Without ".so.0.8.6": pprof takes what stands before a dot for a package, and shows the rest. */
static int length_of_object_name(const char *base)
{
    const char *suffix = strstr(base, ".so");
    return (int)(suffix != NULL ? suffix - base : (ptrdiff_t)strlen(base));
}

static const char *made_up(struct rt__symbols *s, const struct rt__object *o, uintptr_t start)
{
    char name[512];
    if (o != NULL) {
        const char *base = rt__path_base(o->file);
        int length = length_of_object_name(base);
        snprintf(name, sizeof name, "%.*s+0x%" PRIxPTR, length < 400 ? length : 400, base, start - o->bias);
    } else {
        snprintf(name, sizeof name, "0x%" PRIxPTR, start);
    }
    const char *kept = rt__strings_keep(&s->strings, name, strlen(name));
    return kept != NULL ? kept : "?";
}

/* Names in a symbol table may have a version: qsort@@GLIBC_2.2.5. */
static const char *without_version(struct rt__symbols *s, const char *name)
{
    size_t len = strcspn(name, "@");
    const char *kept = name[len] != '\0' && len > 0 ? rt__strings_keep(&s->strings, name, len) : NULL;
    return kept != NULL ? kept : name;
}

static size_t look_up(struct rt__symbols *s, uintptr_t pc, struct rt__symbol *out, size_t max)
{
    struct rt__object *o = rt__objects_find(&s->objects, pc);
    if (o == NULL) {
        out[0] = (struct rt__symbol){.name = made_up(s, NULL, pc)};
        return 1;
    }
    size_t n = rt__debug_find(s, o, pc, out, max);
    if (n > 0) {
        return n;
    }
    uintptr_t start;
    const char *name = rt__names_find(o, pc, &start);
    if (name != NULL) {
        out[0].name = without_version(s, name);
    } else {
        start = rt__frame_function(o, pc);
        out[0].name = made_up(s, o, start != 0 ? start : pc);
    }
    out[0].is_runtime = rt__name_is_runtime(o, out[0].name, false);
    return 1;
}

uintptr_t rt__symbols_function_start(struct rt__symbols *s, uintptr_t pc)
{
    struct rt__object *o = rt__objects_find(&s->objects, pc);
    if (o == NULL && s->is_other) {
        return pc;
    }
    uintptr_t start = rt__frame_function(o, pc);
    return start != 0 ? start : o != NULL && rt__names_find(o, pc, &start) != NULL ? start : pc;
}

/* ---- answers that are kept ---- */

/* The place of the address in a table that has free places. */
static struct rt__answer *place_of(struct rt__answer *table, size_t room, uintptr_t pc)
{
    size_t i = (pc * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
    while (table[i & (room - 1)].count != 0 && table[i & (room - 1)].pc != pc) {
        i++;
    }
    return &table[i & (room - 1)];
}

/* Keeps a third of the table free. */
static bool make_place(struct rt__symbols *s)
{
    if (s->answers_room > 0 && s->answers_count < s->answers_room / 3 * 2) {
        return true;
    }
    size_t room = s->answers_room ? s->answers_room * 2 : 1024;
    struct rt__answer *table = calloc(room, sizeof *table);
    if (table == NULL) {
        return false;
    }
    for (size_t i = 0; i < s->answers_room; i++) {
        if (s->answers[i].count != 0) {
            *place_of(table, room, s->answers[i].pc) = s->answers[i];
        }
    }
    free(s->answers);
    s->answers = table;
    s->answers_room = room;
    return true;
}

static void keep(struct rt__symbols *s, uintptr_t pc, const struct rt__symbol *found, size_t n)
{
    size_t first = s->found_count;
    if (!make_place(s)) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct rt__symbol *all = rt__array_grown(s->found, s->found_count, &s->found_room, sizeof *all);
        if (all == NULL) {
            return;
        }
        s->found = all;
        all[s->found_count++] = found[i];
    }
    *place_of(s->answers, s->answers_room, pc) = (struct rt__answer){pc, (uint32_t)first, (uint32_t)n};
    s->answers_count++;
}

size_t rt__symbols_find(struct rt__symbols *s, uintptr_t pc, struct rt__symbol *out, size_t max)
{
    struct rt__symbol found[RT__INLINE_MAX];
    const struct rt__symbol *from = found;
    const struct rt__answer *known = s->answers_room > 0 ? place_of(s->answers, s->answers_room, pc) : NULL;
    size_t n;
    if (known != NULL && known->count != 0) {
        from = &s->found[known->first];
        n = known->count;
    } else {
        n = look_up(s, pc, found, RT__INLINE_MAX);
        keep(s, pc, found, n);
    }
    n = n < max ? n : max;
    memcpy(out, from, n * sizeof *out);
    return n;
}

const struct rt__mapping *rt__symbols_mappings(struct rt__symbols *s, size_t *n)
{
    *n = s->objects.mappings_count;
    return s->objects.mappings;
}
