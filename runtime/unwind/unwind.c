/* unwind.c - walks a stack by the rules of its pcs.
 *
 * A walk has a file of registers. For each frame the rule of its pc says where the caller's frame begins (the CFA),
 * where the return address is, which is read, and where registers are saved, which is noted: few are ever asked for.
 * Where no rule is known, rbp is tried as a frame pointer, if what it leads to is a call from an object. The CFA must
 * grow with each frame, so a walk ends on any stack.
 *
 * Nothing is read that may not be mapped. A thread's own stack is whole between its lowest page in use and its base;
 * that is made sure of once for each page a thread's stack grows by, by asking the kernel. On other stacks - that of
 * signal handlers, those a program made for itself - each page is asked about as a walk comes to it. So smashed
 * registers, or a smashed stack, end the walk, at worst with an address or two that mean nothing.
 */
#include "runtime/unwind/unwind.h"

#include "runtime/unwind/rules.h"

#ifdef RT__UNWIND_BY_CFI

#include <pthread.h>
#include <string.h>
#include <ucontext.h>
#include "runtime/os/os.h"

#define WORD 8
#define PAGE ((uintptr_t)4096)
#define RED_ZONE 128 /* below rsp, kept by signal handlers: registers just popped are still to be found there */
/* A stack in use deeper than this is read page by page. It keeps another stack, far below the thread's own, from being
 * taken for its continuation. */
#define DEEPEST ((uintptr_t)64 << 20)
/* Where no rule is known. rbp may be left from another stack, as it is where a coroutine begins. */
#define LARGEST_FRAME ((uint64_t)1 << 20)
#define PAGES_AT_ONCE 16 /* asked about in one walk: 2 us */

/* Reads of the stack go across frames, and race with nobody; sanitizers cannot know either. */
#define READS_ANY_FRAME __attribute__((no_sanitize("address", "thread", "undefined")))

typedef uint64_t unaligned_word __attribute__((aligned(1), may_alias));

struct walk {
    uint64_t r[RT__REGISTERS]; /* by DWARF's numbers */
    /* Where rt__cfi_kept[i] was saved last; 0: nowhere, it is in r. Read only when a frame begins relative to it: few
     * registers of few frames are. */
    uintptr_t saved_at[RT__CFI_KEPT];
    uintptr_t low, words; /* addresses in [low, low + words) begin 8 bytes that can be read */
    bool own_stack;       /* that is all there is; elsewhere it is as far as was asked */
    bool exact;           /* rip is an instruction's own address, not one to return to */
};

static pthread_t main_thread;
static uintptr_t main_base; /* of the main thread's stack, whose descriptor does not lie on top of it */
static bool started;

/* Pages below the base of the calling thread's stack that are known to be there. A stack keeps its pages. */
static __thread uint32_t pages_known __attribute__((tls_model("initial-exec")));

void rt__unwind_start(void)
{
    if (!__atomic_load_n(&started, __ATOMIC_ACQUIRE)) {
        rt__rules_start();
        main_thread = pthread_self();
        main_base = (uintptr_t)rt__os_stack_base();
        __atomic_store_n(&started, true, __ATOMIC_RELEASE);
    }
}

void rt__unwind_forget(void)
{
    rt__rules_forget();
}

/* ---- reading the stack ---- */

/* Whether all pages from the base down are there. */
static bool are_known(uintptr_t top, uintptr_t pages)
{
    uint32_t known = __atomic_load_n(&pages_known, __ATOMIC_RELAXED);
    for (unsigned asked = 0; known < pages && asked < PAGES_AT_ONCE; asked++, known++) {
        if (!rt__os_readable(top - (known + (uintptr_t)1) * PAGE)) {
            break;
        }
    }
    __atomic_store_n(&pages_known, known, __ATOMIC_RELAXED);
    return known >= pages;
}

/* To be called when rsp has come to be on another stack. glibc puts a thread's descriptor on top of its stack. */
static void begin_stack(struct walk *w)
{
    pthread_t self = pthread_self();
    uintptr_t base = self == main_thread ? main_base : (uintptr_t)self;
    uintptr_t top = (base + PAGE - 1) & ~(PAGE - 1);
    uintptr_t bottom = (w->r[RT__RSP] - RED_ZONE) & ~(PAGE - 1);
    w->low = w->words = 0;
    w->own_stack = bottom < base && base - bottom <= DEEPEST && are_known(top, (top - bottom) / PAGE);
    if (w->own_stack) {
        w->low = bottom;
        w->words = base - bottom - (WORD - 1);
    }
}

static bool widen(struct walk *w, uintptr_t address)
{
    uintptr_t page = address & ~(PAGE - 1);
    if (w->own_stack || address > UINTPTR_MAX - PAGE || !rt__os_readable(address)) {
        return false;
    }
    w->low = address > page + PAGE - WORD ? address : page; /* across two pages: that word alone */
    w->words = w->low == page ? PAGE - (WORD - 1) : 1;
    return true;
}

