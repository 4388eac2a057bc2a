/* snapshot.c - building, merging and subtracting profiles (see snapshot.h).
 *
 * Pure, but for malloc. A profile owns its array of samples and what was kept in it, and borrows all else;
 * nothing here may follow a sample's stack further than to hash it and compare it.
 */
#include "runtime/profile/snapshot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/profile/buckets.h"
#include "runtime/profile/memory.h"

void rt__profile_begin(struct rt__profile *p, const struct rt__profile_kind *kind)
{
    *p = (struct rt__profile){.kind = kind};
}

void rt__profile_release(struct rt__profile *p)
{
    free(p->samples);
    rt__kept_release(&p->kept);
    rt__profile_begin(p, p->kind);
}

struct rt__sample *rt__profile_add(struct rt__profile *p)
{
    /* Ids of samples are 32 bits wide (merging). */
    if (p->failed || p->count >= RT__IDS_NONE || !rt__array_grow(&p->samples, &p->room, p->count, sizeof *p->samples)) {
        p->failed = true;
        return NULL;
    }
    struct rt__sample *sample = &p->samples[p->count++];
    *sample = (struct rt__sample){0};
    return sample;
}

void *rt__profile_keep(struct rt__profile *p, const void *bytes, size_t size)
{
    void *copy = p->failed ? NULL : rt__kept_take(&p->kept, size);
    if (copy == NULL) {
        p->failed = true;
        return NULL;
    }
    return memcpy(copy, bytes, size);
}

static bool has_value(const int64_t *values)
{
    for (unsigned i = 0; i < RT__PROFILE_VALUES; i++) {
        if (values[i] != 0)
            return true;
    }
    return false;
}

void rt__profile_add_buckets(struct rt__profile *p, const struct rt__bucket_copy *copy, size_t n)
{
    _Static_assert(RT__BUCKET_VALUES == RT__PROFILE_VALUES, "a bucket's values are a sample's");
    for (size_t i = 0; i < n; i++) {
        int64_t values[RT__PROFILE_VALUES] = {0};
        /* Rounded first: sums of doubles that went up and down again end near 0, not at it. */
        for (unsigned v = 0; v < p->kind->types_count; v++)
            values[v] = llround(copy[i].values[v]);
        struct rt__sample *sample = has_value(values) ? rt__profile_add(p) : NULL;
        if (sample) {
            sample->pcs = copy[i].bucket->pcs;
            sample->depth = copy[i].bucket->depth;
            sample->labels = copy[i].bucket->labels;
            memcpy(sample->values, values, sizeof values);
        }
    }
}

/* ---- equal samples ---- */

static uint64_t hash_of(const struct rt__sample *s)
{
    uint64_t hash = rt__hash((uintptr_t)s->labels, s->pcs, s->depth * sizeof *s->pcs);
    return rt__hash_text(hash, s->thread);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_sample(const void *samples, uint32_t id, const void *key)
{
    const struct rt__sample *a = (const struct rt__sample *)samples + id, *b = key;
    return a->depth == b->depth && a->labels == b->labels && same_text(a->thread, b->thread) &&
           (a->depth == 0 || memcmp(a->pcs, b->pcs, a->depth * sizeof *a->pcs) == 0);
}

/* The sample in m->into to which one like this belongs, with its values 0 when it is new. */
static struct rt__sample *place_of(struct rt__merge *m, const struct rt__sample *like)
{
    struct rt__profile *p = m->into;
    uint64_t hash = hash_of(like);
    uint32_t id = rt__ids_find(&m->ids, hash, same_sample, p->samples, like);
    if (id != RT__IDS_NONE)
        return &p->samples[id];
    struct rt__sample *sample = rt__profile_add(p);
    if (sample == NULL)
        return NULL;
    *sample =
        (struct rt__sample){.pcs = like->pcs, .depth = like->depth, .labels = like->labels, .thread = like->thread};
    if (!rt__ids_add(&m->ids, hash, (uint32_t)(p->count - 1)))
        p->failed = true;
    return sample;
}

void rt__merge_add(struct rt__merge *m, const struct rt__sample *sample, int sign)
{
    struct rt__sample *place = m->into->failed ? NULL : place_of(m, sample);
    for (unsigned i = 0; place && i < RT__PROFILE_VALUES; i++)
        place->values[i] += sign * sample->values[i];
}

void rt__merge_release(struct rt__merge *m)
{
    rt__ids_release(&m->ids);
}

/* ---- differences ---- */

static void drop_zeros(struct rt__profile *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->count; i++) {
        if (has_value(p->samples[i].values))
            p->samples[kept++] = p->samples[i];
    }
    p->count = kept;
}

void rt__profile_subtract(struct rt__profile *out, const struct rt__profile *before, const struct rt__profile *after)
{
    rt__profile_begin(out, after->kind);
    out->period = after->period;
    out->time_ns = before->time_ns;
    out->duration_ns = after->time_ns - before->time_ns;
    memcpy(out->comment, after->comment, sizeof out->comment);
    out->failed = before->failed || after->failed;

    struct rt__merge merge = {.into = out};
    for (size_t i = 0; i < after->count; i++)
        rt__merge_add(&merge, &after->samples[i], 1);
    for (size_t i = 0; i < before->count; i++)
        rt__merge_add(&merge, &before->samples[i], -1);
    rt__merge_release(&merge);
    drop_zeros(out);
}
