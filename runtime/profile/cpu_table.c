/* cpu_table.c - see cpu_table.h. A hash table of chains, in memory that is only ever added to. */
#include "runtime/profile/cpu_table.h"

#include <string.h>

#define CHAINS 2048u
#define CHUNK_BYTES (64u << 10) /* the chains take a quarter of the first */

struct rt__cpu_chunk {
    struct rt__cpu_chunk *next;
    size_t used;
};

struct rt__cpu_stack {
    struct rt__cpu_stack *next;
    uint64_t weight;
    const struct rt_labels *labels;
    char thread[RT__OS_NAME_BYTES];
    uint32_t hash, depth;
    uintptr_t pcs[];
};

static uint64_t mixed(uint64_t h, uint64_t word)
{
    h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
    return h ^ h >> 32;
}

static uint32_t hash_of(const struct rt__cpu_sample *sample)
{
    uint64_t name[2];
    _Static_assert(sizeof(name) == sizeof(sample->thread), "a name is two words");
    memcpy(name, sample->thread, sizeof(name));
    uint64_t h = mixed(mixed(mixed(0, (uintptr_t)sample->labels), name[0]), name[1]);
    for (uint32_t i = 0; i < sample->depth; i++) {
        h = mixed(h, sample->pcs[i]);
    }
    return (uint32_t)h;
}

static bool is_of(const struct rt__cpu_stack *s, uint32_t hash, const struct rt__cpu_sample *sample)
{
    return s->hash == hash && s->depth == sample->depth && s->labels == sample->labels &&
           memcmp(s->thread, sample->thread, sizeof(s->thread)) == 0 &&
           memcmp(s->pcs, sample->pcs, s->depth * sizeof(*s->pcs)) == 0;
}

/* Zeroed; NULL when the table is full. */
static void *take_room(struct rt__cpu_table *t, size_t size)
{
    if (!t->newest || CHUNK_BYTES - t->newest->used < size) {
        if (t->mapped_bytes + CHUNK_BYTES > t->most_bytes) {
            return NULL;
        }
        struct rt__cpu_chunk *chunk = rt__os_map_if_any(CHUNK_BYTES, RT__OS_BUCKETS);
        if (!chunk) {
            return NULL;
        }
        chunk->next = t->newest;
        chunk->used = sizeof(*chunk);
        t->newest = chunk;
        t->mapped_bytes += CHUNK_BYTES;
    }
    void *p = (char *)t->newest + t->newest->used;
    t->newest->used += size;
    return p;
}

static struct rt__cpu_stack *make(struct rt__cpu_table *t, uint32_t hash, const struct rt__cpu_sample *sample)
{
    struct rt__cpu_stack *s = take_room(t, sizeof(*s) + sample->depth * sizeof(*s->pcs));
    if (s) {
        s->labels = sample->labels;
        memcpy(s->thread, sample->thread, sizeof(s->thread));
        s->hash = hash;
        s->depth = sample->depth;
        memcpy(s->pcs, sample->pcs, s->depth * sizeof(*s->pcs));
        s->next = t->chains[hash % CHAINS];
        t->chains[hash % CHAINS] = s;
    }
    return s;
}

bool rt__cpu_table_add(struct rt__cpu_table *t, const struct rt__cpu_sample *sample)
{
    uint32_t hash = hash_of(sample);
    if (!t->chains && !(t->chains = take_room(t, CHAINS * sizeof(*t->chains)))) {
        return false;
    }
    struct rt__cpu_stack *s = t->chains[hash % CHAINS];
    while (s && !is_of(s, hash, sample)) {
        s = s->next;
    }
    if (!s) {
        s = make(t, hash, sample);
    }
    if (s) {
        s->weight += sample->weight;
    }
    return s != NULL;
}

static void write_one(const struct rt__cpu_stack *stack, struct rt__profile *p)
{
    char name[RT__OS_NAME_BYTES + 1] = "";
    memcpy(name, stack->thread, sizeof(stack->thread));
    const char *thread = name[0] ? rt__profile_keep(p, name, strlen(name) + 1) : NULL;
    const uintptr_t *pcs = rt__profile_keep(p, stack->pcs, stack->depth * sizeof(*pcs));
    struct rt__sample *s = rt__profile_add(p);
    if (s) {
        s->pcs = pcs;
        s->depth = stack->depth;
        s->labels = stack->labels;
        s->thread = thread;
        s->values[0] = (int64_t)stack->weight;
        s->values[1] = (int64_t)(stack->weight * RT__CPU_PERIOD_NS);
    }
}

void rt__cpu_table_write(const struct rt__cpu_table *t, struct rt__profile *p)
{
    for (unsigned chain = 0; t->chains && chain < CHAINS && !p->failed; chain++) {
        for (const struct rt__cpu_stack *s = t->chains[chain]; s && !p->failed; s = s->next) {
            write_one(s, p);
        }
    }
}

void rt__cpu_table_release(struct rt__cpu_table *t)
{
    while (t->newest) {
        struct rt__cpu_chunk *next = t->newest->next;
        rt__os_unmap(t->newest, CHUNK_BYTES, RT__OS_BUCKETS);
        t->newest = next;
    }
    t->chains = NULL;
    t->mapped_bytes = 0;
}
