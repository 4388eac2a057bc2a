/* blocks.h - memory for a result that grows and is never moved: blocks of a scope, each cut from front to back. */
#ifndef BENCH_JSON_BLOCKS_H
#define BENCH_JSON_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>

struct rt_scope;

struct blocks {
    struct rt_scope *scope;
    bool atomic; /* holds no pointers: not zeroed, and the collector does not look inside */
    char *at;    /* what is left of the newest block */
    size_t left;
    size_t total; /* bytes of all blocks so far */
};

/* blocks_next_size - how large the next block is to be when one object needs `least` bytes and blocks of `total`
 * bytes are full. */
size_t blocks_next_size(size_t total, size_t least);
/* blocks_cut - size bytes, aligned to 16 unless atomic. Zeroed unless atomic. */
void *blocks_cut(struct blocks *blocks, size_t size);

#endif