READS_ANY_FRAME static inline bool read_word(struct walk *w, uintptr_t address, uint64_t *word)
{
    if (__builtin_expect(address - w->low >= w->words, 0) && !widen(w, address)) {
        return false;
    }
    *word = *(const unaligned_word *)address; /* not memcpy, which a sanitizer would look into */
    return true;
}

/* ---- steps: from a frame to its caller's; false at the end of the stack ---- */

static inline bool read_register(struct walk *w, unsigned reg, uint64_t *value)
{
    static const uint8_t kept_as[16] = {[RT__RBX] = 1, [RT__RBP] = 2, [12] = 3, [13] = 4, [14] = 5, [15] = 6};
    uintptr_t at = kept_as[reg] == 0 ? 0 : w->saved_at[kept_as[reg] - 1];
    if (at != 0) {
        return read_word(w, at, value);
    }
    *value = w->r[reg];
    return true;
}

static bool return_to(struct walk *w, uint64_t rip, uint64_t rsp)
{
    w->r[RT__RIP] = rip;
    w->r[RT__RSP] = rsp;
    w->exact = false;
    return rip != 0;
}

static void take_context(struct walk *w, const greg_t *gregs)
{
    static const uint8_t order[RT__REGISTERS] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                                 REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                                 REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    for (unsigned i = 0; i < RT__REGISTERS; i++) {
        w->r[i] = (uint64_t)gregs[order[i]];
    }
    memset(w->saved_at, 0, sizeof w->saved_at);
    w->exact = true;
    begin_stack(w);
}

/* A signal handler returns to a call of sigreturn; the kernel put all registers of what it interrupted on the stack. */
static bool step_signal(struct walk *w)
{
    greg_t gregs[NGREG];
    uintptr_t from = w->r[RT__RSP] + offsetof(ucontext_t, uc_mcontext.gregs);
    for (unsigned i = 0; i < NGREG; i++) {
        uint64_t word;
        if (!read_word(w, from + i * sizeof word, &word)) {
            return false;
        }
        gregs[i] = (greg_t)word;
    }
    take_context(w, gregs);
    return true;
}

/* Some are saved relative to a register, as in frames that align the stack. */
static bool note_saved_by_base(struct walk *w, const struct rt__cfi_rule *rule, uint64_t cfa)
{
    uint64_t base;
    if (!read_register(w, rule->base_reg, &base)) {
        return false;
    }
    for (unsigned i = 0; i < RT__CFI_KEPT; i++) {
        bool by_base = rule->by_base >> i & 1;
        uint64_t at = (by_base ? base : cfa) + (uint64_t)rule->words[i] * WORD;
        /* gcc does not say so when the last instructions of such a frame have given the base back already; what they
         * saved is then not to be found below the CFA. */
        if (by_base ? at < cfa || !w->exact : rule->words[i] != 0) {
            w->saved_at[i] = at;
        }
    }
    return true;
}

/* Without a branch: which registers a function saves cannot be foretold. */
static inline void note_one(struct walk *w, const struct rt__cfi_rule *rule, uint64_t cfa, unsigned i)
{
    uintptr_t before = w->saved_at[i], at = cfa + (uint64_t)rule->words[i] * WORD;
    w->saved_at[i] = rule->words[i] != 0 ? at : before;
}

static inline void note_saved(struct walk *w, const struct rt__cfi_rule *rule, uint64_t cfa)
{
    note_one(w, rule, cfa, 0);
    note_one(w, rule, cfa, 1);
    note_one(w, rule, cfa, 2);
    note_one(w, rule, cfa, 3);
    note_one(w, rule, cfa, 4);
    note_one(w, rule, cfa, 5);
}

/* What nearly all steps are: by a rule of the usual form that is in the cache. False, and nothing is changed, when this
 * is none: step() looks closer. */
static inline bool step_cached(struct walk *w, uintptr_t pc)
{
    struct rt__cfi_rule rule;
    const struct rt__rules_entry *set = rt__rules_set(pc);
    if (set == NULL || !rt__rules_cached(set, pc, &rule) || rule.flags != RT__CFI_IS_RULE) {
        return false;
    }
    uint64_t rsp = w->r[RT__RSP], cfa = rsp, rip;
    if (rule.cfa_reg != RT__RSP && !read_register(w, rule.cfa_reg, &cfa)) {
        return false;
    }
    cfa += (uint64_t)rule.cfa_offset;
    if (cfa % WORD != 0 || cfa <= rsp || !read_word(w, cfa + (uint64_t)rule.return_words * WORD, &rip) || rip == 0) {
        return false;
    }
    note_saved(w, &rule, cfa);
    w->r[RT__RIP] = rip;
    w->r[RT__RSP] = cfa;
    return true;
}

