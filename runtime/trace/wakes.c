/* wakes.c - when what threads wait for was last let go (see blocks.h).
 *
 * A table of places, found by the object's address; whoever comes later takes the place over, so something may be
 * forgotten early. A place is written between two steps of its turn, odd while it is written: a reader who saw it move
 * knows nothing then, and a writer who finds another at work leaves it to that one. So nobody waits, and what
 * is told is of the object that was asked for. (A fork may leave a place that was being written unused in the child.)
 *
 * Mapped at the first note, away from the program's globals: there a collector would take the addresses for pointers.
 */
#include <errno.h>
#include "runtime/os/os.h"
#include "runtime/trace/blocks.h"

/* A note is wanted for the microseconds that a thread takes to wake: a thousand at once are plenty. 24 KiB. */
#define PLACES 1024u

struct place {
    uint64_t turn;
    const void *object;
    uint64_t ticks;
};

static struct place *places; /* atomic */

static struct place *mapped(void)
{
    struct place *all = __atomic_load_n(&places, __ATOMIC_ACQUIRE);
    if (__builtin_expect(all != NULL, 1)) {
        return all;
    }
    int saved_errno = errno;
    struct place *made = rt__os_map_if_any(PLACES * sizeof(*made), RT__OS_OTHER);
    if (made && __atomic_compare_exchange_n(&places, &all, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        all = made;
    } else if (made) {
        rt__os_unmap(made, PLACES * sizeof(*made), RT__OS_OTHER);
    }
    errno = saved_errno;
    return all;
}

static struct place *place_of(struct place *all, const void *object)
{
    uint64_t h = ((uintptr_t)object >> 2) * UINT64_C(0x9e3779b97f4a7c15); /* conditions may be aligned to 4 */
    return &all[(h >> 32) % PLACES];
}

/* The stores have release, and the reader's loads acquire, so that who sees one of them sees the odd turn as well. */
void rt__wake_note(const void *object, uint64_t ticks)
{
    struct place *all = mapped();
    if (!all) {
        return;
    }
    struct place *p = place_of(all, object);
    uint64_t turn = __atomic_load_n(&p->turn, __ATOMIC_RELAXED);
    if ((turn & 1) ||
        !__atomic_compare_exchange_n(&p->turn, &turn, turn + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return;
    }
    __atomic_store_n(&p->object, object, __ATOMIC_RELEASE);
    __atomic_store_n(&p->ticks, ticks, __ATOMIC_RELEASE);
    __atomic_store_n(&p->turn, turn + 2, __ATOMIC_RELEASE);
}

uint64_t rt__wake_find(const void *object)
{
    struct place *all = __atomic_load_n(&places, __ATOMIC_ACQUIRE);
    if (!all) {
        return 0;
    }
    struct place *p = place_of(all, object);
    uint64_t turn = __atomic_load_n(&p->turn, __ATOMIC_ACQUIRE);
    const void *is = __atomic_load_n(&p->object, __ATOMIC_ACQUIRE);
    uint64_t ticks = __atomic_load_n(&p->ticks, __ATOMIC_ACQUIRE);
    bool is_whole = (turn & 1) == 0 && __atomic_load_n(&p->turn, __ATOMIC_RELAXED) == turn;
    return is_whole && is == object ? ticks : 0;
}

/* Found first, as it may be another's; then taken, if nobody has come in between. */
uint64_t rt__wake_take(const void *object, uint64_t since)
{
    uint64_t ticks = rt__wake_find(object);
    if (ticks < since || ticks == 0) {
        return 0;
    }
    struct place *p = place_of(__atomic_load_n(&places, __ATOMIC_ACQUIRE), object);
    uint64_t turn = __atomic_load_n(&p->turn, __ATOMIC_RELAXED);
    if ((turn & 1) ||
        !__atomic_compare_exchange_n(&p->turn, &turn, turn + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return 0;
    }
    bool is_same = __atomic_load_n(&p->object, __ATOMIC_RELAXED) == object &&
                   __atomic_load_n(&p->ticks, __ATOMIC_RELAXED) == ticks;
    if (is_same) {
        __atomic_store_n(&p->ticks, 0, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&p->turn, turn + 2, __ATOMIC_RELEASE);
    return is_same ? ticks : 0;
}
