/* hooks.c - the program's functions at the start and end of a cycle and under memory pressure.
 *
 * A table that only grows, read without a lock. Hooks never run inside malloc: cycles that the
 * process heap asks for are run by the background thread (scavenger.c), because malloc's caller
 * may hold any lock that a hook could want.
 */
#include <errno.h>
#include "runtime/cruntime.h"
#include "runtime/gc/cycle.h"

#define MAX_HOOKS 16

struct hook {
    void (*fn)(void *arg);
    void *arg;
};

static struct hook hooks[3][MAX_HOOKS];
static unsigned taken[3], ready[3];

RT_API int rt_hook_add(enum rt_hook_kind kind, void (*fn)(void *arg), void *arg)
{
    if ((unsigned)kind > RT_HOOK_PRESSURE || !fn) {
        return -EINVAL;
    }
    unsigned i = __atomic_load_n(&taken[kind], __ATOMIC_RELAXED);
    do {
        if (i == MAX_HOOKS) {
            return -ENOSPC;
        }
    } while (!__atomic_compare_exchange_n(&taken[kind], &i, i + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    hooks[kind][i].arg = arg;
    __atomic_store_n(&hooks[kind][i].fn, fn, __ATOMIC_RELEASE);
    __atomic_fetch_add(&ready[kind], 1, __ATOMIC_RELEASE);
    return 0;
}

void rt__hooks_run(int kind)
{
    if (__atomic_load_n(&ready[kind], __ATOMIC_ACQUIRE) == 0) {
        return;
    }
    for (unsigned i = 0; i < MAX_HOOKS; i++) {
        void (*fn)(void *arg) = __atomic_load_n(&hooks[kind][i].fn, __ATOMIC_ACQUIRE);
        if (fn) {
            fn(hooks[kind][i].arg);
        }
    }
}
