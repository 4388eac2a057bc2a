/* managed.h - the managed heap's insides that other runtime folders use. */
#ifndef RT_HEAP_MANAGED_H
#define RT_HEAP_MANAGED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "runtime/heap/thread.h"

/* Sets the backend and starts it; before main, once. */
struct rt__backend;
void rt__managed_start(const struct rt__backend *backend, unsigned markers);

/* Zeroed memory of the runtime's own that a collector looks into and never takes. */
void *rt__root_alloc(size_t size);
void rt__root_free(void *p);

/* The calling thread collects its process heap now (if it has one), and every other thread is asked to at its next
 * look or poll; with purge its free pages go back to the system at once. */
void rt__give_back(bool purge);
/* Does what was asked of this thread, if anything. */
void rt__give_back_if_asked(struct rt__thread *t);
/* CPU ns that all threads together gave to it so far. */
uint64_t rt__give_back_spent_ns(void);

/* Pools: one step of ageing, called once a cycle with the world running. */
void rt__pools_age(void);

#endif
