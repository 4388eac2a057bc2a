/* cpu_threads.c - see cpu_threads.h.
 *
 * The handler and whoever takes a slot away meet in two words. The handler first counts itself in and then
 * looks whether the slot still has the word that its signal carries; the other first takes the word away and then
 * waits until nobody is in. One of the two sees the other, so that a ring never has two writers.
 */
#include "runtime/profile/cpu_threads.h"

#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include "runtime/profile/labels.h"
#include "runtime/profile/signal.h"
#include "runtime/trace/record.h"
#include "runtime/trace/samples.h"
#include "runtime/unwind/unwind.h"

/* Threads at once; the comment tells the time of those beyond. */
#define SLOTS 1024u

/* A sample stands for more than one period when the kernel was late, or when the thread was in one
 * long system call. More than a second in one piece means that the signal was blocked meanwhile, or the machine very
 * crowded, and then the place where it was let through is not the place where the time went. */
#define WEIGHT_MOST 100u

struct slot {
    uint64_t word;     /* of the signals that are for it; 0: free */
    uint32_t visitors; /* handlers at work in it */
    int timer;
    bool has_timer;
    uint64_t first_ns, last_ns; /* CPU clock of the thread when first and last looked at */
    uint64_t weight;            /* of all samples, dropped ones included */
    uint64_t dropped;           /* as the ring had it at the last look */
    char thread[RT__OS_NAME_BYTES];
    struct rt__cpu_ring ring;
};

static struct slot *slots[SLOTS];
static pid_t tids[SLOTS]; /* 0: free. Apart from the slots, as it is searched for each thread at each look */
static unsigned slots_used;
static uint32_t lives;

/* ---- in the handler --------------------------------------------------------------------------- */

static void take_sample(struct slot *slot, uint32_t weight, const void *context)
{
    struct rt__cpu_sample sample;
    if (weight > WEIGHT_MOST) {
        weight = 1;
    }
    sample.weight = weight;
    sample.labels = rt__labels_now;
    memset(sample.thread, 0, sizeof(sample.thread));
    prctl(PR_GET_NAME, sample.thread);
    sample.depth = (uint32_t)rt__unwind_context(context, sample.pcs, RT__STACK_MAX);
    rt__cpu_ring_put(&slot->ring, &sample);
    if (rt__is_recording()) {
        rt__trace_sample(rt__os_tid(), sample.pcs, sample.depth);
    }
}

static void on_signal(uint64_t word, uint32_t weight, const void *context)
{
    unsigned i = rt__signal_slot(word);
    struct slot *slot = i < SLOTS ? __atomic_load_n(&slots[i], __ATOMIC_ACQUIRE) : NULL;
    if (!slot) {
        return;
    }
    __atomic_fetch_add(&slot->visitors, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&slot->word, __ATOMIC_SEQ_CST) == word) {
        take_sample(slot, weight, context);
    }
    __atomic_fetch_sub(&slot->visitors, 1, __ATOMIC_RELEASE);
}

/* ---- slots ------------------------------------------------------------------------------------ */

static bool is_watched(pid_t tid)
{
    for (unsigned i = 0; i < slots_used; i++) {
        if (tids[i] == tid) {
            return true;
        }
    }
    return false;
}

/* SLOTS when all are taken, or there is no memory for one more. */
static unsigned free_slot(void)
{
    unsigned i = 0;
    while (i < slots_used && tids[i] != 0) {
        i++;
    }
    if (i < SLOTS && !slots[i]) {
        struct slot *made = rt__os_map_if_any(sizeof(struct slot), RT__OS_BUCKETS);
        if (!made) {
            return SLOTS;
        }
        __atomic_store_n(&slots[i], made, __ATOMIC_RELEASE);
        slots_used = i + 1;
    }
    return i;
}

/* Anywhere within the first period: the samples of threads that begin together, or that live for less than
 * a period, would otherwise all be of the same part of their work. */
