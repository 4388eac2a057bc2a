/* chunk.c - see chunk.h: the pool of chunks.
 *
 * Chunks are mapped one by one, as they are needed, and each has a place in a table for good. All that becomes of a
 * chunk is in one word of its place: the state, whether a trace still has to write it (kept), and how many lives it
 * had. A thread takes a chunk by exchanging that word, which counts the lives up, so that whoever looked at the word
 * before cannot take it as well. The words of all places lie together, apart from the chunks: looking through
 * thousands costs a few microseconds.
 *
 * Which chunk is taken: what is free, or full and older than the age, is used again first, so that the memory of a
 * program that records little stays small. Else one is made, up to the bound. Else the clock-hand's next that is full
 * and not kept: as the hand goes round, that is about the oldest.
 *
 * A reader copies a chunk while its thread may write into it, or another take it. Stronger orders on the words stand
 * in for fences, which ThreadSanitizer cannot follow: the owner stores each with release, after the life has changed.
 * A reader that saw (with acquire) a word of a later life sees the later life too, when it looks at it again.
 * Between two lives is the state TAKEN, in which nobody reads: `used` is still of the life before.
 *
 * Must never wait: a thread may be stopped anywhere in here, and then only the chunk in its hand is out of reach.
 */
#include "runtime/trace/chunk.h"

#include <stdlib.h>
#include "runtime/os/os.h"
#include "runtime/trace/clock.h"

/* ---- the table ------------------------------------------------------------------------------------ */

/* The word of a place; 0: there is no chunk yet. */
enum { FREE, TAKEN, OWNED, FULL };
#define STATE(word) ((word)&3u)
#define KEPT 4u
#define LIFE UINT64_C(8)
#define LIFE_OF(word) ((word) / LIFE)

struct place {
    uint64_t word;           /* atomic */
    struct rt__chunk *chunk; /* stored before word is not 0, and never changed */
};

/* A page of places, and 64 Ki of them in all: 512 MiB of chunks. */
#define BLOCK_PLACES 256u
#define BLOCKS 256u
#define PLACES ((size_t)BLOCKS * BLOCK_PLACES)

static struct place *blocks[BLOCKS]; /* atomic; never unmapped */
static size_t made;                  /* atomic: places in use, 0... */
static size_t most;                  /* atomic: how many there may be */
static size_t most_bytes;            /* as it was asked for */
static uint64_t age;                 /* ticks; 0: ever */
static size_t hand;                  /* the clock-hand: a place, once brought within the table */
static uint64_t serials;             /* handed out */
static uint64_t overwritten;         /* atomic: ticks; the latest end of a chunk that was taken again */

static struct place *place_at(size_t i)
{
    return &__atomic_load_n(&blocks[i / BLOCK_PLACES], __ATOMIC_ACQUIRE)[i % BLOCK_PLACES];
}

