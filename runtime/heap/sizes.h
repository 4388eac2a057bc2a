/* sizes.h - mimalloc 2's size classes, as arithmetic.
 *
 * Both tallies (thread.h) count by slot: slots 0..128 are blocks of up to 1024 bytes by their size
 * in words, so that an allocation finds its slot with a shift; the classes from 1280 to 131072
 * bytes have a slot each; the last slot is everything larger, which mimalloc rounds to pages.
 * Statistics fold slots into classes (account.h). Pure; nothing here may depend on a heap being up.
 */
#ifndef RT_HEAP_SIZES_H
#define RT_HEAP_SIZES_H

#include <stddef.h>
#include <stdint.h>

#define RT__SMALL_MAX 1024u
#define RT__SMALL_SLOTS (RT__SMALL_MAX / 8 + 1)
#define RT__LARGE_MAX 131072u
#define RT__LARGE_SLOTS 28u /* seven doublings from 1024, four classes each */
#define RT__SLOT_HUGE (RT__SMALL_SLOTS + RT__LARGE_SLOTS)
#define RT__SLOTS (RT__SLOT_HUGE + 1)

/* Classes in account.h's numbering: 0 is Go's empty class; 1..5 are 8 16 32 48 64; then four to a
 * doubling. */
#define RT__CLASS_LAST 49u

static inline unsigned rt__size_log2(size_t n)
{
    return 63u - (unsigned)__builtin_clzll(n);
}

/* The class whose blocks hold n bytes (n <= RT__LARGE_MAX). */
static inline unsigned rt__class_of_size(size_t n)
{
    size_t words = (n + 7) / 8;
    if (words <= 1) {
        return 1;
    }
    if (words <= 8) {
        return 1 + (unsigned)((words + 1) / 2);
    }
    words--;
    unsigned b = rt__size_log2(words);
    return ((b << 2) + (unsigned)((words >> (b - 2)) & 3)) - 6;
}

/* Block size of a class, 1..RT__CLASS_LAST. */
static inline uint32_t rt__class_size(unsigned c)
{
    if (c <= 5) {
        return c == 1 ? 8 : (c - 1) * 16;
    }
    unsigned k = c + 6 + 1; /* b*4 + quarter, of the largest word count plus one */
    unsigned b = k >> 2, quarter = k & 3;
    return (uint32_t)((4 + quarter) << (b - 2)) * 8;
}

/* Slot of a block of exactly `size` bytes that is larger than RT__SMALL_MAX. */
static inline unsigned rt__slot_of_large(size_t size)
{
    return size > RT__LARGE_MAX ? RT__SLOT_HUGE : RT__SMALL_SLOTS + (rt__class_of_size(size) - 22);
}

/* Class that a slot's blocks are shown under; 0 for the huge slot (no class holds them). */
static inline unsigned rt__class_of_slot(unsigned slot)
{
    if (slot < RT__SMALL_SLOTS) {
        return rt__class_of_size((size_t)slot * 8);
    }
    return slot == RT__SLOT_HUGE ? 0 : slot - RT__SMALL_SLOTS + 22;
}

#endif
