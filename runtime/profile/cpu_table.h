/* cpu_table.h - the samples of one CPU profile, added up by stack, thread and labels.
 *
 * Unlike a table of buckets it lives no longer than one profile, knows threads by name and is used by one thread at
 * a time (cpu.c's lock): its memory is mapped as stacks come, up to a bound, and given back as a whole.
 */
#ifndef RT_PROFILE_CPU_TABLE_H
#define RT_PROFILE_CPU_TABLE_H

#include <stdbool.h>
#include "runtime/profile/cpu_ring.h"
#include "runtime/profile/snapshot.h"

struct rt__cpu_table {
    struct rt__cpu_chunk *newest; /* NULL: empty. Its memory, and the chains in the oldest one */
    struct rt__cpu_stack **chains;
    size_t mapped_bytes, most_bytes;
};

/* False when there is no room for the stack. Does not allocate. */
bool rt__cpu_table_add(struct rt__cpu_table *t, const struct rt__cpu_sample *sample);
/* Adds a sample for each sum: [0] how many, [1] nanoseconds. Everything but labels is copied. */
void rt__cpu_table_write(const struct rt__cpu_table *t, struct rt__profile *p);
/* Empties it. */
void rt__cpu_table_release(struct rt__cpu_table *t);

#endif
