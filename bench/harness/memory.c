/* memory.c - pages for the harness's own state, which the allocation counters must not see. */
#include "bench/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

void *rt__bench_map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        fputs("benchmark: no memory\n", stderr);
        exit(2);
    }
    return p;
}

void rt__bench_unmap(void *p, size_t size)
{
    munmap(p, size);
}
