/* caller.c - see caller.h. As the unwinder: no lock, no allocation, no waiting. */
#include "runtime/unwind/caller.h"

#include <string.h>

/* More than there ever are between a wrapper and here. */
#define WRAPPERS_MOST 8

size_t rt__caller_stack(const void *caller, uintptr_t pcs[RT__STACK_MAX])
{
    uintptr_t all[RT__STACK_MAX + WRAPPERS_MOST];
    uintptr_t first = (uintptr_t)caller - 1; /* the call's last byte, as unwind.h gives callers */
    size_t n = rt__unwind_here(all, sizeof(all) / sizeof(*all), 1);
    size_t i = 0;
    while (i < n && i < WRAPPERS_MOST && all[i] != first) {
        i++;
    }
    if (i == n || all[i] != first) {
        pcs[0] = first; /* no stack: before the unwinder's start, or something that it cannot walk */
        return 1;
    }
    size_t depth = n - i < RT__STACK_MAX ? n - i : RT__STACK_MAX;
    memcpy(pcs, &all[i], depth * sizeof(*pcs));
    return depth;
}
