/* state.h - what control.c keeps and cycle.c updates: private to this folder. */
#ifndef RT_GC_STATE_H
#define RT_GC_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include "env/settings.h"
#include "runtime/gc/limiter.h"

/* Words that allocating threads read without a lock; written under the cycle lock or by a knob. */
struct rt__gc {
    int32_t gc_percent;
    int64_t memory_limit_bytes;
    uint32_t procs;
    int gctrace, pacertrace, scavtrace;
    uint64_t live_bytes; /* found live by the last cycle */
    uint64_t base_bytes; /* rt__managed_bytes_all when that was taken */
    uint64_t stacks_bytes, globals_bytes;
    uint64_t retain_bytes;
    uint64_t last_end_ns;
};
extern struct rt__gc rt__gc;

/* One finished cycle's figures into what rt__gc_state_read hands out. */
struct rt_cycle;
void rt__gc_state_note(const struct rt_cycle *c, uint64_t gc_cpu_ns, uint64_t eager_bytes);
uint64_t rt__gc_cpu_total_ns(void);

/* The limiter, under its own lock. */
void rt__gc_limiter_start(uint32_t procs);
bool rt__gc_limiter_allows(void);
void rt__gc_limiter_note(uint64_t gc_ns);

#define RT__LOAD(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define RT__STORE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)

#endif
