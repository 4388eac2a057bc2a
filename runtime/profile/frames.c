/* frames.c - the addresses of a profile, each looked up once (see frames.h). */
#include "runtime/profile/frames.h"

#include <stdlib.h>
#include <string.h>
#include "runtime/profile/memory.h"

void rt__frames_begin(struct rt__frames *f, const struct rt__symbol_source *source)
{
    *f = (struct rt__frames){.source = source};
}

void rt__frames_release(struct rt__frames *f)
{
    free(f->all);
    rt__ids_release(&f->ids);
    rt__kept_release(&f->kept);
    rt__frames_begin(f, f->source);
}

static bool same_pc(const void *all, uint32_t id, const void *key)
{
    return ((struct rt__frame *const *)all)[id]->pc == *(const uintptr_t *)key;
}

/* A frame with its functions, or NULL. */
static struct rt__frame *look_up(struct rt__frames *f, uintptr_t pc)
{
    struct rt__symbol found[RT__INLINE_MAX];
    size_t n = f->source->find(f->source->session, pc, found, RT__INLINE_MAX);
    struct rt__frame *frame = rt__kept_take(&f->kept, sizeof *frame + n * sizeof found[0]);
    if (frame == NULL)
        return NULL;
    *frame = (struct rt__frame){.pc = pc, .n = (uint32_t)n, .is_runtime = true};
    for (size_t i = 0; i < n; i++)
        frame->is_runtime = frame->is_runtime && found[i].is_runtime;
    frame->symbols = memcpy(frame + 1, found, n * sizeof found[0]);
    return frame;
}

struct rt__frame *rt__frames_find(struct rt__frames *f, uintptr_t pc)
{
    uint64_t hash = rt__hash(0, &pc, sizeof pc);
    uint32_t id = rt__ids_find(&f->ids, hash, same_pc, f->all, &pc);
    if (id != RT__IDS_NONE)
        return f->all[id];
    struct rt__frame *frame = f->failed ? NULL : look_up(f, pc);
    if (frame == NULL || !rt__array_grow(&f->all, &f->room, f->count, sizeof f->all[0]) ||
        !rt__ids_add(&f->ids, hash, (uint32_t)f->count)) {
        f->failed = true;
        return NULL;
    }
    return f->all[f->count++] = frame;
}

uintptr_t rt__frames_start(struct rt__frames *f, struct rt__frame *frame)
{
    if (!frame->has_start) {
        frame->start = f->source->function_start(f->source->session, frame->pc);
        frame->has_start = true;
    }
    return frame->start;
}

uint32_t rt__frames_hidden(struct rt__frames *f, const struct rt__profile_kind *kind, const uintptr_t *pcs,
                           uint32_t depth)
{
    if (!kind->drops_runtime)
        return 0;
    for (uint32_t i = 0; i < depth; i++) {
        const struct rt__frame *frame = rt__frames_find(f, pcs[i]);
        if (frame == NULL || !frame->is_runtime)
            return i;
    }
    return 0;
}
