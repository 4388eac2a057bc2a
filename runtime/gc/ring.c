/* ring.c - the last 4096 cycles, for whoever asks later.
 *
 * A trace that was not switched on in time is of no help, so every cycle is kept, at 128 bytes: the
 * whole ring is 512 KiB, mapped in steps of 64 KiB as cycles come. The writer holds the cycle's
 * lock; readers hold nothing, so that a statistics page never delays a cycle. Each slot carries a
 * sequence number: odd while its record is being written, else 2 x (index of the record) + 2, by
 * which a reader knows both that a copy is whole and that it is the record it wanted.
 *
 * Must never block or allocate from a heap. Memory order: stronger orders on the words stand in for
 * fences, which ThreadSanitizer cannot follow. A reader that sees a new word (acquire) thereby sees
 * the odd number stored before it (each word is a release), so its second look at the number fails.
 */
#include "runtime/gc/ring.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "runtime/cruntime.h"
#include "runtime/os/os.h"

#define STEP_BYTES (64u * 1024)

/* Lengths of time and sizes in 48 bits: 78 hours, 256 TiB (more than a process can map). UINT64_MAX
 * ("no goal") is kept as all ones. */
#define SHORT_FIELDS 14
#define SHORT_MAX ((UINT64_C(1) << 48) - 1)

#define FLAG_FORCED (1u << 0)
#define FLAG_TRIM (1u << 1)
#define FLAG_BITS 2

struct record {
    uint64_t number;
    uint64_t start_ns;
    uint64_t end_unix_ns;
    uint32_t low[SHORT_FIELDS];
    uint16_t high[SHORT_FIELDS];
    uint32_t procs;
    uint32_t permille_and_flags;
};

#define RECORD_WORDS 15

struct slot {
    _Atomic uint64_t sequence;
    _Atomic uint64_t words[RECORD_WORDS];
};

static_assert(sizeof(struct record) <= RECORD_WORDS * sizeof(uint64_t), "a record must fit its slot");
static_assert(sizeof(struct slot) == 128, "two cache lines a slot");

#define STEP_SLOTS (STEP_BYTES / sizeof(struct slot))
#define STEPS (RT__RING_CYCLES / STEP_SLOTS)

static struct slot *_Atomic steps[STEPS];
static _Atomic uint64_t added; /* records ever; the next one's index */

/* The order of the short fields in a record, for both directions. */
static void list_short_fields(struct rt_cycle *c, uint64_t *fields[SHORT_FIELDS])
{
    uint64_t *const list[SHORT_FIELDS] = {
        &c->stop_ns,         &c->concurrent_ns,     &c->pause_mark_ns, &c->sweep_ns,         &c->stop_cpu_ns,
        &c->assist_cpu_ns,   &c->background_cpu_ns, &c->idle_cpu_ns,   &c->heap_start_bytes, &c->heap_end_bytes,
        &c->heap_live_bytes, &c->goal_bytes,        &c->stacks_bytes,  &c->globals_bytes,
    };
    memcpy(fields, list, sizeof list);
}

static void pack(struct record *r, const struct rt_cycle *cycle)
{
    struct rt_cycle c = *cycle;
    uint64_t *fields[SHORT_FIELDS];

    r->number = c.number;
    r->start_ns = c.start_ns;
    r->end_unix_ns = c.end_unix_ns;
    list_short_fields(&c, fields);
    for (int i = 0; i < SHORT_FIELDS; i++) {
        uint64_t value = *fields[i] < SHORT_MAX ? *fields[i] : SHORT_MAX;
        r->low[i] = (uint32_t)value;
        r->high[i] = (uint16_t)(value >> 32);
    }
    r->procs = c.procs;
    r->permille_and_flags = c.gc_cpu_permille << FLAG_BITS;
    r->permille_and_flags |= c.forced ? FLAG_FORCED : 0;
    r->permille_and_flags |= c.trim ? FLAG_TRIM : 0;
}

static void unpack(struct rt_cycle *c, const struct record *r)
{
    uint64_t *fields[SHORT_FIELDS];

    memset(c, 0, sizeof *c);
    c->number = r->number;
    c->start_ns = r->start_ns;
    c->end_unix_ns = r->end_unix_ns;
    list_short_fields(c, fields);
    for (int i = 0; i < SHORT_FIELDS; i++) {
        uint64_t value = (uint64_t)r->high[i] << 32 | r->low[i];
        *fields[i] = value < SHORT_MAX ? value : UINT64_MAX;
    }
    c->procs = r->procs;
    c->gc_cpu_permille = r->permille_and_flags >> FLAG_BITS;
    c->forced = (r->permille_and_flags & FLAG_FORCED) != 0;
    c->trim = (r->permille_and_flags & FLAG_TRIM) != 0;
}

/* NULL when the step was never written. */
static struct slot *slot_at(uint64_t index)
{
    size_t place = index % RT__RING_CYCLES;
    struct slot *step = atomic_load_explicit(&steps[place / STEP_SLOTS], memory_order_acquire);

    return step == NULL ? NULL : &step[place % STEP_SLOTS];
}

static struct slot *slot_for_writing(uint64_t index)
{
    size_t step = index % RT__RING_CYCLES / STEP_SLOTS;

    if (slot_at(index) == NULL)
        atomic_store_explicit(&steps[step], rt__os_map(STEP_BYTES, RT__OS_GC), memory_order_release);
    return slot_at(index);
}

void rt__ring_add(const struct rt_cycle *c)
{
    uint64_t index = atomic_load_explicit(&added, memory_order_relaxed);
    struct slot *s = slot_for_writing(index);
    union {
        struct record record;
        uint64_t words[RECORD_WORDS];
    } copy = {.words = {0}};

    pack(&copy.record, c);
    atomic_store_explicit(&s->sequence, 2 * index + 1, memory_order_relaxed);
    for (int i = 0; i < RECORD_WORDS; i++)
        atomic_store_explicit(&s->words[i], copy.words[i], memory_order_release);
    atomic_store_explicit(&s->sequence, 2 * index + 2, memory_order_release);
    atomic_store_explicit(&added, index + 1, memory_order_release);
}

/* false: the writer has come round and the record is no more. */
static bool read_record(uint64_t index, struct rt_cycle *out)
{
    struct slot *s = slot_at(index);
    union {
        struct record record;
        uint64_t words[RECORD_WORDS];
    } copy;

    if (s == NULL || atomic_load_explicit(&s->sequence, memory_order_acquire) != 2 * index + 2)
        return false;
    for (int i = 0; i < RECORD_WORDS; i++)
        copy.words[i] = atomic_load_explicit(&s->words[i], memory_order_acquire);
    if (atomic_load_explicit(&s->sequence, memory_order_relaxed) != 2 * index + 2)
        return false;
    unpack(out, &copy.record);
    return true;
}

/* The writer takes records away from the oldest end, so when one is gone all before it are: what
 * was copied of those is dropped, and the answer stays a row without holes. */
size_t rt__ring_read(struct rt_cycle *out, size_t n)
{
    uint64_t end = atomic_load_explicit(&added, memory_order_acquire);
    uint64_t kept = end < RT__RING_CYCLES ? end : RT__RING_CYCLES;
    size_t copied = 0;

    for (uint64_t index = end - (n < kept ? n : kept); index < end; index++)
        copied = read_record(index, &out[copied]) ? copied + 1 : 0;
    return copied;
}
