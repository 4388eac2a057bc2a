/* mimalloc_page.h - the size of a mimalloc block, read where mi_free itself is about to look.
 *
 * mi_usable_size answers the same but costs a call and a second walk (about 1 ns of a 9 ns pair).
 * mimalloc keeps, for each 64 KiB slice of a 32 MiB segment, an 80-byte page header that holds the
 * block size; the offsets below are those of 2.0.x's types, which no public header promises.
 * Hence rt__process_init compares this answer with mi_usable_size over blocks of every class, big
 * ones and aligned ones, and turns to mi_usable_size for good at the first difference. A wrong
 * guess only ever reads inside the block's own segment.
 */
#ifndef RT_HEAP_MIMALLOC_PAGE_H
#define RT_HEAP_MIMALLOC_PAGE_H

#include <stddef.h>
#include <stdint.h>

#define RT__MI_SEGMENT_MASK (((uintptr_t)32 << 20) - 1)
#define RT__MI_SLICE_SHIFT 16
#define RT__MI_SLICES_OFFSET 264
#define RT__MI_PAGE_BYTES 80
#define RT__MI_PAGE_SLICE_OFFSET 4
#define RT__MI_PAGE_BLOCK_SIZE 28
#define RT__MI_HUGE_BLOCK ((uint32_t)2 << 30) /* 2 GiB: the size does not fit the field */

static inline const char *rt__mi_slice(const void *p)
{
    uintptr_t segment = ((uintptr_t)p - 1) & ~RT__MI_SEGMENT_MASK;
    size_t slice = ((uintptr_t)p - segment) >> RT__MI_SLICE_SHIFT;
    return (const char *)(segment + RT__MI_SLICES_OFFSET + slice * RT__MI_PAGE_BYTES);
}

static inline uint32_t rt__mi_page_block_size(const void *p)
{
    const char *page = rt__mi_slice(p);
    page -= *(const uint32_t *)(page + RT__MI_PAGE_SLICE_OFFSET);
    return *(const uint32_t *)(page + RT__MI_PAGE_BLOCK_SIZE);
}

/* The same with one load less, for blocks of 8 to 1024 bytes, whose pages are one slice; the slices
 * inside a larger page have 1 in the field. So any answer from 8 to 1024 is right, and any other
 * says only that the block is not that small. */
static inline uint32_t rt__mi_small_block_size(const void *p)
{
    return *(const uint32_t *)(rt__mi_slice(p) + RT__MI_PAGE_BLOCK_SIZE);
}

#endif
