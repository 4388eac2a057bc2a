/* symbols.c - a session: opened for one profile, asked for each of its addresses, closed.
 *
 * An address is asked for DWARF first (symbols_debug.c), then for a symbol (symbols_names.c); what has neither gets a
 * name made up from its object and the start of its function. Answers of this process are kept, also for the next
 * session (symbols_answers.c); files are opened for addresses that have none.
 *
 * libdw is not safe for several threads, so there is one session at a time: opening waits for the other to be
 * closed. A child of a fork begins without a session and without answers, whatever another thread of the parent was
 * doing.
 */
#include "runtime/symbols/symbols_parts.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t one_session = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Of the session before, under the lock. */
static struct rt__answers last_answers;
static struct rt__loads last_loads;

/* What was kept stays in the child, unused: another thread may have been handing it on. */
static void forget_session(void)
{
    last_answers = (struct rt__answers){.table = NULL};
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
        return rt__objects_read(&s->objects, &s->answers.strings, "/proc/self/maps");
    }
    struct rt__objects own = {0};
    bool is_read = rt__objects_read(&own, &s->answers.strings, "/proc/self/maps") &&
                   rt__objects_read_of(&s->objects, &s->answers.strings, pid, &own);
    s->is_other = true;
    s->own = own_address_in(&s->objects, &own);
    rt__objects_release(&own);
    return is_read;
}

/* Before the objects are read: what is loaded meanwhile makes the answers the last of their kind. */
static void take_answers(struct rt__symbols *s)
{
    s->loads = rt__loads_now();
    if (rt__loads_same(&s->loads, &last_loads)) {
        s->answers = last_answers;
        last_answers = (struct rt__answers){.table = NULL};
    } else {
        rt__answers_release(&last_answers);
    }
}

static void hand_answers_on(struct rt__symbols *s)
{
    struct rt__loads now = rt__loads_now();
    if (!s->is_other && rt__loads_same(&s->loads, &now) && rt__answers_bytes(&s->answers) <= RT__ANSWERS_BYTES) {
        last_answers = s->answers;
        last_loads = now;
    } else {
        rt__answers_release(&s->answers);
    }
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
    if (pid == 0) {
        take_answers(s);
    }
    if (!read_objects(s, pid)) {
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
    hand_answers_on(s);
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
    const char *kept = rt__strings_keep(&s->answers.strings, name, strlen(name));
    return kept != NULL ? kept : "?";
}

/* Names in a symbol table may have a version: qsort@@GLIBC_2.2.5. */
static const char *without_version(struct rt__symbols *s, const char *name)
{
    size_t len = strcspn(name, "@");
    const char *kept = name[len] != '\0' && len > 0 ? rt__strings_keep(&s->answers.strings, name, len) : NULL;
    return kept != NULL ? kept : name;
}

/* The object that the address is in, whose file may then be asked; NULL: none. Without memory for libdwfl's session
 * names are made up. */
static struct rt__object *object_at(struct rt__symbols *s, uintptr_t pc)
{
    struct rt__object *o = rt__objects_find(&s->objects, pc);
    if (o != NULL && s->dwfl == NULL) {
        s->dwfl = rt__images_begin(&s->objects);
    }
    return o;
}

static size_t look_up(struct rt__symbols *s, struct rt__object *o, uintptr_t pc, struct rt__symbol *out)
{
    if (o == NULL) {
        out[0] = (struct rt__symbol){.name = made_up(s, NULL, pc)};
        return 1;
    }
    size_t n = rt__debug_find(s, o, pc, out, RT__INLINE_MAX);
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

static uintptr_t function_start(struct rt__symbols *s, struct rt__object *o, uintptr_t pc)
{
    if (o == NULL && s->is_other) {
        return pc;
    }
    uintptr_t start = rt__frame_function(o, pc);
    return start != 0 ? start : o != NULL && rt__names_find(o, pc, &start) != NULL ? start : pc;
}

size_t rt__symbols_find(struct rt__symbols *s, uintptr_t pc, struct rt__symbol *out, size_t max)
{
    struct rt__symbol found[RT__INLINE_MAX];
    size_t n;
    const struct rt__symbol *from = rt__answers_find(&s->answers, pc, &n);
    if (from == NULL) {
        struct rt__object *o = object_at(s, pc);
        from = found;
        n = look_up(s, o, pc, found);
        /* Else there was no file, and the next session may find it. */
        if (o != NULL && rt__image_open(o)) {
            rt__answers_keep(&s->answers, pc, function_start(s, o, pc), found, n);
        }
    }
    n = n < max ? n : max;
    memcpy(out, from, n * sizeof *out);
    return n;
}

uintptr_t rt__symbols_function_start(struct rt__symbols *s, uintptr_t pc)
{
    uintptr_t start = rt__answers_start(&s->answers, pc);
    return start != 0 ? start : function_start(s, object_at(s, pc), pc);
}

const struct rt__mapping *rt__symbols_mappings(struct rt__symbols *s, size_t *n)
{
    *n = s->objects.mappings_count;
    return s->objects.mappings;
}
