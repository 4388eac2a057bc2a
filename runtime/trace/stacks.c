/* stacks.c - stacks, each kept once (see sites.h). The place where a program blocks is reached in few ways. */
#include <string.h>
#include "runtime/trace/intern.h"
#include "runtime/trace/sites.h"
#include "runtime/unwind/unwind.h"

/* 2 MiB: some 12,000 stacks twenty deep, three times what a profile of the app has. */
#define PIECES RT__INTERN_PIECES

struct stack {
    uint64_t depth;
    uintptr_t pcs[];
};

/* What is looked for. */
struct wanted {
    size_t depth;
    const uintptr_t *pcs;
};

static struct rt__intern stacks = {.pieces_most = PIECES};

static bool is_stack(const void *kept, const void *what)
{
    const struct stack *s = kept;
    const struct wanted *w = what;
    return s->depth == w->depth && memcmp(s->pcs, w->pcs, w->depth * sizeof(*w->pcs)) == 0;
}

static void write_stack(void *kept, const void *what)
{
    struct stack *s = kept;
    const struct wanted *w = what;
    s->depth = w->depth;
    memcpy(s->pcs, w->pcs, w->depth * sizeof(*w->pcs));
}

uint32_t rt__stack_id(const uintptr_t *pcs, size_t depth)
{
    if (depth == 0) {
        return 0;
    }
    struct wanted w = {depth < RT__STACK_MAX ? depth : RT__STACK_MAX, pcs};
    struct rt__intern_key key = {
        .hash = rt__intern_hash(0, pcs, w.depth * sizeof(*pcs)),
        .bytes = sizeof(struct stack) + w.depth * sizeof(*pcs),
        .what = &w,
        .is = is_stack,
        .write = write_stack,
    };
    return rt__intern(&stacks, &key);
}

size_t rt__stack_frames(uint32_t id, uintptr_t *pcs, size_t max)
{
    const struct stack *s = rt__intern_get(&stacks, id);
    if (!s) {
        return 0;
    }
    size_t n = s->depth < max ? s->depth : max;
    memcpy(pcs, s->pcs, n * sizeof(*pcs));
    return n;
}

uint64_t rt__stacks_lost(void)
{
    return __atomic_load_n(&stacks.lost, __ATOMIC_RELAXED);
}
