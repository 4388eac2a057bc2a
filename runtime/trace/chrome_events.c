/* chrome_events.c - one event of Chrome's format: its head, its stack, its way out.
 *
 * An event is put together in memory and goes out as a whole. A stack is text in every event that has it, since no
 * viewer of today reads the format's table of stacks ("stackFrames") for all kinds of events; so that a million of them
 * stay cheap, the text of each stack is made once. When there is no memory the whole trace fails, as one that lacks
 * events without saying so would be a lie.
 */
#include "runtime/trace/chrome_parts.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_MOST 128

void rt__chrome_fail(struct rt__chrome *c)
{
    struct rt__out *out = c->base.writing.out;
    out->error = out->error ? out->error : -ENOMEM;
}

/* ---- events -------------------------------------------------------------------------------------- */

void rt__chrome_key(struct rt__chrome *c, const char *key)
{
    rt__chrome_raw(&c->event, ",\"");
    rt__chrome_raw(&c->event, key);
    rt__chrome_raw(&c->event, "\":");
}

static void begin(struct rt__chrome *c, const char *phase, uint64_t tid)
{
    c->event.len = 0;
    c->has_args = false;
    rt__chrome_raw(&c->event, c->has_events ? ",\n{\"ph\":\"" : "\n{\"ph\":\"");
    rt__chrome_raw(&c->event, phase);
    rt__chrome_raw(&c->event, "\"");
    rt__chrome_key(c, "pid");
    rt__chrome_number(&c->event, c->pid);
    rt__chrome_key(c, "tid");
    rt__chrome_number(&c->event, tid);
}

void rt__chrome_begin(struct rt__chrome *c, const char *phase, uint64_t tid, uint64_t ns, const char *category)
{
    const struct rt__writing *w = &c->base.writing;
    begin(c, phase, tid);
    rt__chrome_key(c, "ts");
    rt__chrome_us(&c->event, (ns > w->from_ns ? ns : w->from_ns) - w->origin_ns);
    if (category) {
        rt__chrome_key(c, "cat");
        rt__chrome_quoted(&c->event, category, strlen(category));
    }
}

void rt__chrome_begin_named(struct rt__chrome *c, const char *phase, uint64_t tid, uint64_t ns, const char *category,
                            const char *name)
{
    rt__chrome_begin(c, phase, tid, ns, category);
    rt__chrome_key(c, "name");
    rt__chrome_quoted(&c->event, name, strlen(name));
}

void rt__chrome_arg(struct rt__chrome *c, const char *key)
{
    if (c->has_args) {
        rt__chrome_key(c, key);
        return;
    }
    c->has_args = true;
    rt__chrome_raw(&c->event, ",\"args\":{\"");
    rt__chrome_raw(&c->event, key);
    rt__chrome_raw(&c->event, "\":");
}

void rt__chrome_end(struct rt__chrome *c)
{
    rt__chrome_raw(&c->event, c->has_args ? "}}" : "}");
    if (c->event.failed) {
        rt__chrome_fail(c);
        return;
    }
    rt__out_write(c->base.writing.out, c->event.text, c->event.len);
    c->has_events = true;
}

static void begin_metadata(struct rt__chrome *c, uint64_t tid, const char *what)
{
    begin(c, "M", tid);
    rt__chrome_key(c, "name");
    rt__chrome_quoted(&c->event, what, strlen(what));
}

void rt__chrome_tell_name(struct rt__chrome *c, uint64_t tid, const char *what, const char *name)
{
    begin_metadata(c, tid, what);
    rt__chrome_arg(c, "name");
    rt__chrome_quoted(&c->event, name, strlen(name));
    rt__chrome_end(c);
}

void rt__chrome_tell_order(struct rt__chrome *c, uint64_t tid, uint64_t index)
{
    begin_metadata(c, tid, "thread_sort_index");
    rt__chrome_arg(c, "sort_index");
    rt__chrome_number(&c->event, index);
    rt__chrome_end(c);
}

/* ---- stacks -------------------------------------------------------------------------------------- */

