/* stacks.h - the compiler's own unwinder beside ours, for tests that compare the two. */
#ifndef TESTS_UNIT_PROFILE_STACKS_H
#define TESTS_UNIT_PROFILE_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unwind.h>

#include "runtime/unwind/unwind.h"

#define FRAMES 256
#define NOINLINE __attribute__((noinline, unused))

/* Something to do after a call, so that it is no jump. */
#define NOT_THE_LAST() __asm__ volatile("" ::: "memory")

#if defined(__GNUC__) && !defined(__clang__)
#define WITHOUT_FRAME_POINTER __attribute__((noinline, optimize("omit-frame-pointer")))
#else
#define WITHOUT_FRAME_POINTER __attribute__((noinline))
#endif

struct stack {
    size_t n;
    uintptr_t pcs[FRAMES];
    int first_exact; /* the frame that a signal interrupted; -1 for none */
};

static inline _Unwind_Reason_Code stack_note(struct _Unwind_Context *context, void *arg)
{
    struct stack *s = arg;
    int exact = 0;
    uintptr_t pc = _Unwind_GetIPInfo(context, &exact);

    if (pc == 0 || s->n == FRAMES)
        return _URC_END_OF_STACK;
    if (exact) {
        if (s->first_exact < 0)
            s->first_exact = (int)s->n;
        s->pcs[s->n - 1]++; /* the frame before is what a handler returns to, which nothing called */
    }
    s->pcs[s->n++] = pc - !exact;
    return _URC_NO_REASON;
}

/* The caller's stack, innermost first, by libgcc; its addresses are as unwind.h says. */
static NOINLINE void stack_by_libgcc(struct stack *s)
{
    s->n = 0;
    s->first_exact = -1;
    _Unwind_Backtrace(stack_note, s);
    s->n -= s->n > 0; /* this function's own frame */
    s->first_exact -= s->first_exact >= 0;
    for (size_t i = 0; i < s->n; i++)
        s->pcs[i] = s->pcs[i + 1];
}

static inline bool is_near(uintptr_t a, uintptr_t b)
{
    return (a < b ? b - a : a - b) < 4096;
}

/* Whether both unwinders see one stack from here, of at least so many frames. The innermost address differs, as
 * they are called from two places. */
static NOINLINE bool both_agree(size_t least)
{
    struct stack expected;
    uintptr_t pcs[FRAMES];
    size_t n = rt__unwind_here(pcs, FRAMES, 0);
    bool same;

    stack_by_libgcc(&expected);
    same = n == expected.n && n >= least && n > 0 && is_near(pcs[0], expected.pcs[0]);
    for (size_t i = 1; same && i < n; i++)
        same = pcs[i] == expected.pcs[i];
    return same;
}

#endif
