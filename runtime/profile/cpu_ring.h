/* cpu_ring.h - the samples of one thread, from its signal handler to the profiler's thread.
 *
 * One writer, which is the handler, and one reader; neither waits for the other, and nothing is allocated. A
 * sample takes as many words as its stack is deep. What finds no room is counted.
 */
#ifndef RT_PROFILE_CPU_RING_H
#define RT_PROFILE_CPU_RING_H

#include <stdbool.h>
#include <stdint.h>
#include "runtime/os/os.h"
#include "runtime/unwind/unwind.h"

struct rt_labels;

#define RT__CPU_PERIOD_NS UINT64_C(10000000) /* 100 samples a second of CPU time, as in Go */

struct rt__cpu_sample {
    uint32_t depth;
    uint32_t weight; /* periods that it stands for */
    const struct rt_labels *labels;
    char thread[RT__OS_NAME_BYTES]; /* padded with NULs */
    uintptr_t pcs[RT__STACK_MAX];
};

/* 16 KiB: thirty of the deepest stacks, three times what comes between two looks of the reader. */
#define RT__CPU_RING_WORDS 2048u

struct rt__cpu_ring {
    uint64_t put, taken; /* words since the beginning */
    uint64_t dropped;    /* weight of the samples that found no room */
    uint64_t words[RT__CPU_RING_WORDS];
};

void rt__cpu_ring_put(struct rt__cpu_ring *ring, const struct rt__cpu_sample *sample);
/* False when there is none. */
bool rt__cpu_ring_take(struct rt__cpu_ring *ring, struct rt__cpu_sample *sample);
uint64_t rt__cpu_ring_dropped(const struct rt__cpu_ring *ring);
/* Empties it for another writer, when neither side is at work. */
void rt__cpu_ring_reset(struct rt__cpu_ring *ring);

#endif
