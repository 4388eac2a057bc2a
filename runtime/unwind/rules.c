/* rules.c - rules by pc: a cache in front of the loaded objects.
 *
 * A rule found anew costs a search in the object's table and the reading of one entry, 0.3 us; a whole step by one in
 * the cache costs some 15 ns (bench/unwind, cold and here). The cache is sets of two entries, each set one line of the
 * processor's cache, shared by all threads. An entry is guarded by its first word, which holds the pc and a count: a
 * writer makes the count odd by an atomic exchange, writes, and makes it even again. Whoever finds it odd or changed
 * goes without the cache, so a signal handler never waits for the writer that it interrupted. A process forked while a
 * thread wrote loses that entry.
 *
 * What lies in no object (code made at run time) is not kept, as nobody would say when it goes.
 */
#include "runtime/unwind/rules.h"

#ifdef RT__UNWIND_BY_CFI

#include <dlfcn.h>
#include <elf.h>
#include <stddef.h>
#include <string.h>
#include "runtime/os/os.h"

#define ENTRIES (RT__RULES_WAYS << RT__RULES_SETS_BITS)

struct rt__rules_entry *rt__rules_entries;
static uint32_t forgotten; /* how often the cache was */

void rt__rules_start(void)
{
    if (__atomic_load_n(&rt__rules_entries, __ATOMIC_ACQUIRE) == NULL) {
        struct rt__rules_entry *mapped = rt__os_map(ENTRIES * sizeof *mapped, RT__OS_BUCKETS);
        __atomic_store_n(&rt__rules_entries, mapped, __ATOMIC_RELEASE);
    }
}

/* ---- the cache ---- */

static uint64_t next_count(uint64_t key)
{
    return (key + 1) & RT__RULES_COUNT_MASK;
}

/* Takes an entry for writing, unless another does. */
static bool take(struct rt__rules_entry *e, uint64_t key)
{
    uint64_t busy = (key & ~RT__RULES_COUNT_MASK) | next_count(key);
    return (key & 1) == 0 &&
           __atomic_compare_exchange_n(&e->key, &key, busy, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void clear(struct rt__rules_entry *e)
{
    uint64_t key = __atomic_load_n(&e->key, __ATOMIC_RELAXED);
    if (take(e, key)) {
        __atomic_store_n(&e->key, next_count(key + 1), __ATOMIC_RELEASE);
    }
}

static void keep(struct rt__rules_entry *set, uintptr_t pc, const struct rt__cfi_rule *rule, uint32_t forgotten_before)
{
    const rt__rules_word *words = (const rt__rules_word *)rule;
    uint64_t keys[RT__RULES_WAYS] = {__atomic_load_n(&set[0].key, __ATOMIC_RELAXED),
                                     __atomic_load_n(&set[1].key, __ATOMIC_RELAXED)};
    /* The one that was written less often, so that they are replaced in turn. */
    unsigned way = (int16_t)(uint16_t)(keys[1] - keys[0]) < 0;
    struct rt__rules_entry *e = &set[way];
    if (!take(e, keys[way])) {
        return;
    }
    for (unsigned i = 0; i < RT__RULES_WORDS; i++) {
        __atomic_store_n(&e->rule[i], words[i], __ATOMIC_RELEASE);
    }
    __atomic_store_n(&e->key, pc << RT__RULES_COUNT_BITS | next_count(keys[way] + 1), __ATOMIC_SEQ_CST);
    /* It may have been looked up before the cache was forgotten, and have come too late to be cleared. */
    if (__atomic_load_n(&forgotten, __ATOMIC_SEQ_CST) != forgotten_before) {
        clear(e);
    }
}

void rt__rules_forget(void)
{
    struct rt__rules_entry *all = __atomic_load_n(&rt__rules_entries, __ATOMIC_ACQUIRE);
    __atomic_add_fetch(&forgotten, 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; all != NULL && i < ENTRIES; i++) {
        if (__atomic_load_n(&all[i].key, __ATOMIC_SEQ_CST) > RT__RULES_COUNT_MASK) {
            clear(&all[i]);
        }
    }
}

/* ---- the objects ---- */

/* The segment of an object that holds its frame information: what is sure to be mapped. The object's mapping as a
 * whole may have holes. Linkers put the ELF header at its beginning. */
static bool segment_with(const struct dl_find_object *object, struct rt__cfi_range *segment)
{
    const Elf64_Ehdr *elf = object->dlfo_map_start;
    uintptr_t size = (uintptr_t)object->dlfo_map_end - (uintptr_t)elf, wanted = (uintptr_t)object->dlfo_eh_frame;
    if (size < sizeof *elf || memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 || elf->e_phentsize != sizeof(Elf64_Phdr)) {
        return false;
    }
    uint64_t room = 4096 - sizeof *elf; /* the headers follow on the same page, which is mapped as its beginning is */
    if (elf->e_phoff != sizeof *elf || elf->e_phnum > room / sizeof(Elf64_Phdr)) {
        return false;
    }
    const Elf64_Phdr *headers = (const Elf64_Phdr *)(elf + 1);
    uintptr_t bias = 0;
    for (unsigned i = 0; i < elf->e_phnum; i++) {
        const Elf64_Phdr *p = &headers[i];
        if (p->p_type != PT_LOAD) {
            continue;
        }
        if (p->p_offset == 0 && bias == 0) {
            bias = (uintptr_t)elf - p->p_vaddr;
        }
        uintptr_t start = bias + p->p_vaddr;
        if (wanted - start < p->p_filesz && wanted < (uintptr_t)object->dlfo_map_end) {
            *segment = (struct rt__cfi_range){(const uint8_t *)start, (const uint8_t *)start + p->p_filesz};
            return true;
        }
    }
    return false;
}

static enum rt__rule_found look_up(uintptr_t pc, struct rt__cfi_rule *rule)
{
    struct dl_find_object object;
    struct rt__cfi_range segment;
    if (_dl_find_object((void *)pc, &object) != 0) {
        return RT__RULE_OUTSIDE;
    }
    if (object.dlfo_eh_frame == NULL || !segment_with(&object, &segment)) {
        return RT__RULE_NONE;
    }
    const uint8_t *entry = rt__cfi_find(&segment, object.dlfo_eh_frame, pc);
    return entry != NULL && rt__cfi_read(&segment, entry, pc, rule) ? RT__RULE_FOUND : RT__RULE_NONE;
}

enum rt__rule_found rt__rules_find(uintptr_t pc, struct rt__cfi_rule *rule)
{
    struct rt__rules_entry *set = rt__rules_set(pc);
    if (set != NULL && rt__rules_cached(set, pc, rule)) {
        return rule->flags == 0 ? RT__RULE_NONE : RT__RULE_FOUND;
    }
    uint32_t forgotten_before = __atomic_load_n(&forgotten, __ATOMIC_SEQ_CST);
    enum rt__rule_found found = look_up(pc, rule);
    if (found == RT__RULE_NONE) {
        *rule = (struct rt__cfi_rule){0};
    }
    if (found != RT__RULE_OUTSIDE && set != NULL) {
        keep(set, pc, rule, forgotten_before);
    }
    return found;
}

#endif
