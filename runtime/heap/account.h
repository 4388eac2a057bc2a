/* account.h - the one account of both heaps, as the statistics read it.
 *
 * Counts are exact: every allocation and free of the process heap and every allocation of the
 * managed heap adds to a counter that only its own thread writes (counts.h); what the collector
 * found dead is added as frees at the cycle that found it. Reading sums the threads without
 * stopping them, frees first, so that Frees <= Mallocs in every snapshot.
 */
#ifndef RT_HEAP_ACCOUNT_H
#define RT_HEAP_ACCOUNT_H

#include <stdint.h>

#define RT__CLASSES 61

struct rt__account {
    uint64_t mallocs, frees;
    uint64_t alloc_bytes, free_bytes; /* cumulative */
    struct {
        uint64_t mallocs, frees;
    } by_class[RT__CLASSES];                          /* class 0 is "larger than any class" and 0 in Go: kept 0 */
    uint64_t managed_alloc_bytes, managed_free_bytes; /* Boehm only: the managed part of the above */
    uint64_t managed_mallocs, managed_frees;
};
/* Size of class i in bytes; 0 for class 0 and for entries past the last class. */
uint32_t rt__account_class_size(unsigned i);
void rt__account_read(struct rt__account *out);

/* What the heaps hold from the operating system. */
struct rt__held {
    uint64_t heap_sys;      /* obtained, both heaps, returned included */
    uint64_t heap_held;     /* obtained and not returned */
    uint64_t heap_free;     /* of that: whole free blocks that the heap could use again (Boehm) */
    uint64_t collector_own; /* Boehm's headers, mark stack and tables */
    uint64_t process_held;  /* mimalloc's part of heap_held */
    uint64_t managed_held;  /* Boehm's part of heap_held */
};
void rt__held_read(struct rt__held *out);

/* Stack depth of registered threads, summed, when each last took the slow path; and their number. */
uint64_t rt__stacks_bytes(void);
unsigned rt__threads_count(void);

#endif