static bool has_block(size_t i)
{
    struct place **at = &blocks[i / BLOCK_PLACES];
    struct place *none = NULL;
    if (__atomic_load_n(at, __ATOMIC_RELAXED)) {
        return true;
    }
    struct place *block = rt__os_map_if_any(BLOCK_PLACES * sizeof(*block), RT__OS_OTHER);
    if (block && !__atomic_compare_exchange_n(at, &none, block, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
        rt__os_unmap(block, BLOCK_PLACES * sizeof(*block), RT__OS_OTHER);
    }
    return block != NULL;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void rt__chunks_set(size_t bytes, uint64_t age_ticks)
{
    __atomic_store_n(&most_bytes, smaller(bytes, PLACES * RT__CHUNK_BYTES), __ATOMIC_RELAXED);
    __atomic_store_n(&most, smaller(bytes / RT__CHUNK_BYTES, PLACES), __ATOMIC_RELAXED);
    __atomic_store_n(&age, age_ticks, __ATOMIC_RELAXED);
}

size_t rt__chunks_bytes(void)
{
    return __atomic_load_n(&made, __ATOMIC_RELAXED) * RT__CHUNK_BYTES;
}

size_t rt__chunks_most_bytes(void)
{
    return __atomic_load_n(&most_bytes, __ATOMIC_RELAXED);
}

/* ---- taking --------------------------------------------------------------------------------------- */

/* There are no events in it, or it may be taken all the same. */
static bool is_over(uint64_t word)
{
    return word != 0 && (STATE(word) == FREE || (STATE(word) == FULL && !(word & KEPT)));
}

/* Told before the chunk is taken, so that whoever finds it changed finds this told, too. */
static void note_overwritten(const struct rt__chunk *c)
{
    uint64_t end = __atomic_load_n(&c->last_ticks, __ATOMIC_RELAXED);
    uint64_t latest = __atomic_load_n(&overwritten, __ATOMIC_RELAXED);
    while (latest < end &&
           !__atomic_compare_exchange_n(&overwritten, &latest, end, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
}

/* The word must still be what the caller judged by. */
static struct rt__chunk *take(struct place *p, uint64_t word)
{
    uint64_t taken = (LIFE_OF(word) + 1) * LIFE + TAKEN;
    if (STATE(word) == FULL) {
        note_overwritten(p->chunk);
    }
    if (!__atomic_compare_exchange_n(&p->word, &word, taken, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        return NULL;
    }
    __atomic_store_n(&p->chunk->used, 0, __ATOMIC_RELEASE);
    return p->chunk;
}

static bool is_stale(const struct place *p, uint64_t word, uint64_t now)
{
    uint64_t least = __atomic_load_n(&age, __ATOMIC_RELAXED);
    if (!is_over(word) || STATE(word) == FREE) {
        return is_over(word);
    }
    return least != 0 && rt__os_elapsed(__atomic_load_n(&p->chunk->last_ticks, __ATOMIC_RELAXED), now) > least;
}

/* The hand is at about the oldest, so a few younger ones say that there is no use in going on. What is in use says
 * nothing, and is left behind for this round: a thousand idle threads may own a chunk each, which is a look of a
 * microsecond at 16 KiB. */
#define YOUNG_MOST 8u
#define LOOKS_MOST 1024u

static struct rt__chunk *take_stale(size_t n)
{
    size_t from = __atomic_load_n(&hand, __ATOMIC_RELAXED);
    size_t looks = smaller(n, LOOKS_MOST), in_use = 0;
    unsigned young = 0;
    uint64_t now = rt__ticks();
    for (size_t i = 0; i < looks && young < YOUNG_MOST; i++) {
        struct place *p = place_at((from + i) % n);
        uint64_t word = __atomic_load_n(&p->word, __ATOMIC_ACQUIRE);
        struct rt__chunk *c = is_stale(p, word, now) ? take(p, word) : NULL;
        if (c) {
            __atomic_store_n(&hand, (from + i + 1) % n, __ATOMIC_RELAXED);
            return c;
        }
        young += is_over(word);
        in_use += young == 0;
    }
    if (in_use > 0) {
        __atomic_store_n(&hand, (from + in_use) % n, __ATOMIC_RELAXED);
    }
    return NULL;
}

/* Mapped before a place is claimed, so that no place stays empty when there is no memory. */
static struct rt__chunk *make(size_t bound)
{
    size_t i = __atomic_load_n(&made, __ATOMIC_RELAXED);
    struct rt__chunk *c = i < bound ? rt__os_map_if_any(sizeof(*c), RT__OS_OTHER) : NULL;
    while (c && i < bound && has_block(i)) {
        if (__atomic_compare_exchange_n(&made, &i, i + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            c->place = i;
            place_at(i)->chunk = c;
            __atomic_store_n(&place_at(i)->word, LIFE + TAKEN, __ATOMIC_RELEASE);
            return c;
        }
    }
    rt__os_unmap(c, sizeof(*c), RT__OS_OTHER);
    return NULL;
}

static struct rt__chunk *take_full(size_t n)
{
    size_t from = __atomic_load_n(&hand, __ATOMIC_RELAXED);
    for (size_t i = 0; i < n; i++) {
        struct place *p = place_at((from + i) % n);
        uint64_t word = __atomic_load_n(&p->word, __ATOMIC_ACQUIRE);
        struct rt__chunk *c = is_over(word) ? take(p, word) : NULL;
        if (c) {
            __atomic_store_n(&hand, (from + i + 1) % n, __ATOMIC_RELAXED);
            return c;
        }
    }
    return NULL;
}

struct rt__chunk *rt__chunk_take(void)
{
    size_t bound = __atomic_load_n(&most, __ATOMIC_RELAXED);
    size_t n = smaller(bound, __atomic_load_n(&made, __ATOMIC_ACQUIRE));
    struct rt__chunk *c = take_stale(n);
    if (!c) {
        c = make(bound);
    }
    if (!c) {
        c = take_full(smaller(bound, __atomic_load_n(&made, __ATOMIC_ACQUIRE)));
    }
    if (c) {
        struct place *p = place_at(c->place);
        uint64_t life = LIFE_OF(__atomic_load_n(&p->word, __ATOMIC_RELAXED));
        __atomic_store_n(&c->serial, __atomic_add_fetch(&serials, 1, __ATOMIC_ACQ_REL), __ATOMIC_RELEASE);
        __atomic_store_n(&p->word, life * LIFE + OWNED, __ATOMIC_RELEASE);
    }
    return c;
}

void rt__chunk_give_up(struct rt__chunk *c, uint64_t ticks, bool keep)
{
    struct place *p = place_at(c->place);
    uint64_t life = LIFE_OF(__atomic_load_n(&p->word, __ATOMIC_RELAXED));
    __atomic_store_n(&c->last_ticks, ticks, __ATOMIC_RELEASE);
    __atomic_store_n(&p->word, life * LIFE + FULL + (keep ? KEPT : 0), __ATOMIC_RELEASE);
}

/* ---- reading -------------------------------------------------------------------------------------- */

uint64_t rt__chunks_serial(void)
{
    return __atomic_load_n(&serials, __ATOMIC_ACQUIRE);
}

uint64_t rt__chunks_overwritten(void)
{
    return __atomic_load_n(&overwritten, __ATOMIC_ACQUIRE);
}

/* What is to be copied, and in what order. */
struct found {
    struct place *place;
    uint64_t word;
    uint64_t key[2];
};

static int by_key(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->key[0] != y->key[0]) {
        return x->key[0] < y->key[0] ? -1 : 1;
    }
    return x->key[1] < y->key[1] ? -1 : x->key[1] > y->key[1];
}

static uint64_t load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* When the chunk is taken again at this very moment the keys are nonsense, and the copy will not be made. */
static bool look(struct found *f, bool kept_only, uint64_t serial_most)
{
    f->word = load(&f->place->word);
    if (STATE(f->word) != FULL && STATE(f->word) != OWNED) {
        return false;
    }
    const struct rt__chunk *c = f->place->chunk;
    if (kept_only) {
        f->key[0] = load(&c->serial);
        f->key[1] = 0;
        return (f->word & KEPT) && f->key[0] <= serial_most;
    }
    bool has_events = load(&c->used) != 0;
    f->key[0] = load(&c->thread);
    f->key[1] = load(&c->index);
    return has_events;
}

/* `used` before the rest, which was there before it. False when the chunk has begun another life. */
static bool copy_chunk(const struct found *f, uint64_t words[RT__CHUNK_WORDS], struct rt__chunk_copy *copy)
{
    const struct rt__chunk *c = f->place->chunk;
    uint64_t word = load(&f->place->word);
    uint64_t used = load(&c->used);
    uint64_t owner = load(&c->owner);
    *copy = (struct rt__chunk_copy){
        .serial = load(&c->serial),
        .thread = load(&c->thread),
        .index = load(&c->index),
        .base = load(&c->base),
        .task = load(&c->task),
        .start_fn = load(&c->start_fn),
        .slot = (uint32_t)(owner >> 32),
        .tid = (pid_t)(uint32_t)owner,
        .is_owned = STATE(word) == OWNED,
        .count = (uint32_t)used,
        .words = words,
    };
    for (uint64_t i = 0; i < used; i++) {
        words[i] = load(&c->words[i]);
    }
    return LIFE_OF(__atomic_load_n(&f->place->word, __ATOMIC_RELAXED)) == LIFE_OF(f->word);
}

/* Only a full one is kept, and nobody takes it then: the word can change by another letting go alone. */
static void let_go(struct place *p, uint64_t word)
{
    __atomic_compare_exchange_n(&p->word, &word, word & ~(uint64_t)KEPT, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

static size_t deliver(const struct found *all, size_t n, bool kept_only, rt__chunk_fn *fn, void *arg)
{
    uint64_t words[RT__CHUNK_WORDS];
    struct rt__chunk_copy copy;
    size_t missed = 0;
    for (size_t i = 0; i < n; i++) {
        if (!copy_chunk(&all[i], words, &copy)) {
            missed++;
            continue;
        }
        if (copy.count > 0) {
            fn(&copy, arg);
        }
        if (kept_only) {
            let_go(all[i].place, all[i].word);
        }
    }
    return missed;
}

size_t rt__chunks_each(bool kept_only, uint64_t serial_most, rt__chunk_fn *fn, void *arg)
{
    size_t n = __atomic_load_n(&made, __ATOMIC_ACQUIRE);
    struct found *all = malloc((n + 1) * sizeof(*all));
    size_t count = 0;
    if (!all) {
        return n;
    }
    for (size_t i = 0; i < n; i++) {
        all[count].place = place_at(i);
        count += look(&all[count], kept_only, serial_most);
    }
    qsort(all, count, sizeof(*all), by_key);
    size_t missed = deliver(all, count, kept_only, fn, arg);
    free(all);
    return missed;
}

void rt__chunks_unkeep(void)
{
    size_t n = __atomic_load_n(&made, __ATOMIC_ACQUIRE);
    for (size_t i = 0; i < n; i++) {
        uint64_t word = load(&place_at(i)->word);
        if (word & KEPT) {
            let_go(place_at(i), word);
        }
    }
}

void rt__chunks_forget(void)
{
    size_t n = __atomic_load_n(&made, __ATOMIC_ACQUIRE);
    for (size_t i = 0; i < n; i++) {
        struct place *p = place_at(i);
        uint64_t word = load(&p->word);
        if (word != 0) {
            __atomic_store_n(&p->word, LIFE_OF(word) * LIFE + FREE, __ATOMIC_RELEASE);
        }
    }
}
