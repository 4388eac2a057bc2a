/* clock.c - see clock.h.
 *
 * Pairs lie in a ring. One thread in each period wins the right to take the next (an exchange of the time when that
 * was last done), so a hundred threads that find the newest old at once add one. A slot has a sequence number as in
 * gc/ring.c: odd while it is written, else 2 x (index of the pair) + 2; a reader leaves out what changes under
 * it. A writer that was stopped for a whole round of the ring finds its slot odd, or another's, and the pair of
 * that period is missing: nobody waits.
 *
 * A pair is as good as the moment between its two readings is short, some 50 ns; a rate taken from two pairs has the
 * error of both over the time between. So two pairs closer than PAIRS_APART_NS never make a stretch.
 *
 * Must never wait or allocate while something is recorded. The two exceptions are for the first millisecond of
 * the program, and say so.
 */
#include "runtime/trace/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

/* 100 ns of error in a millisecond are 100 ppm: 0.1 us after another millisecond. */
#define PAIRS_APART_NS 1000000u

/* One reading in a few hundred is interrupted; that many one after the other are not. */
#define PAIR_TRIES 5

#define NS_PER_S 1000000000u

struct slot {
    uint64_t sequence;
    struct rt__clock_pair pair;
};

bool rt__ticks_are_cycles;

static bool started;
static struct rt__clock_pair first; /* of rt__clock_start */
static struct slot ring[RT__CLOCK_PAIRS];
static uint64_t added;        /* pairs ever: the next one's index */
static uint64_t claimed_ns;   /* when somebody last set out to take a pair */
static uint64_t newest_ticks; /* of the newest pair */
static uint64_t ticks_per_s;  /* 0: not known yet */

/* ---- pairs ---------------------------------------------------------------------------------------- */

static struct rt__clock_pair take_pair(void)
{
    struct rt__clock_pair best = {0, 0};
    uint64_t narrowest = UINT64_MAX;
    if (!rt__ticks_are_cycles) {
        best.ticks = best.ns = rt__os_now_ns();
        return best;
    }
    for (int i = 0; i < PAIR_TRIES; i++) {
        uint64_t before = rt__ticks();
        uint64_t ns = rt__os_now_ns();
        uint64_t width = rt__ticks() - before;
        if (width < narrowest) {
            narrowest = width;
            best = (struct rt__clock_pair){.ticks = before + width / 2, .ns = ns};
        }
    }
    return best;
}

static void learn_rate(struct rt__clock_pair now)
{
    uint64_t ns = now.ns - first.ns;
    if (now.ns >= first.ns + PAIRS_APART_NS && now.ticks > first.ticks) {
        unsigned __int128 ticks = now.ticks - first.ticks;
        __atomic_store_n(&ticks_per_s, (uint64_t)(ticks * NS_PER_S / ns), __ATOMIC_RELAXED);
    }
}

static void add_pair(struct rt__clock_pair pair)
{
    uint64_t index = __atomic_fetch_add(&added, 1, __ATOMIC_ACQ_REL);
    struct slot *s = &ring[index % RT__CLOCK_PAIRS];
    uint64_t sequence = __atomic_load_n(&s->sequence, __ATOMIC_RELAXED);
    if (sequence % 2 != 0 || sequence > 2 * index ||
        !__atomic_compare_exchange_n(&s->sequence, &sequence, 2 * index + 1, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED)) {
        return;
    }
    /* Release, so that who sees a new word also sees the odd number. */
    __atomic_store_n(&s->pair.ticks, pair.ticks, __ATOMIC_RELEASE);
    __atomic_store_n(&s->pair.ns, pair.ns, __ATOMIC_RELEASE);
    __atomic_store_n(&s->sequence, 2 * index + 2, __ATOMIC_RELEASE);
    __atomic_store_n(&newest_ticks, pair.ticks, __ATOMIC_RELAXED);
    learn_rate(pair);
}

void rt__clock_sync(bool forced)
{
    uint64_t now_ns = rt__os_now_ns();
    uint64_t last_ns = __atomic_load_n(&claimed_ns, __ATOMIC_RELAXED);
    if (now_ns < last_ns + (forced ? PAIRS_APART_NS : RT__CLOCK_SYNC_NS)) {
        return;
    }
    if (__atomic_compare_exchange_n(&claimed_ns, &last_ns, now_ns, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        add_pair(take_pair());
    }
}

uint64_t rt__clock_synced(void)
{
    return __atomic_load_n(&newest_ticks, __ATOMIC_RELAXED);
}

/* ---- start ---------------------------------------------------------------------------------------- */

/* What the kernel reads time from. It watches the counter for steps, and for differences between processors, and
 * turns away from it when it finds some: no program could judge as well. */
static bool kernel_trusts_cycles(void)
{
    char name[16] = "";
#if defined(__x86_64__)
    int saved_errno = errno;
    int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, name, sizeof(name) - 1) < 0) {
            name[0] = '\0';
        }
        close(fd);
    }
    errno = saved_errno;
