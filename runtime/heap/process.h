/* process.h - the process heap: mimalloc under counters.
 *
 * Every malloc of the process comes here by interpose.c, and the managed heap too when CALLOCATOR
 * is mimalloc. Allocation counts by the request's words (mimalloc's class follows from them), a
 * free by the block size in mimalloc's page header; a thread looks at the account (watcher.h) each
 * time its budget of bytes is spent. Nothing here may call malloc or print, but for a broken heap.
 *
 * In sanitizer builds (RT_SANITIZE) the sanitizer owns malloc, and this folder counts only what
 * the libc backend hands out.
 */
#ifndef RT_HEAP_PROCESS_H
#define RT_HEAP_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "runtime/heap/thread.h"

/* First use: mimalloc's options and the self-check of mimalloc_page.h. Idempotent, any thread. */
void rt__process_init(void);

/* realloc(p, 0) frees and returns NULL, as glibc's does; programs here were written against it. A
 * block that stays where it is counts nothing; one that moves counts one malloc and one free. */
void *rt__process_realloc(void *p, size_t size);
void *rt__process_alloc_aligned(size_t size, size_t alignment);
size_t rt__process_usable(const void *p);

/* Whether the page-header path passed its self-check. */
bool rt__process_fast_path(void);

/* Gives the calling thread's free pages back; with purge at once, else as mimalloc sees fit. */
void rt__process_collect(bool purge);
/* Bytes that mimalloc holds from the system now, and the most that any call of this ever saw. */
void rt__process_held(uint64_t *held_bytes, uint64_t *peak_bytes);

#ifndef RT_SANITIZE

#include <mimalloc.h>
#include "runtime/heap/mimalloc_page.h"

/* The slow halves: a thread's first call, blocks above RT__SMALL_MAX, a spent budget. */
void *rt__process_alloc_slow(size_t size, bool zero);
void rt__process_free_slow(void *p);
void rt__process_look(struct rt__thread *t);
extern bool rt__process_headers_readable; /* set once, before the first block is counted */

static inline void rt__process_spend(struct rt__thread *t, size_t bytes)
{
    if (RT__COUNTING && rt__unlikely((t->process_budget -= (int64_t)bytes) < 0)) {
        rt__process_look(t);
    }
}

/* NULL when the system has no memory left, as malloc. Zero bytes give a block. Inlined into malloc
 * itself: a call and its saved registers are a tenth of what an allocation takes. */
static inline void *rt__process_alloc(size_t size)
{
    struct rt__thread *t = rt__self_ptr;
    if (rt__unlikely(!t || size > RT__SMALL_MAX)) {
        return rt__process_alloc_slow(size, false);
    }
    void *p = mi_malloc_small(size);
    if (rt__likely(p != NULL)) {
        rt__bump(&t->process_alloc.n[rt__class_of_words[(size + 7) >> 3]], 1);
        rt__process_spend(t, size);
    }
    return p;
}

static inline void *rt__process_zalloc(size_t size)
{
    struct rt__thread *t = rt__self_ptr;
    if (rt__unlikely(!t || size > RT__SMALL_MAX)) {
        return rt__process_alloc_slow(size, true);
    }
    void *p = mi_zalloc_small(size);
    if (rt__likely(p != NULL)) {
        rt__bump(&t->process_alloc.n[rt__class_of_words[(size + 7) >> 3]], 1);
        rt__process_spend(t, size);
    }
    return p;
}

/* The count comes first: then freeing is a jump to mi_free, and a reader never sees memory of a
 * block whose free it does not. */
static inline void rt__process_free(void *p)
{
    if (RT__COUNTING) {
        if (rt__unlikely(!p)) {
            return;
        }
        struct rt__thread *t = rt__self_ptr;
        if (rt__unlikely(!t || !rt__process_headers_readable)) {
            rt__process_free_slow(p);
            return;
        }
        uint32_t size = rt__mi_page_block_size(p);
        if (rt__unlikely(size > RT__SMALL_MAX)) {
            rt__process_free_slow(p);
            return;
        }
        rt__bump(&t->process_free.n[rt__class_of_words[size >> 3]], 1);
    }
    mi_free(p);
}

#endif
#endif
