/* unwind.c - walks a stack by the rules of its pcs.
 *
 * A walk has a file of registers. For each frame the rule of its pc says where the caller's frame begins (the CFA),
 * where the return address is and where the callee saved registers; these are read, and the next frame is on. Where no
 * rule is known, rbp is tried as a frame pointer, if what it leads to is a call from an object. The CFA must grow with
 * each frame, so a walk ends on any stack.
 *
 * Nothing is read that may not be mapped. A thread's own stack is whole between its lowest page in use and its base;
 * that is made sure of once for each page a thread's stack grows by, by asking the kernel. On other stacks - that of
 * signal handlers, those a program made for itself - each page is asked about as a walk comes to it. So smashed
 * registers, or a smashed stack, end the walk, at worst with an address or two that mean nothing.
 */
#include "runtime/profile/unwind.h"

#include "runtime/profile/rules.h"

#ifdef RT__UNWIND_BY_CFI

#include <pthread.h>
#include <ucontext.h>
#include "runtime/os/os.h"

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
    uintptr_t low, words;      /* addresses in [low, low + words) begin 8 bytes that can be read */
    bool own_stack;            /* that is all there is; elsewhere it is as far as was asked */
    bool exact;                /* rip is an instruction's own address, not one to return to */
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
        w->words = base - bottom - 7;
    }
}

static bool widen(struct walk *w, uintptr_t address)
{
    uintptr_t page = address & ~(PAGE - 1);
    if (w->own_stack || address > UINTPTR_MAX - PAGE || !rt__os_readable(address)) {
        return false;
    }
    w->low = address > page + PAGE - 8 ? address : page; /* across two pages: that word alone */
    w->words = w->low == page ? PAGE - 7 : 1;
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

static bool step_by_rule(struct walk *w, const struct rt__cfi_rule *rule)
{
    uint64_t *r = w->r;
    uint64_t cfa = r[rule->cfa_reg] + (uint64_t)rule->cfa_offset, base = r[rule->base_reg], rip;
    if (rule->is_indirect) {
        if (!read_word(w, cfa, &cfa)) {
            return false;
        }
        cfa += (uint64_t)rule->cfa_after;
    }
    /* An interrupted function may have taken its return address from the stack already. */
    if (cfa % 8 != 0 || cfa < r[RT__RSP] + (w->exact ? 0 : 8)) {
        return false;
    }
    if (rule->return_how == RT__RETURN_IN_REGISTER) {
        rip = r[rule->return_reg];
    } else if (!read_word(w, cfa + (uint64_t)rule->return_words * 8, &rip)) {
        return false;
    }
    for (unsigned left = rule->saved; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        uint64_t from = (rule->by_base >> i & 1 ? base : cfa) + (uint64_t)rule->words[i] * 8;
        /* gcc does not say so when the last instructions of a realigned frame have given the base back already; what
         * they saved is then not to be found below the CFA. */
        if (from >= cfa && w->exact) {
            continue;
        }
        if (!read_word(w, from, &r[rt__cfi_kept[i]])) {
            return false;
        }
    }
    return return_to(w, rip, cfa);
}

static bool is_in_object(uintptr_t pc)
{
    struct rt__cfi_rule ignored;
    return rt__rules_find(pc, &ignored) != RT__RULE_OUTSIDE;
}

static bool step_without_rule(struct walk *w, enum rt__rule_found found)
{
    uint64_t rsp = w->r[RT__RSP], rbp = w->r[RT__RBP], rip, caller_rbp;
    /* A call through a bad pointer: no instruction of what was called has run. */
    if (w->exact && found == RT__RULE_OUTSIDE && read_word(w, rsp, &rip) && is_in_object(rip - 1)) {
        return return_to(w, rip, rsp + 8);
    }
    if (rbp % 8 != 0 || rbp - rsp > LARGEST_FRAME || !read_word(w, rbp, &caller_rbp) || !read_word(w, rbp + 8, &rip)) {
        return false;
    }
    if (!is_in_object(rip - 1)) {
        return false;
    }
    w->r[RT__RBP] = caller_rbp;
    return return_to(w, rip, rbp + 16);
}

static size_t walk(struct walk *w, uintptr_t *pcs, size_t max, size_t skip)
{
    size_t n = 0;
    while (n < max) {
        struct rt__cfi_rule rule;
        bool was_exact = w->exact, more;
        uintptr_t pc = w->r[RT__RIP] - !was_exact, shown = pc;
        enum rt__rule_found found = rt__rules_find(pc, &rule);
        if (found != RT__RULE_FOUND) {
            more = step_without_rule(w, found);
        } else if (rule.is_signal) {
            shown = w->r[RT__RIP]; /* nothing called it: the instruction before is not its */
            more = step_signal(w);
        } else {
            more = rule.return_how != RT__RETURN_UNDEFINED && step_by_rule(w, &rule);
        }
        /* In no object: code made at run time, or no address to return to after all. */
        bool is_code = found != RT__RULE_OUTSIDE || was_exact || (more && rt__os_readable(pc));
        if (is_code && skip > 0) {
            skip--;
        } else if (is_code) {
            pcs[n++] = shown;
        }
        if (!more) {
            break;
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
