/* ring.h - the last 4096 finished cycles, in memory whether or not gctrace is on. One writer at a
 * time (the cycle's lock); readers copy without stopping it and get only whole records (a
 * sequence number a slot). Memory is mapped in steps as cycles come, so that a program that never
 * collects pays a page. Records are packed smaller than struct rt_cycle where that loses nothing.
 */
#ifndef RT_GC_RING_H
#define RT_GC_RING_H

#include <stddef.h>

struct rt_cycle;

#define RT__RING_CYCLES 4096

void rt__ring_add(const struct rt_cycle *c);
/* Newest n (or as many as there are), oldest first; returns how many were copied. */
size_t rt__ring_read(struct rt_cycle *out, size_t n);

#endif
