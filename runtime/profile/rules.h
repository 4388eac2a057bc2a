/* rules.h - the rule of a pc, from the objects that are loaded or from a cache of the rules found before.
 *
 * Async-signal-safe and for all threads at once: no lock, no allocation. Only where the unwinder reads call frame
 * information itself (RT__UNWIND_BY_CFI): on x86-64 with glibc 2.35 or newer, which has _dl_find_object.
 */
#ifndef RT_PROFILE_RULES_H
#define RT_PROFILE_RULES_H

#include <features.h>
#include "runtime/profile/cfi.h"

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

#endif
