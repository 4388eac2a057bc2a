/* rules.h - the rule of a pc, from the objects that are loaded or from a cache of the rules found before.
 *
 * Async-signal-safe and for all threads at once: no lock, no allocation. Only where the unwinder reads call frame
 * information itself (RT__UNWIND_BY_CFI): on x86-64 with glibc 2.35 or newer, which has _dl_find_object.
 */
#ifndef RT_UNWIND_RULES_H
#define RT_UNWIND_RULES_H

#include <features.h>
#include <stddef.h>
#include "runtime/unwind/cfi.h"

#if defined(__x86_64__) && defined(__GLIBC_PREREQ) && !defined(RT_UNWIND_GENERIC)
#if __GLIBC_PREREQ(2, 35)
#define RT__UNWIND_BY_CFI 1
#endif
#endif

/* Once, before main; until then every pc is looked up anew. */
void rt__rules_start(void);
void rt__rules_forget(void);

enum rt__rule_found {
    RT__RULE_OUTSIDE, /* the pc is in no object */
    RT__RULE_NONE,    /* it is, but nothing is known of its frame */
    RT__RULE_FOUND,
};
enum rt__rule_found rt__rules_find(uintptr_t pc, struct rt__cfi_rule *rule);

/* ---- the cache, open to the walk: most of what a walk does is to look here ---- */

#define RT__RULES_SETS_BITS 11 /* 2048 sets of 2 entries: 128 KiB, some 1500 call sites before sets run over */
#define RT__RULES_WAYS 2
#define RT__RULES_COUNT_BITS 16 /* addresses of programs have 47 bits */
#define RT__RULES_COUNT_MASK ((UINT64_C(1) << RT__RULES_COUNT_BITS) - 1)
#define RT__RULES_WORDS 3

struct rt__rules_entry {
    uint64_t key; /* pc << RT__RULES_COUNT_BITS | count; 0: empty. The count is odd while the rule is written */
    uint64_t rule[RT__RULES_WORDS];
};

/* A rule is copied word by word: pairs of words would be read before the processor has put them together. */
typedef uint64_t rt__rules_word __attribute__((aligned(4), may_alias));

_Static_assert(sizeof(struct rt__cfi_rule) == RT__RULES_WORDS * sizeof(uint64_t), "a rule is copied as words");
_Static_assert(RT__RULES_WAYS * sizeof(struct rt__rules_entry) == 64, "a set is one line");

extern struct rt__rules_entry *rt__rules_entries;

/* NULL where there is no cache for the pc. That of an empty entry is 0. */
static inline struct rt__rules_entry *rt__rules_set(uintptr_t pc)
{
    struct rt__rules_entry *all = __atomic_load_n(&rt__rules_entries, __ATOMIC_ACQUIRE);
    if (all == NULL || pc - 1 >= (UINT64_C(1) << (64 - RT__RULES_COUNT_BITS)) - 1) {
        return NULL;
    }
    /* Fibonacci's hash: call sites lie near each other and differ in few bits. */
    return all + (pc * UINT64_C(0x9E3779B97F4A7C15) >> (64 - RT__RULES_SETS_BITS)) * RT__RULES_WAYS;
}

/* Acquire orders each word before the second look at the key, and is an ordinary read on this machine. */
static inline bool rt__rules_cached(const struct rt__rules_entry *set, uintptr_t pc, struct rt__cfi_rule *rule)
{
    for (unsigned way = 0; way < RT__RULES_WAYS; way++) {
        const struct rt__rules_entry *e = &set[way];
        rt__rules_word *words = (rt__rules_word *)rule;
        uint64_t key = __atomic_load_n(&e->key, __ATOMIC_ACQUIRE);
        if (((key ^ pc << RT__RULES_COUNT_BITS) & ~(RT__RULES_COUNT_MASK - 1)) != 0) {
            continue; /* another pc, or odd */
        }
        words[0] = __atomic_load_n(&e->rule[0], __ATOMIC_ACQUIRE);
        words[1] = __atomic_load_n(&e->rule[1], __ATOMIC_ACQUIRE);
        words[2] = __atomic_load_n(&e->rule[2], __ATOMIC_ACQUIRE);
        return __atomic_load_n(&e->key, __ATOMIC_RELAXED) == key;
    }
    return false;
}

#endif
