/* intern.c - see intern.h.
 *
 * Two parts. The room: pieces of memory, taken from front to back; a thing's id is where it lies, so there is no table
 * of things. The index: words with an id and some bits of the hash, in levels, each four times as large as the one
 * before. A thing is looked for at PROBES places of the first level, then of the next, and stands at the
 * first of all these places that was empty when it came: an empty place ends the search. Nothing ever leaves.
 */
#include "runtime/trace/intern.h"

#include <errno.h>
#include <string.h>
#include "runtime/os/os.h"

#define UNIT 8u
#define PIECE_UNITS (RT__INTERN_PIECE_BYTES / UNIT)

/* One page: some hundred things, as many as most programs have. The levels have 85 times as many places. */
#define FIRST_LEVEL 1024u
#define PROBES 16u

/* An index word: id below, tag above. 2 MiB have 2^18 units. */
#define ID_BITS 24u
#define ID_MASK ((1u << ID_BITS) - 1)
_Static_assert(RT__INTERN_PIECES *PIECE_UNITS < ID_MASK, "ids fit an index word");

/* What was mapped in vain goes back: another thread was first. */
static void *mapped_once(void **word, size_t bytes)
{
    void *p = __atomic_load_n(word, __ATOMIC_ACQUIRE);
    if (p) {
        return p;
    }
    int saved_errno = errno;
    void *made = rt__os_map_if_any(bytes, RT__OS_OTHER);
    if (made && __atomic_compare_exchange_n(word, &p, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        p = made;
    } else if (made) {
        rt__os_unmap(made, bytes, RT__OS_OTHER);
    }
    errno = saved_errno;
    return p;
}

/* ---- room ------------------------------------------------------------------------------------- */

/* Where so many units begin; UINT32_MAX when there is no room. Nothing lies across two pieces. */
static uint32_t take_units(struct rt__intern *t, uint32_t units)
{
    uint32_t used = __atomic_load_n(&t->used, __ATOMIC_RELAXED), at;
    do {
        at = used;
        if (at % PIECE_UNITS + units > PIECE_UNITS) {
            at += PIECE_UNITS - at % PIECE_UNITS;
        }
        if (at + units > t->pieces_most * PIECE_UNITS) {
            return UINT32_MAX;
        }
    } while (!__atomic_compare_exchange_n(&t->used, &used, at + units, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return at;
}

/* The id, 0 when there is no room. Nobody else knows of it yet. */
static uint32_t add(struct rt__intern *t, const struct rt__intern_key *key)
{
    uint32_t units = (uint32_t)((key->bytes + UNIT - 1) / UNIT);
    uint32_t at = units <= PIECE_UNITS ? take_units(t, units) : UINT32_MAX;
    if (at == UINT32_MAX) {
        return 0;
    }
    char *piece = mapped_once(&t->pieces[at / PIECE_UNITS], RT__INTERN_PIECE_BYTES);
    if (!piece) {
        return 0;
    }
    key->write(piece + at % PIECE_UNITS * UNIT, key->what);
    return at + 1;
}

const void *rt__intern_get(const struct rt__intern *t, uint32_t id)
{
    if (id == 0 || id > __atomic_load_n(&t->used, __ATOMIC_RELAXED)) {
        return NULL;
    }
    const char *piece = __atomic_load_n(&t->pieces[(id - 1) / PIECE_UNITS], __ATOMIC_ACQUIRE);
    return piece ? piece + (id - 1) % PIECE_UNITS * UNIT : NULL;
}

/* ---- the index -------------------------------------------------------------------------------- */

struct search {
    struct rt__intern *t;
    const struct rt__intern_key *key;
    uint32_t made; /* id of the thing, once it had to be written down */
    bool has_no_room;
};

/* The id of what stands at the place when it is what is looked for, or was put there now; 0: it is another, or there
 * is no room. */
static uint32_t at_place(struct search *s, uint32_t *place)
{
    uint32_t tag = s->key->hash & ~ID_MASK;
    uint32_t word = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (word == 0) {
        s->made = s->made ? s->made : add(s->t, s->key);
        s->has_no_room = s->made == 0;
        if (s->has_no_room ||
            __atomic_compare_exchange_n(place, &word, tag | s->made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            return s->made;
        }
    }
    bool same = (word & ~ID_MASK) == tag && s->key->is(rt__intern_get(s->t, word & ID_MASK), s->key->what);
    return same ? word & ID_MASK : 0;
}

static uint32_t in_level(struct search *s, uint32_t *level, uint32_t places)
{
    uint32_t id = 0;
    for (uint32_t probe = 0; probe < PROBES && id == 0 && !s->has_no_room; probe++) {
        id = at_place(s, &level[(s->key->hash + probe) & (places - 1)]);
    }
    return id;
}

static uint32_t find_or_add(struct rt__intern *t, const struct rt__intern_key *key)
{
    struct search s = {.t = t, .key = key};
    uint32_t id = 0, places = FIRST_LEVEL;
    for (uint32_t i = 0; i < RT__INTERN_LEVELS && id == 0 && !s.has_no_room; i++, places *= 4) {
        uint32_t *level = mapped_once(&t->levels[i], places * sizeof(*level));
        if (!level) {
            break;
        }
        id = in_level(&s, level, places);
    }
    return id;
}

uint32_t rt__intern(struct rt__intern *t, const struct rt__intern_key *key)
{
    uint32_t id = find_or_add(t, key);
    if (id == 0) {
        __atomic_add_fetch(&t->lost, 1, __ATOMIC_RELAXED);
    }
    return id;
}

/* Each round must spread what it took over all bits: places come from the lower ones and tags from the upper. */
static uint64_t mixed(uint64_t h, uint64_t word)
{
    h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 32;
}

uint32_t rt__intern_hash(uint64_t h, const void *bytes, size_t len)
{
    const char *p = bytes;
    uint64_t word;
    h = mixed(h, len);
    for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        h = mixed(h, word);
    }
    word = 0;
    memcpy(&word, p, len);
    h = mixed(h, word) * UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(h >> 32);
}
