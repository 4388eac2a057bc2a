/* histogram.c - see histogram.h.
 *
 * Values below 2048 have a slot each. Above, a value is shifted right until 11 bits are left, of
 * which the highest is always set: 1024 slots for each shift, behind those of the shift before.
 */
#include "bench/load/histogram.h"

#include <math.h>
#include <stddef.h>

#define FINE_BITS 10
#define FINE (1u << FINE_BITS)

static unsigned shift_of(uint64_t value)
{
    return value < 2 * FINE ? 0 : 63u - (unsigned)__builtin_clzll(value) - FINE_BITS;
}

static size_t slot_of(uint64_t value)
{
    unsigned shift = shift_of(value);

    return (size_t)shift * FINE + (size_t)(value >> shift);
}

static unsigned slot_shift(size_t slot)
{
    return slot < 2 * FINE ? 0 : (unsigned)(slot / FINE) - 1;
}

static uint64_t slot_first(size_t slot)
{
    unsigned shift = slot_shift(slot);

    return (uint64_t)(slot - (size_t)shift * FINE) << shift;
}

static uint64_t slot_last(size_t slot)
{
    return slot_first(slot) + (UINT64_C(1) << slot_shift(slot)) - 1;
}

void histogram_record(struct histogram *h, uint64_t value_ns)
{
    if (value_ns > HISTOGRAM_MOST_NS)
        value_ns = HISTOGRAM_MOST_NS;
    if (h->count == 0 || value_ns < h->least_ns)
        h->least_ns = value_ns;
    if (value_ns > h->greatest_ns)
        h->greatest_ns = value_ns;
    h->count++;
    h->sum_ns += value_ns;
    h->slots[slot_of(value_ns)]++;
}

void histogram_add(struct histogram *h, const struct histogram *other)
{
    if (other->count == 0)
        return;
    if (h->count == 0 || other->least_ns < h->least_ns)
        h->least_ns = other->least_ns;
    if (other->greatest_ns > h->greatest_ns)
        h->greatest_ns = other->greatest_ns;
    h->count += other->count;
    h->sum_ns += other->sum_ns;
    for (size_t i = 0; i < HISTOGRAM_SLOTS; i++)
        h->slots[i] += other->slots[i];
}

uint64_t histogram_percentile(const struct histogram *h, double percent)
{
    uint64_t wanted = (uint64_t)ceil(percent / 100 * (double)h->count);
    uint64_t seen = 0;

    for (size_t i = 0; i < HISTOGRAM_SLOTS && h->count != 0; i++) {
        seen += h->slots[i];
        if (seen != 0 && seen >= wanted)
            return slot_last(i) < h->greatest_ns ? slot_last(i) : h->greatest_ns;
    }
    return h->greatest_ns;
}

uint64_t histogram_up_to(const struct histogram *h, uint64_t limit_ns)
{
    uint64_t seen = 0;

    for (size_t i = 0; i < HISTOGRAM_SLOTS && slot_first(i) <= limit_ns; i++)
        seen += h->slots[i];
    return seen;
}