static bool step_by_rule(struct walk *w, const struct rt__cfi_rule *rule)
{
    uint64_t cfa, rip;
    if ((rule->flags & RT__CFI_IS_OUTERMOST) || !read_register(w, rule->cfa_reg, &cfa)) {
        return false;
    }
    cfa += (uint64_t)rule->cfa_offset;
    if (rule->flags & RT__CFI_IS_INDIRECT) {
        if (!read_word(w, cfa, &cfa)) {
            return false;
        }
        cfa += (uint64_t)rule->cfa_after;
    }
    /* An interrupted function may have taken its return address from the stack already. */
    if (cfa % WORD != 0 || cfa < w->r[RT__RSP] + (w->exact ? 0 : WORD)) {
        return false;
    }
    if (rule->flags & RT__CFI_RETURN_IN_REG) {
        rip = w->r[rule->return_reg]; /* of those that calls do not keep */
    } else if (!read_word(w, cfa + (uint64_t)rule->return_words * WORD, &rip)) {
        return false;
    }
    if (rule->flags & RT__CFI_IN_BASE) {
        return note_saved_by_base(w, rule, cfa) && return_to(w, rip, cfa);
    }
    note_saved(w, rule, cfa);
    return return_to(w, rip, cfa);
}

static bool is_in_object(uintptr_t pc)
{
    struct rt__cfi_rule ignored;
    return rt__rules_find(pc, &ignored) != RT__RULE_OUTSIDE;
}

static bool step_without_rule(struct walk *w, enum rt__rule_found found)
{
    uint64_t rsp = w->r[RT__RSP], rbp, rip;
    /* A call through a bad pointer: no instruction of what was called has run. */
    if (w->exact && found == RT__RULE_OUTSIDE && read_word(w, rsp, &rip) && is_in_object(rip - 1)) {
        return return_to(w, rip, rsp + WORD);
    }
    if (!read_register(w, RT__RBP, &rbp) || rbp % WORD != 0 || rbp - rsp > LARGEST_FRAME) {
        return false;
    }
    if (!read_word(w, rbp + WORD, &rip) || !is_in_object(rip - 1)) {
        return false;
    }
    w->saved_at[1] = rbp;
    return return_to(w, rip, rbp + 2 * WORD);
}

/* One step of any kind. *shown becomes the address to be shown, or 0 for none. */
static __attribute__((noinline)) bool step(struct walk *w, uintptr_t *shown)
{
    struct rt__cfi_rule rule;
    bool was_exact = w->exact, more;
    uintptr_t pc = w->r[RT__RIP] - !was_exact;
    enum rt__rule_found found = rt__rules_find(pc, &rule);
    *shown = pc;
    if (found != RT__RULE_FOUND) {
        more = step_without_rule(w, found);
        /* In no object: code made at run time, or no address to return to after all. */
        if (found == RT__RULE_OUTSIDE && !was_exact && !(more && rt__os_readable(pc))) {
            *shown = 0;
        }
    } else if (rule.flags & RT__CFI_IS_SIGNAL) {
        *shown = w->r[RT__RIP]; /* nothing called it: the instruction before is not its */
        more = step_signal(w);
    } else {
        more = step_by_rule(w, &rule);
    }
    return more;
}

static size_t walk(struct walk *w, uintptr_t *pcs, size_t max, size_t skip)
{
    size_t n = 0;
    bool more = true;
    while (more && n < max) {
        uintptr_t shown = w->r[RT__RIP] - 1;
        if (w->exact || !step_cached(w, shown)) {
            bool was_exact = w->exact;
            more = step(w, &shown);
            if (shown == 0 && !was_exact) {
                continue;
            }
        }
        if (skip > 0) {
            skip--;
        } else {
            pcs[n++] = shown;
        }
    }
    return n;
}

/* noinline: its own frame is the first step. */
__attribute__((noinline)) size_t rt__unwind_here(uintptr_t *pcs, size_t max, unsigned skip)
{
    struct walk w = {.exact = true};
    if (!__atomic_load_n(&started, __ATOMIC_ACQUIRE)) {
        return 0;
    }
    __asm__ volatile("movq %%rbx, 3*8(%1)\n\t"
                     "movq %%rbp, 6*8(%1)\n\t"
                     "movq %%rsp, 7*8(%1)\n\t"
                     "movq %%r12, 12*8(%1)\n\t"
                     "movq %%r13, 13*8(%1)\n\t"
                     "movq %%r14, 14*8(%1)\n\t"
                     "movq %%r15, 15*8(%1)\n\t"
                     "leaq 0(%%rip), %0"
                     : "=&r"(w.r[RT__RIP])
                     : "r"(w.r)
                     : "memory");
    begin_stack(&w);
    return walk(&w, pcs, max, (size_t)skip + 1);
}

size_t rt__unwind_context(const void *context, uintptr_t *pcs, size_t max)
{
    const ucontext_t *interrupted = context;
    struct walk w;
    if (!__atomic_load_n(&started, __ATOMIC_ACQUIRE)) {
        return 0;
    }
    take_context(&w, interrupted->uc_mcontext.gregs);
    return walk(&w, pcs, max, 0);
}

#endif
