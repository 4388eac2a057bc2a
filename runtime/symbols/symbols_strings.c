/* symbols_strings.c - arrays that grow, spans of addresses, strings kept once, and paths.
 *
 * What a session of symbols needs and no system call is in. When memory runs out the functions say so and leave
 * what they were given as it was: a profile with a made-up name is better than none.
 */
#include "runtime/symbols/symbols_parts.h"

#include <stdlib.h>
#include <string.h>

void *rt__array_grown(void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room) {
        return array;
    }
    size_t more = *room ? *room * 2 : 16;
    void *grown = reallocarray(array, more, size);
    if (grown != NULL) {
        *room = more;
    }
    return grown;
}

/* ---- spans ---- */

bool rt__spans_add(struct rt__spans *s, uint64_t low, uint64_t high, uint32_t what)
{
    struct rt__span *at = rt__array_grown(s->at, s->count, &s->room, sizeof *at);
    if (at == NULL) {
        return false;
    }
    s->at = at;
    at[s->count++] = (struct rt__span){low, high, what};
    return true;
}

static int by_low(const void *a, const void *b)
{
    const struct rt__span *x = a, *y = b;
    return x->low < y->low ? -1 : x->low > y->low;
}

void rt__spans_sort(struct rt__spans *s)
{
    if (s->count > 0) {
        qsort(s->at, s->count, sizeof *s->at, by_low);
    }
}

const struct rt__span *rt__spans_find(const struct rt__spans *s, uint64_t address)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->at[middle].low <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && address < s->at[low - 1].high ? &s->at[low - 1] : NULL;
}

/* ---- strings ---- */

#define CHUNK_BYTES ((size_t)16 << 10)

struct rt__string {
    struct rt__string *next;
    size_t len;
    char text[];
};

struct rt__string_chunk {
    struct rt__string_chunk *next;
    size_t size;
    _Alignas(struct rt__string) char room[];
};

static size_t chain_of(const char *text, size_t len)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    }
    return (hash ^ hash >> 32) % RT__STRING_CHAINS;
}

static void *take(struct rt__strings *s, size_t size)
{
    size = (size + _Alignof(struct rt__string) - 1) & -_Alignof(struct rt__string);
    if (size > s->left) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        struct rt__string_chunk *chunk = malloc(sizeof *chunk + room);
        if (chunk == NULL) {
            return NULL;
        }
        chunk->next = s->chunks;
        chunk->size = room;
        s->chunks = chunk;
        s->left = room;
        s->bytes += sizeof *chunk + room;
    }
    void *p = s->chunks->room + (s->chunks->size - s->left);
    s->left -= size;
    return p;
}

const char *rt__strings_keep(struct rt__strings *s, const char *text, size_t len)
{
    struct rt__string **chain = &s->chains[chain_of(text, len)];
    for (struct rt__string *known = *chain; known != NULL; known = known->next) {
        if (known->len == len && memcmp(known->text, text, len) == 0) {
            return known->text;
        }
    }
    struct rt__string *made = take(s, sizeof *made + len + 1);
    if (made == NULL) {
        return NULL;
    }
    made->len = len;
    memcpy(made->text, text, len);
    made->text[len] = '\0';
    made->next = *chain;
    *chain = made;
    return made->text;
}

void rt__strings_release(struct rt__strings *s)
{
    while (s->chunks != NULL) {
        struct rt__string_chunk *chunk = s->chunks;
        s->chunks = chunk->next;
        free(chunk);
    }
}

/* ---- paths ---- */

/* The end of what was written when its last name is taken off; the same end when there is none to take. */
static size_t without_last(const char *path, size_t root, size_t end)
{
    size_t start = end;
    while (start > root && path[start - 1] != '/') {
        start--;
    }
    if (end == root || (end - start == 2 && path[start] == '.' && path[start + 1] == '.')) {
        return end;
    }
    return start > root ? start - 1 : root;
}

void rt__path_clean(char *path)
{
    size_t root = path[0] == '/', end = root;
    for (size_t from = root; path[from] != '\0';) {
        size_t len = strcspn(path + from, "/");
        bool up = len == 2 && path[from] == '.' && path[from + 1] == '.';
        bool drop = len == 0 || (len == 1 && path[from] == '.');
        if (up) {
            size_t shorter = without_last(path, root, end);
            /* Above the root there is the root; a relative path keeps what leads out of it. */
            drop = shorter != end || root;
            end = shorter;
        }
        if (!drop) {
            if (end > root) {
                path[end++] = '/';
            }
            memmove(path + end, path + from, len);
            end += len;
        }
        from += len + (path[from + len] == '/');
    }
    path[end] = '\0';
}

const char *rt__path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}
