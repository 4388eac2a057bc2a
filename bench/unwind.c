/* unwind.c - what taking a stack costs.
 *
 * One way a run, named by the argument, so that a driver (bench/run-unwind) can interleave the ways:
 *   here      rt__unwind_here, as heap samples take stacks; its rules are in the cache
 *   context   rt__unwind_context of a context that was saved before, as a CPU profile does in its handler
 *   forget    rt__unwind_forget, after which every rule is looked up anew
 *   cold      both
 *   libgcc    _Unwind_Backtrace, which reads the same information
 *   fp        a walk along frame pointers, which this program has and libc has not: a bound from below
 * The innermost DEPTH frames are taken, of different functions, each with registers saved. Prints ns per stack.
 */
#define _GNU_SOURCE 1
#include "runtime/cruntime.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unwind.h>

#include "runtime/unwind/unwind.h"

#define DEEPEST 32
#define STACKS_PER_LOOK 64u

static size_t (*take)(uintptr_t *pcs);
static uint64_t box_ns, stacks, spent_ns;
static size_t frames, wanted;
static ucontext_t saved;

static size_t take_here(uintptr_t *pcs)
{
    return rt__unwind_here(pcs, wanted, 0);
}

static size_t take_context(uintptr_t *pcs)
{
    return rt__unwind_context(&saved, pcs, wanted);
}

static size_t take_forget(uintptr_t *pcs)
{
    (void)pcs;
    rt__unwind_forget();
    return wanted;
}

static size_t take_cold(uintptr_t *pcs)
{
    rt__unwind_forget();
    return rt__unwind_here(pcs, wanted, 0);
}

struct walk {
    uintptr_t *pcs;
    size_t n;
};

static _Unwind_Reason_Code note(struct _Unwind_Context *context, void *arg)
{
    struct walk *w = arg;

    if (w->n == wanted)
        return _URC_END_OF_STACK;
    w->pcs[w->n++] = _Unwind_GetIP(context) - 1;
    return _URC_NO_REASON;
}

static size_t take_libgcc(uintptr_t *pcs)
{
    struct walk w = {pcs, 0};

    _Unwind_Backtrace(note, &w);
    return w.n;
}

static size_t take_fp(uintptr_t *pcs)
{
    const uintptr_t *frame = __builtin_frame_address(0);
    size_t n = 0;

    while (n < wanted && frame[0] > (uintptr_t)frame) {
        pcs[n++] = frame[1] - 1;
        frame = (const uintptr_t *)frame[0];
    }
    return n;
}

static const struct {
    const char *name;
    size_t (*take)(uintptr_t *pcs);
} ways[] = {
    {"here", take_here}, {"context", take_context}, {"forget", take_forget},
    {"cold", take_cold}, {"libgcc", take_libgcc},   {"fp", take_fp},
};

/* CPU time: nothing here waits. */
static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The innermost function. */
static __attribute__((noinline)) void measure(void)
{
    uintptr_t pcs[DEEPEST + 8];
    uint64_t begin_ns;

    getcontext(&saved);
    for (unsigned i = 0; i < STACKS_PER_LOOK; i++) /* warm up */
        frames = take(pcs);
    begin_ns = now_ns();
    do {
        for (unsigned i = 0; i < STACKS_PER_LOOK; i++)
            frames = take(pcs);
        stacks += STACKS_PER_LOOK;
        spent_ns = now_ns() - begin_ns;
    } while (spent_ns < box_ns);
}

/* 32 functions, each calling the next one with values of its own that it needs afterwards. */
#define CALLS(name, next)                                                                                              \
    static __attribute__((noinline)) uint64_t name(uint64_t a, uint64_t b, uint64_t c)                                 \
    {                                                                                                                  \
        uint64_t result = next(a + 1, b ^ a, c + b);                                                                   \
        return result + a * b + c;                                                                                     \
    }
#define CALLS_8(name, next)                                                                                            \
    CALLS(name##7, next)                                                                                               \
    CALLS(name##6, name##7)                                                                                            \
    CALLS(name##5, name##6)                                                                                            \
    CALLS(name##4, name##5)                                                                                            \
    CALLS(name##3, name##4)                                                                                            \
    CALLS(name##2, name##3)                                                                                            \
    CALLS(name##1, name##2)                                                                                            \
    CALLS(name, name##1)

static __attribute__((noinline)) uint64_t innermost(uint64_t a, uint64_t b, uint64_t c)
{
    measure();
    return a + b + c;
}
CALLS_8(last, innermost)
CALLS_8(third, last)
CALLS_8(second, third)
CALLS_8(first, second)

int main(int argc, char **argv)
{
    double seconds = argc > 3 ? strtod(argv[3], NULL) : 0.3;

    wanted = argc > 2 ? strtoul(argv[2], NULL, 10) : 16;
    for (unsigned way = 0; argc > 1 && seconds > 0 && way < sizeof ways / sizeof ways[0]; way++) {
        if (strcmp(ways[way].name, argv[1]) == 0 && wanted > 0 && wanted <= DEEPEST) {
            take = ways[way].take;
            box_ns = (uint64_t)(seconds * 1e9);
            rt__unwind_start();
            uint64_t result = first((uint64_t)argc, 2, 3);
            printf("unwind way=%s depth=%zu frames=%zu stacks=%" PRIu64 " ns_per_stack=%.1f checked=%d\n", argv[1],
                   wanted, frames, stacks, (double)spent_ns / (double)stacks, result != 0);
            return frames == wanted ? 0 : 1;
        }
    }
    fprintf(stderr, "usage: unwind here|context|forget|cold|libgcc|fp [depth, at most %d] [seconds]\n", DEEPEST);
    return 2;
}
