/* rules.c - rules by pc: a cache in front of the loaded objects.
 *
 * A rule found anew costs a search in the object's table and the reading of one entry, 0.3 us and more; one in the
 * cache some 3 ns. The cache is sets of two entries, each set one line of the processor's cache, shared by all threads.
 * An entry is guarded by its first word, which holds the pc and a count: a writer makes the count odd by an atomic
 * exchange, writes, and makes it even again. Whoever finds it odd or changed goes without the cache, so that a signal
 * handler which interrupted the writer never waits for it. A process forked while a thread wrote loses that entry.
 *
 * What lies in no object (code made at run time) is not kept, as nobody would say when it goes.
 */
#include "runtime/profile/rules.h"

#ifdef RT__UNWIND_BY_CFI

#include <dlfcn.h>
#include <elf.h>
#include <stddef.h>
#include <string.h>
#include "runtime/os/os.h"

#define SETS 2048u /* with 2 entries of 32 bytes each: 128 KiB, some 1500 call sites before sets run over */
#define SETS_BITS 11
#define WAYS 2
#define RULE_WORDS 3
#define COUNT_BITS 16 /* addresses of programs have 47 bits */

struct entry {
    uint64_t key; /* pc << COUNT_BITS | count; 0: empty */
    uint64_t rule[RULE_WORDS];
};

_Static_assert(sizeof(struct rt__cfi_rule) == RULE_WORDS * sizeof(uint64_t), "a rule is copied as words");
_Static_assert(WAYS * sizeof(struct entry) == 64, "a set is one line");

static struct entry *entries;
static uint32_t forgotten; /* how often the cache was */

void rt__rules_start(void)
{
    if (__atomic_load_n(&entries, __ATOMIC_ACQUIRE) == NULL) {
        struct entry *mapped = rt__os_map(SETS * WAYS * sizeof *mapped, RT__OS_BUCKETS);
        __atomic_store_n(&entries, mapped, __ATOMIC_RELEASE);
    }
}

/* ---- the cache ---- */

static struct entry *set_of(uintptr_t pc)
{
    struct entry *all = __atomic_load_n(&entries, __ATOMIC_ACQUIRE);
    if (all == NULL || pc == 0 || pc >> (64 - COUNT_BITS) != 0) { /* the pc of an empty entry is 0 */
        return NULL;
    }
    /* Fibonacci's hash: call sites lie near each other and differ in few bits. */
    return all + (pc * UINT64_C(0x9E3779B97F4A7C15) >> (64 - SETS_BITS)) * WAYS;
}

/* Acquire orders each word before the second look at the key, and is an ordinary read on this machine. */
static bool cached(struct entry *set, uintptr_t pc, struct rt__cfi_rule *rule)
{
    for (unsigned way = 0; way < WAYS; way++) {
        struct entry *e = &set[way];
        uint64_t words[RULE_WORDS];
        uint64_t key = __atomic_load_n(&e->key, __ATOMIC_ACQUIRE);
        if (key >> COUNT_BITS != pc || (key & 1) != 0) {
            continue;
        }
        for (unsigned i = 0; i < RULE_WORDS; i++) {
            words[i] = __atomic_load_n(&e->rule[i], __ATOMIC_ACQUIRE);
        }
        memcpy(rule, words, sizeof words);
        return __atomic_load_n(&e->key, __ATOMIC_RELAXED) == key;
    }
    return false;
}

static uint64_t next_count(uint64_t key)
{
    return (key + 1) & ((1u << COUNT_BITS) - 1);
}

/* Takes an entry for writing, unless another does. */
static bool take(struct entry *e, uint64_t key)
{
    uint64_t busy = (key & ~UINT64_C(0xffff)) | next_count(key);
    return (key & 1) == 0 &&
           __atomic_compare_exchange_n(&e->key, &key, busy, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void clear(struct entry *e)
{
    uint64_t key = __atomic_load_n(&e->key, __ATOMIC_RELAXED);
    if (take(e, key)) {
        __atomic_store_n(&e->key, next_count(key + 1), __ATOMIC_RELEASE);
    }
}

static void keep(struct entry *set, uintptr_t pc, const struct rt__cfi_rule *rule, uint32_t forgotten_before)
{
    uint64_t words[RULE_WORDS];
    uint64_t keys[WAYS] = {__atomic_load_n(&set[0].key, __ATOMIC_RELAXED),
                           __atomic_load_n(&set[1].key, __ATOMIC_RELAXED)};
    /* The one that was written less often, so that they are replaced in turn. */
    unsigned way = (int16_t)(uint16_t)(keys[1] - keys[0]) < 0;
    struct entry *e = &set[way];
    if (!take(e, keys[way])) {
        return;
    }
    memcpy(words, rule, sizeof words);
    for (unsigned i = 0; i < RULE_WORDS; i++) {
        __atomic_store_n(&e->rule[i], words[i], __ATOMIC_RELEASE);
    }
    __atomic_store_n(&e->key, pc << COUNT_BITS | next_count(keys[way] + 1), __ATOMIC_SEQ_CST);
    /* It may have been looked up before the cache was forgotten, and have come too late to be cleared. */
    if (__atomic_load_n(&forgotten, __ATOMIC_SEQ_CST) != forgotten_before) {
        clear(e);
    }
}

void rt__rules_forget(void)
{
    struct entry *all = __atomic_load_n(&entries, __ATOMIC_ACQUIRE);
    __atomic_add_fetch(&forgotten, 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; all != NULL && i < SETS * WAYS; i++) {
        clear(&all[i]);
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
    struct entry *set = set_of(pc);
    if (set != NULL && cached(set, pc, rule)) {
        return rule->is_none ? RT__RULE_NONE : RT__RULE_FOUND;
    }
    uint32_t forgotten_before = __atomic_load_n(&forgotten, __ATOMIC_SEQ_CST);
    enum rt__rule_found found = look_up(pc, rule);
    if (found == RT__RULE_NONE) {
        *rule = (struct rt__cfi_rule){.is_none = 1};
    }
    if (found != RT__RULE_OUTSIDE && set != NULL) {
        keep(set, pc, rule, forgotten_before);
    }
    return found;
}

#endif