static uint64_t first_sample_ns(pid_t tid)
{
    uint64_t x = (rt__os_now_ns() ^ (uint64_t)tid << 32) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 32) * UINT64_C(0xff51afd7ed558ccd);
    return 1 + (x >> 16) % RT__CPU_PERIOD_NS;
}

void rt__cpu_threads_watch(pid_t tid)
{
    unsigned i = is_watched(tid) ? SLOTS : free_slot();
    if (i >= SLOTS) {
        return;
    }
    struct slot *slot = slots[i];
    uint64_t word = rt__signal_word(RT__SIGNAL_CPU, ++lives, i);
    tids[i] = tid;
    slot->first_ns = slot->last_ns = rt__os_thread_cpu_of_ns(tid);
    slot->weight = slot->dropped = 0;
    memset(slot->thread, 0, sizeof(slot->thread));
    rt__cpu_ring_reset(&slot->ring);
    rt__signal_hear(RT__SIGNAL_CPU, on_signal);
    __atomic_store_n(&slot->word, word, __ATOMIC_SEQ_CST);
    slot->has_timer = rt__signal_each(&slot->timer, tid, word, first_sample_ns(tid), RT__CPU_PERIOD_NS) == 0;
}

static void drain(struct slot *slot, struct rt__cpu_sums *sums)
{
    struct rt__cpu_sample sample;
    while (rt__cpu_ring_take(&slot->ring, &sample)) {
        slot->weight += sample.weight;
        memcpy(slot->thread, sample.thread, sizeof(slot->thread));
        if (!rt__cpu_table_add(&sums->table, &sample)) {
            sums->losses.dropped += sample.weight;
        }
    }
    uint64_t dropped = rt__cpu_ring_dropped(&slot->ring);
    slot->weight += dropped - slot->dropped;
    sums->losses.dropped += dropped - slot->dropped;
    slot->dropped = dropped;
}

/* Reads the thread's clock, and its name when that is going to be needed and no sample told it. False when the
 * thread has ended. */
static bool look_at_clock(pid_t tid, struct slot *slot)
{
    uint64_t now_ns = rt__os_thread_cpu_of_ns(tid);
    if (now_ns == 0) {
        return false;
    }
    slot->last_ns = now_ns;
    if (rt__cpu_losses_matter(now_ns - slot->first_ns, slot->weight * RT__CPU_PERIOD_NS)) {
        rt__os_task_name(tid, slot->thread);
    }
    return true;
}

static void let_go(unsigned i, struct rt__cpu_sums *sums)
{
    struct slot *slot = slots[i];
    if (slot->has_timer) {
        rt__os_alarm_stop(slot->timer);
    }
    __atomic_store_n(&slot->word, 0, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&slot->visitors, __ATOMIC_SEQ_CST) != 0) {
        sched_yield();
    }
    drain(slot, sums);
    rt__cpu_losses_thread(&sums->losses, slot->thread, slot->last_ns - slot->first_ns, slot->weight * RT__CPU_PERIOD_NS,
                          slot->has_timer);
    tids[i] = 0;
}

void rt__cpu_threads_look(struct rt__cpu_sums *sums)
{
    for (unsigned i = 0; i < slots_used; i++) {
        if (tids[i] == 0) {
            continue;
        }
        drain(slots[i], sums);
        if (!look_at_clock(tids[i], slots[i])) {
            let_go(i, sums);
        }
    }
}

void rt__cpu_threads_let_go(struct rt__cpu_sums *sums)
{
    for (unsigned i = 0; i < slots_used; i++) {
        if (tids[i] != 0) {
            look_at_clock(tids[i], slots[i]);
            let_go(i, sums);
        }
    }
}

void rt__cpu_threads_forget(void)
{
    for (unsigned i = 0; i < slots_used; i++) {
        tids[i] = 0;
        slots[i]->word = 0;
        slots[i]->visitors = 0;
    }
}
