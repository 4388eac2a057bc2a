/* blocks.c - blocks of a scope that grow with what is in them.
 *
 * A block is half as large as all before it together. So a thousand rooms take a dozen blocks, and what the
 * newest one has to spare is at most a third of the whole: a result never costs one and a half times its size. An array
 * that doubles costs up to twice its size when it is done, and three times while it is copied.
 */
#include "bench/json/blocks.h"

#include <stdint.h>

#include "runtime/cruntime.h"

/* One room with its photos; most files with one more need no second block. */
#define BLOCK_LEAST 512
/* From here on an allocation costs nothing beside filling the block, and what is spared counts. */
#define BLOCK_MOST (1024 * 1024)
#define ALIGNMENT 16

size_t blocks_next_size(size_t total, size_t least)
{
    size_t size = total / 2;
    if (size < BLOCK_LEAST) {
        size = BLOCK_LEAST;
    }
    if (size > BLOCK_MOST) {
        size = BLOCK_MOST;
    }
    return size < least ? least : size;
}

static void grow(struct blocks *blocks, size_t least)
{
    size_t size = blocks_next_size(blocks->total, least);
    blocks->at = blocks->atomic ? rt_scope_alloc_atomic(blocks->scope, size) : rt_scope_alloc(blocks->scope, size);
    blocks->left = size;
    blocks->total += size;
}

void *blocks_cut(struct blocks *blocks, size_t size)
{
    if (!blocks->atomic) {
        size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    }
    if (size > blocks->left) {
        grow(blocks, size);
    }
    void *cut = blocks->at;
    blocks->at += size;
    blocks->left -= size;
    return cut;
}