#endif
    return strcmp(name, "tsc\n") == 0;
}

void rt__clock_start(void)
{
    if (__atomic_exchange_n(&started, true, __ATOMIC_ACQ_REL)) {
        return;
    }
    rt__ticks_are_cycles = kernel_trusts_cycles();
    first = take_pair();
    __atomic_store_n(&claimed_ns, first.ns, __ATOMIC_RELAXED);
    add_pair(first);
}

/* Until the first pair is old enough to make a stretch with one of now: within a millisecond of the program's start.
 * sched_yield, as sleeping may itself be recorded. */
static void wait_for_a_stretch(void)
{
    while (rt__ticks_are_cycles && rt__os_now_ns() < first.ns + PAIRS_APART_NS) {
        sched_yield();
    }
}

uint64_t rt__clock_ticks_per_s(void)
{
    if (!rt__ticks_are_cycles) {
        return NS_PER_S;
    }
    uint64_t rate = __atomic_load_n(&ticks_per_s, __ATOMIC_RELAXED);
    if (rate == 0) {
        wait_for_a_stretch();
        learn_rate(take_pair());
        rate = __atomic_load_n(&ticks_per_s, __ATOMIC_RELAXED);
    }
    return rate ? rate : 1;
}

/* ---- reading -------------------------------------------------------------------------------------- */

static bool read_pair(uint64_t index, struct rt__clock_pair *out)
{
    struct slot *s = &ring[index % RT__CLOCK_PAIRS];
    if (__atomic_load_n(&s->sequence, __ATOMIC_ACQUIRE) != 2 * index + 2) {
        return false;
    }
    out->ticks = __atomic_load_n(&s->pair.ticks, __ATOMIC_ACQUIRE);
    out->ns = __atomic_load_n(&s->pair.ns, __ATOMIC_ACQUIRE);
    return __atomic_load_n(&s->sequence, __ATOMIC_RELAXED) == 2 * index + 2;
}

/* All but the oldest, whose place is for the pair of now. */
static size_t copy_ring(struct rt__clock_pair *pairs)
{
    uint64_t end = __atomic_load_n(&added, __ATOMIC_ACQUIRE);
    uint64_t kept = end < RT__CLOCK_PAIRS - 1 ? end : RT__CLOCK_PAIRS - 1;
    size_t n = 0;
    for (uint64_t index = end - kept; index < end; index++) {
        n += read_pair(index, &pairs[n]);
    }
    return n;
}

/* They are nearly in order: only a thread that was stopped between its claim and its reading is late. */
static void sort(struct rt__clock_pair *pairs, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct rt__clock_pair p = pairs[i];
        size_t at = i;
        for (; at > 0 && pairs[at - 1].ticks > p.ticks; at--) {
            pairs[at] = pairs[at - 1];
        }
        pairs[at] = p;
    }
}

/* Of sorted pairs, those that are far enough from the one before. */
static size_t thin_out(struct rt__clock_pair *pairs, size_t n)
{
    size_t kept = 1;
    for (size_t i = 1; i < n; i++) {
        if (pairs[i].ns >= pairs[kept - 1].ns + PAIRS_APART_NS && pairs[i].ticks > pairs[kept - 1].ticks) {
            pairs[kept++] = pairs[i];
        }
    }
    return kept;
}

void rt__clock_read(struct rt__clock_map *m)
{
    wait_for_a_stretch();
    rt__clock_sync(false);
    size_t n = copy_ring(m->pairs);
    m->pairs[n++] = take_pair();
    sort(m->pairs, n);
    m->n = thin_out(m->pairs, n);
}

/* ---- ticks as time -------------------------------------------------------------------------------- */

/* The last pair that is not after ticks; 0 when all are. */
static size_t pair_before(const struct rt__clock_map *m, uint64_t ticks)
{
    size_t low = 0, high = m->n;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (m->pairs[middle].ticks <= ticks) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Rounded down, away from `from` or towards it: either way it grows with ticks. */
static uint64_t along(const struct rt__clock_pair *from, uint64_t ns, uint64_t per_ticks, uint64_t ticks)
{
    bool is_before = ticks < from->ticks;
    unsigned __int128 distance = is_before ? from->ticks - ticks : ticks - from->ticks;
    distance = distance * ns / per_ticks;
    if (is_before) {
        return distance < from->ns ? from->ns - (uint64_t)distance : 0;
    }
    return distance < UINT64_MAX - from->ns ? from->ns + (uint64_t)distance : UINT64_MAX;
}

uint64_t rt__clock_ns(const struct rt__clock_map *m, uint64_t ticks)
{
    if (m->n == 1) {
        return along(&m->pairs[0], 1, 1, ticks);
    }
    size_t i = pair_before(m, ticks);
    const struct rt__clock_pair *from = &m->pairs[i];
    const struct rt__clock_pair *stretch = i + 1 < m->n ? from : from - 1;
    return along(from, stretch[1].ns - stretch[0].ns, stretch[1].ticks - stretch[0].ticks, ticks);
}
