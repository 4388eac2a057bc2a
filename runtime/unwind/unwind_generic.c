/* unwind_generic.c - stacks where unwind.c cannot take them: on other processors, or with an older glibc.
 *
 * The compiler's own unwinder walks from here. It is slower and may allocate when it is first used, so it is used
 * once at the start. What a signal interrupted is walked by frame pointers, on aarch64 alone; elsewhere there is no
 * stack.
 */
#include "runtime/unwind/unwind.h"

#include "runtime/unwind/rules.h"

#ifndef RT__UNWIND_BY_CFI

#include <stdbool.h>
#include <ucontext.h>
#include <unwind.h>
#include "runtime/os/os.h"

struct walk {
    uintptr_t *pcs;
    size_t n, max, skip;
};

static bool started;

static _Unwind_Reason_Code note(struct _Unwind_Context *context, void *arg)
{
    struct walk *w = arg;
    int exact = 0;
    uintptr_t pc = _Unwind_GetIPInfo(context, &exact);
    if (pc == 0 || w->n == w->max) {
        return _URC_END_OF_STACK;
    }
    if (w->skip > 0) {
        w->skip--;
    } else {
        w->pcs[w->n++] = pc - !exact;
    }
    return _URC_NO_REASON;
}

__attribute__((noinline)) size_t rt__unwind_here(uintptr_t *pcs, size_t max, unsigned skip)
{
    struct walk w = {pcs, 0, max, (size_t)skip + 1};
    if (started) {
        _Unwind_Backtrace(note, &w);
    }
    return w.n;
}

void rt__unwind_start(void)
{
    uintptr_t pc;
    started = true;
    rt__unwind_here(&pc, 1, 0);
}

void rt__unwind_forget(void)
{
}

size_t rt__unwind_context(const void *context, uintptr_t *pcs, size_t max)
{
    size_t n = 0;
#ifdef __aarch64__
    const ucontext_t *interrupted = context;
    uintptr_t frame = interrupted->uc_mcontext.regs[29], low = interrupted->uc_mcontext.sp;
    if (started && max > 0) {
        pcs[n++] = interrupted->uc_mcontext.pc;
    }
    while (n > 0 && n < max && frame % 16 == 0 && frame >= low && rt__os_readable(frame) &&
           rt__os_readable(frame + 8)) {
        const uintptr_t *saved = (const uintptr_t *)frame;
        if (saved[1] == 0) {
            break;
        }
        pcs[n++] = saved[1] - 1;
        low = frame + 16;
        frame = saved[0];
    }
#else
    (void)context;
    (void)pcs;
    (void)max;
#endif
    return n;
}

#endif
