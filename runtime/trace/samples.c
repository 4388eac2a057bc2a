/* samples.c - see samples.h.
 *
 * Each sample has a number, and its place in the ring has a turn that says whose it is: odd while the sample of a
 * number is being written, the next even one when it is whole. A writer who finds another at work in its place - one
 * that was put off for a whole round of the ring - leaves it; then that number is never whole, and whoever
 * reads past it counts it. Nobody waits.
 */
#include "runtime/trace/samples.h"

#include <stdbool.h>
#include <string.h>
#include "runtime/os/os.h"
#include "runtime/trace/clock.h"
#include "runtime/trace/sites.h"

struct sample {
    uint64_t turn; /* 2n + 1 while number n is written, 2n + 2 after */
    uint64_t ticks;
    uint64_t thread_and_stack; /* tid above, stack below */
};

struct ring {
    uint64_t count; /* numbers given out */
    struct sample samples[RT__SAMPLES];
};

static struct ring *ring; /* atomic */
static uint64_t lost;

static struct ring *current(void)
{
    return __atomic_load_n(&ring, __ATOMIC_ACQUIRE);
}

void rt__samples_prepare(void)
{
    struct ring *none = NULL;
    if (current()) {
        return;
    }
    struct ring *made = rt__os_map_if_any(sizeof(*made), RT__OS_OTHER);
    if (made && !__atomic_compare_exchange_n(&ring, &none, made, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        rt__os_unmap(made, sizeof(*made), RT__OS_OTHER);
    }
}

/* ---- in the handler --------------------------------------------------------------------------- */

/* The stores have release, and the reader's loads acquire, so that who sees one of them sees the odd turn as well. */
static void put(struct ring *r, uint64_t ticks, uint64_t thread_and_stack)
{
    uint64_t n = __atomic_fetch_add(&r->count, 1, __ATOMIC_RELAXED);
    struct sample *s = &r->samples[n % RT__SAMPLES];
    uint64_t turn = __atomic_load_n(&s->turn, __ATOMIC_RELAXED);
    if ((turn & 1) || turn > 2 * n ||
        !__atomic_compare_exchange_n(&s->turn, &turn, 2 * n + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return;
    }
    __atomic_store_n(&s->ticks, ticks, __ATOMIC_RELEASE);
    __atomic_store_n(&s->thread_and_stack, thread_and_stack, __ATOMIC_RELEASE);
    __atomic_store_n(&s->turn, 2 * n + 2, __ATOMIC_RELEASE);
}

void rt__trace_sample(pid_t tid, const uintptr_t *pcs, size_t depth)
{
    struct ring *r = current();
    if (r) {
        put(r, rt__ticks(), (uint64_t)(uint32_t)tid << 32 | rt__stack_id(pcs, depth));
    } else {
        __atomic_add_fetch(&lost, 1, __ATOMIC_RELAXED);
    }
}

/* ---- reading ---------------------------------------------------------------------------------- */

/* False when number n is not whole, or no more. */
static bool get(struct ring *r, uint64_t n, struct sample *copy)
{
    struct sample *s = &r->samples[n % RT__SAMPLES];
    copy->turn = __atomic_load_n(&s->turn, __ATOMIC_ACQUIRE);
    copy->ticks = __atomic_load_n(&s->ticks, __ATOMIC_ACQUIRE);
    copy->thread_and_stack = __atomic_load_n(&s->thread_and_stack, __ATOMIC_ACQUIRE);
    return copy->turn == 2 * n + 2 && __atomic_load_n(&s->turn, __ATOMIC_RELAXED) == copy->turn;
}

/* A cursor is the number to go on with, and 1. */
size_t rt__samples_each(uint64_t *cursor, rt__sample_fn *fn, void *arg)
{
    struct ring *r = current();
    if (!r) {
        return 0;
    }
    uint64_t end = __atomic_load_n(&r->count, __ATOMIC_ACQUIRE);
    uint64_t oldest = end > RT__SAMPLES ? end - RT__SAMPLES : 0;
    uint64_t from = *cursor > oldest ? *cursor - 1 : oldest;
    uint64_t missed = *cursor != 0 ? from - (*cursor - 1) : 0;
    size_t delivered = 0;
    for (uint64_t n = from; n < end; n++) {
        struct sample s;
        if (get(r, n, &s)) {
            fn(s.ticks, (pid_t)(s.thread_and_stack >> 32), (uint32_t)s.thread_and_stack, arg);
            delivered++;
        } else {
            missed++;
        }
    }
    *cursor = end + 1;
    __atomic_add_fetch(&lost, missed, __ATOMIC_RELAXED);
    return delivered;
}

uint64_t rt__samples_lost(void)
{
    return __atomic_load_n(&lost, __ATOMIC_RELAXED);
}

/* The samples are of the parent's threads, and a place that one of these was writing would stay taken. */
void rt__samples_forget(void)
{
    struct ring *r = current();
    if (r) {
        memset(r, 0, sizeof(*r));
    }
}
