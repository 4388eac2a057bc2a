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

/* NULL when the system has no memory left, as malloc. Zero bytes give a block. */
void *rt__process_alloc(size_t size);
void *rt__process_calloc(size_t count, size_t size);
void *rt__process_alloc_aligned(size_t size, size_t alignment);
/* realloc(p, 0) frees and returns NULL, as glibc's does; programs here were written against it. A
 * block that stays where it is counts nothing; one that moves counts one malloc and one free. */
void *rt__process_realloc(void *p, size_t size);
void rt__process_free(void *p);
size_t rt__process_usable(const void *p);

/* Whether the page-header path passed its self-check. */
bool rt__process_fast_path(void);

/* Gives the calling thread's free pages back; with purge at once, else as mimalloc sees fit. */
void rt__process_collect(bool purge);
/* Bytes that mimalloc holds from the system now, and the most that any call of this ever saw. */
void rt__process_held(uint64_t *held_bytes, uint64_t *peak_bytes);

#endif
