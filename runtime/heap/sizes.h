/* sizes.h - mimalloc 2's size classes, as arithmetic.
 *
 * Blocks are tallied by class (thread.h): 1..5 are 8 16 32 48 64 bytes, then come four to a doubling up
 * to 128 KiB (class 49); class 0 is everything larger, which mimalloc rounds to pages. account.h
 * shows the same numbers. Up to RT__SMALL_MAX a table of bytes gives the class; with a counter for
 * each size in words instead, the table would go but a thread's counters would take 40 cache lines
 * instead of 9. Pure.
 */
#ifndef RT_HEAP_SIZES_H
#define RT_HEAP_SIZES_H

#include <stddef.h>
#include <stdint.h>

#define RT__SMALL_MAX 1024u
#define RT__LARGE_MAX 131072u
#define RT__CLASS_HUGE 0u
#define RT__CLASS_LAST 49u
#define RT__CLASS_COUNT (RT__CLASS_LAST + 1)

/* Class of a block of n words of 8 bytes, n <= RT__SMALL_MAX / 8. */
extern const uint8_t rt__class_of_words[RT__SMALL_MAX / 8 + 1];

/* The class whose blocks hold n bytes (n <= RT__LARGE_MAX), by arithmetic. */
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
    unsigned b = 63u - (unsigned)__builtin_clzll(words);
    return ((b << 2) + (unsigned)((words >> (b - 2)) & 3)) - 6;
}

/* Block size of a class, 1..RT__CLASS_LAST. */
static inline uint32_t rt__class_size(unsigned c)
{
    if (c <= 5) {
        return c == 1 ? 8 : (c - 1) * 16;
    }
    unsigned k = c + 6 + 1; /* four times the exponent, plus the quarter, of the next class's least */
    unsigned b = k >> 2, quarter = k & 3;
    return (uint32_t)((4 + quarter) << (b - 2)) * 8;
}

/* The class that a block of any size is tallied under. */
static inline unsigned rt__class_of_block(size_t size)
{
    if (__builtin_expect(size <= RT__SMALL_MAX, 1)) {
        return rt__class_of_words[(size + 7) >> 3];
    }
    return size > RT__LARGE_MAX ? RT__CLASS_HUGE : rt__class_of_size(size);
}

#endif
