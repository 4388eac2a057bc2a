/* scope.c - what is allocated together dies together.
 *
 * A scope is a list of the objects allocated in it: the first few slots stand in its head, more
 * come in managed blocks that the head points to. Heads are roots for the collector, made once and
 * kept by the thread that ended them, so a request costs no uncollectable allocation. Ending a
 * scope frees each object (mimalloc) or just clears the slots (Boehm finds them dead).
 *
 * A scope is used by one thread at a time, so nothing here locks.
 */
#include <string.h>
#include "runtime/cruntime.h"
#include "runtime/heap/backend.h"
#include "runtime/heap/managed.h"

#define HEAD_SLOTS 28  /* a head is 256 bytes: a request of the booking app fits */
#define BLOCK_SLOTS 62 /* 512 bytes with its two words */

/* Ended heads that a thread keeps: 256 of them are 64 KiB. A burst of more goes back. */
#define HEADS_KEPT 256

struct scope_block {
    struct scope_block *older;
    size_t used;
    void *slots[BLOCK_SLOTS];
};

struct rt_scope {
    struct rt_scope *next_kept;
    struct scope_block *newest; /* overflow; filled once the head is full */
    size_t used;
    void *slots[HEAD_SLOTS];
};

RT_API struct rt_scope *rt_scope_begin(void)
{
    struct rt__thread *t = rt__self();
    if (t && t->scopes) {
        struct rt_scope *s = t->scopes;
        t->scopes = s->next_kept;
        t->scopes_kept--;
        s->next_kept = NULL;
        return s;
    }
    return rt__root_alloc(sizeof(struct rt_scope));
}

static void keep(struct rt_scope *s, void *object)
{
    if (s->used < HEAD_SLOTS) {
        s->slots[s->used++] = object;
        return;
    }
    if (!s->newest || s->newest->used == BLOCK_SLOTS) {
        struct scope_block *block = rt_alloc(sizeof(*block));
        block->older = s->newest;
        s->newest = block;
    }
    s->newest->slots[s->newest->used++] = object;
}

RT_API void *rt_scope_alloc(struct rt_scope *s, size_t size)
{
    void *p = rt_alloc(size);
    keep(s, p);
    return p;
}

RT_API void *rt_scope_alloc_atomic(struct rt_scope *s, size_t size)
{
    void *p = rt_alloc_atomic(size);
    keep(s, p);
    return p;
}

RT_API void rt_scope_adopt(struct rt_scope *s, void *p)
{
    if (p) {
        keep(s, p);
    }
}

RT_API char *rt_scope_strdup(struct rt_scope *s, const char *text)
{
    char *p = rt_strdup(text);
    keep(s, p);
    return p;
}

static void **find_in(void **slots, size_t used, const void *object)
{
    for (size_t i = used; i-- > 0;) {
        if (slots[i] == object) {
            return &slots[i];
        }
    }
    return NULL;
}

/* Newest first: what grows or goes early was mostly allocated last. */
static void **find(struct rt_scope *s, const void *object)
{
    for (struct scope_block *b = s->newest; b; b = b->older) {
        void **slot = find_in(b->slots, b->used, object);
        if (slot) {
            return slot;
        }
    }
    return find_in(s->slots, s->used, object);
}

RT_API void *rt_scope_realloc(struct rt_scope *s, void *p, size_t size)
{
    if (!p) {
        return rt_scope_alloc(s, size);
    }
    void **slot = find(s, p);
    void *q = rt_realloc(p, size ? size : 1);
    if (slot) {
        *slot = q;
    } else {
        keep(s, q);
    }
    return q;
}

/* The slot is left empty, not closed up: order is what makes find quick. */
RT_API void rt_scope_free(struct rt_scope *s, void *p)
{
    void **slot = p ? find(s, p) : NULL;
    if (slot) {
        *slot = NULL;
        rt_free(p);
    }
}

static void free_all(void **slots, size_t used)
{
    for (size_t i = 0; i < used; i++) {
        rt_free(slots[i]);
    }
}

RT_API void rt_scope_end(struct rt_scope *s)
{
    if (!s) {
        return;
    }
    if (!rt__backend->collected) {
        for (struct scope_block *b = s->newest, *older; b; b = older) {
            older = b->older;
            free_all(b->slots, b->used);
            rt_free(b);
        }
        free_all(s->slots, s->used);
    }
    s->newest = NULL;
    memset(s->slots, 0, s->used * sizeof(*s->slots));
    s->used = 0;
    struct rt__thread *t = rt__self();
    if (t && t->scopes_kept < HEADS_KEPT) {
        s->next_kept = t->scopes;
        t->scopes = s;
        t->scopes_kept++;
    } else {
        rt__root_free(s);
    }
}
