/* process.h - the process heap: mimalloc under counters.
 *
 * Every malloc of the process comes here by interpose.c, and the managed heap too when CALLOCATOR
 * is mimalloc. Allocation counts by the request's words (mimalloc's class follows from them), a
 * free by the block size in mimalloc's page header; a thread looks at the account (watcher.h) or
 * takes a sample (sample.h) each time its budget of bytes is spent. Nothing here may call malloc or print, but for a
 * broken heap.
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

/* Under a limit that huge pages would waste: with them one touched page holds 2 MiB. Not undone. */
void rt__process_no_huge_pages(void);

/* Gives the calling thread's free pages back; with purge at once, else as mimalloc sees fit. */
void rt__process_collect(bool purge);
/* Bytes of mimalloc's memory that the kernel has given and not got back (pages touched), and the most
 * that was ever measured; at most 10 ms old, plus what was allocated since. */
void rt__process_held(uint64_t *held_bytes, uint64_t *peak_bytes);
/* Measures at once: after memory was given back. */
void rt__process_held_again(void);

#ifndef RT_SANITIZE

#include <mimalloc.h>
#include "runtime/heap/mimalloc_page.h"

/* The slow halves: a thread's first call, blocks above RT__SMALL_MAX, a spent budget. */
void *rt__process_alloc_slow(size_t size, bool zero);
void rt__process_free_slow(void *p);
void rt__process_free_unread(void *p);

/* Called by their address in the GOT rather than through the PLT, where the compiler can (gcc): a jump
 * less for each call. */
#if __has_attribute(noplt)
extern __typeof__(mi_malloc_small) mi_malloc_small __attribute__((noplt));
extern __typeof__(mi_zalloc_small) mi_zalloc_small __attribute__((noplt));
extern __typeof__(mi_free) mi_free __attribute__((noplt));
extern __typeof__(mi_usable_size) mi_usable_size __attribute__((noplt));
#endif

#define RT__NO_CLASS UINT32_MAX

/* Counts a small block before it is asked for, so that asking is a jump into mimalloc; false when
 * the slow half must do it all. mimalloc's out-of-memory handler takes the count back. */
static inline bool rt__process_count_small(struct rt__thread *t, size_t size)
{
    if (rt__unlikely(!t || size > RT__SMALL_MAX)) {
        return false;
    }
    if (RT__COUNTING) {
        int64_t left = t->process.left - (int64_t)size;
        if (rt__unlikely(left < 0)) {
            return false;
        }
        t->process.left = left;
        unsigned class = rt__class_of_words[(size + 7) >> 3];
        t->class_counted = class;
        rt__bump(&t->process_alloc.n[class], 1);
    }
    return true;
}

/* NULL, and errno ENOMEM, when the system has no memory left, as malloc. Zero bytes give a block.
 * Inlined into malloc itself: a call and its saved registers are a tenth of an allocation. */
static inline void *rt__process_alloc(size_t size)
{
    return rt__likely(rt__process_count_small(rt__self_ptr, size)) ? mi_malloc_small(size)
                                                                   : rt__process_alloc_slow(size, false);
}

static inline void *rt__process_zalloc(size_t size)
{
    return rt__likely(rt__process_count_small(rt__self_ptr, size)) ? mi_zalloc_small(size)
                                                                   : rt__process_alloc_slow(size, true);
}

/* The count comes first: then freeing is a jump to mi_free, and a reader never sees memory of a
 * block whose free it does not. */
static inline void rt__process_free(void *p)
{
    if (RT__COUNTING) {
        if (rt__unlikely(!p)) {
            return;
        }
        struct rt__thread *t = rt__self_free;
        if (rt__unlikely(!t)) {
            rt__process_free_unread(p);
            return;
        }
        uint32_t size = rt__mi_small_block_size(p);
        if (rt__unlikely(size - 8 > RT__SMALL_MAX - 8)) {
            rt__process_free_slow(p);
            return;
        }
        rt__bump(&t->process_free.n[rt__class_of_words[size >> 3]], 1);
    }
    mi_free(p);
}

#endif
#endif