size_t rt__chrome_places(struct rt__chrome *c, uint32_t ref, uintptr_t start_fn, struct rt__place *out, size_t max)
{
    const struct rt__writing *w = &c->base.writing;
    rt__places_fn *find = w->find ? w->find : rt__places_find;
    return find(w->places, c->base.timeline, ref, start_fn, out, max);
}

static int compare_stacks(const void *a, const void *b)
{
    const struct rt__chrome_stack *s = a, *t = b;
    return s->ref != t->ref ? (s->ref > t->ref) - (s->ref < t->ref)
                            : (s->start_fn > t->start_fn) - (s->start_fn < t->start_fn);
}

static void free_stack(void *p)
{
    struct rt__chrome_stack *stack = p;
    free(stack->frames);
    free(stack->name);
    free(stack);
}

void rt__chrome_stacks_free(struct rt__chrome *c)
{
    tdestroy(c->stacks, free_stack);
    c->stacks = NULL;
}

/* "function (file:line)" as it is to be read, before it is made JSON. */
static void write_frame(struct rt__chrome_json *j, struct rt__chrome_json *plain, const struct rt__place *place)
{
    plain->len = 0;
    rt__chrome_raw(plain, place->function);
    if (place->file[0] != '\0') {
        rt__chrome_raw(plain, " (");
        rt__chrome_raw(plain, place->file);
        rt__chrome_raw(plain, ":");
        rt__chrome_number(plain, place->line);
        rt__chrome_raw(plain, ")");
    }
    j->failed = j->failed || plain->failed;
    if (!plain->failed) {
        rt__chrome_quoted(j, plain->text, plain->len);
    }
}

/* The text of j, which the caller frees, with a NUL; NULL when it has failed. */
static char *taken(struct rt__chrome_json *j)
{
    char *text = j->failed ? NULL : strndup(j->text, j->len);
    rt__chrome_json_release(j);
    return text;
}

static bool write_frames(struct rt__chrome_stack *stack, const struct rt__place *places, size_t n)
{
    struct rt__chrome_json frames = {0}, name = {0}, plain = {0};
    for (size_t i = 0; i < n; i++) {
        rt__chrome_raw(&frames, i == 0 ? "[" : ",");
        write_frame(&frames, &plain, &places[i]);
    }
    rt__chrome_raw(&frames, "]");
    rt__chrome_quoted(&name, places[0].function, strlen(places[0].function));
    rt__chrome_json_release(&plain);
    stack->frames = taken(&frames);
    stack->name = taken(&name);
    return stack->frames && stack->name;
}

static struct rt__chrome_stack *new_stack(struct rt__chrome *c, uint32_t ref, uintptr_t start_fn)
{
    struct rt__place places[FRAMES_MOST];
    struct rt__chrome_stack *stack = calloc(1, sizeof(*stack));
    if (!stack) {
        return NULL;
    }
    stack->ref = ref;
    stack->start_fn = start_fn;
    size_t n = rt__chrome_places(c, ref, start_fn, places, FRAMES_MOST);
    if ((n > 0 && !write_frames(stack, places, n)) || !tsearch(stack, &c->stacks, compare_stacks)) {
        free_stack(stack);
        return NULL;
    }
    return stack;
}

const struct rt__chrome_stack *rt__chrome_stack(struct rt__chrome *c, uint32_t ref, uintptr_t start_fn)
{
    /* A site is the same in every thread. */
    struct rt__chrome_stack key = {.ref = ref, .start_fn = ref & RT__REF_SITE ? 0 : start_fn};
    struct rt__chrome_stack **known = tfind(&key, &c->stacks, compare_stacks);
    const struct rt__chrome_stack *stack = known ? *known : new_stack(c, key.ref, key.start_fn);
    if (!stack) {
        rt__chrome_fail(c);
    }
    return stack;
}

void rt__chrome_arg_stack(struct rt__chrome *c, uint32_t ref, uintptr_t start_fn)
{
    const struct rt__chrome_stack *stack = ref ? rt__chrome_stack(c, ref, start_fn) : NULL;
    if (stack && stack->frames) {
        rt__chrome_arg(c, "stack");
        rt__chrome_raw(&c->event, stack->frames);
    }
}
