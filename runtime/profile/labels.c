/* labels.c - sets of labels, each made once.
 *
 * A sample keeps nothing but the set's address, which has to stay good for as long as any profile may show
 * it: sets are never freed. So they are bounded, and equal ones are one. Making a set looks at all that
 * there are, under a lock; it is done at start, for a handful. Setting one is a store to a thread variable.
 */
#include "runtime/profile/labels.h"

#include <pthread.h>
#include <string.h>
#include "runtime/cruntime.h"
#include "runtime/os/os.h"

#define SETS_MOST 4096
#define STRING_MOST 255
#define PAIRS_MOST 16

__thread const struct rt_labels *rt__labels_now __attribute__((tls_model("initial-exec")));

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rt_labels *sets;
static unsigned sets_count;

static bool is_same(const struct rt_labels *set, const char *const pairs[], size_t n)
{
    if (set->n != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(set->pairs[i].key, pairs[2 * i]) != 0 || strcmp(set->pairs[i].value, pairs[2 * i + 1]) != 0) {
            return false;
        }
    }
    return true;
}

/* Bytes of all strings with their NULs; 0 when one is missing or too long. */
static size_t strings_bytes(const char *const pairs[], size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < 2 * n; i++) {
        if (!pairs[i] || strlen(pairs[i]) > STRING_MOST) {
            return 0;
        }
        bytes += strlen(pairs[i]) + 1;
    }
    return bytes;
}

/* Sets are small: a page holds some dozens. The largest get one of their own. */
#define CHUNK_BYTES 4096u

static void *take_room(size_t bytes)
{
    static char *room, *room_end;
    if ((size_t)(room_end - room) < bytes) {
        size_t chunk = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        char *mapped = rt__os_map_if_any(chunk, RT__OS_BUCKETS);
        if (!mapped) {
            return NULL;
        }
        room = mapped;
        room_end = room + chunk;
    }
    void *p = room;
    room += bytes;
    return p;
}

static struct rt_labels *make(const char *const pairs[], size_t n, size_t text_bytes)
{
    size_t head_bytes = sizeof(struct rt_labels) + n * sizeof(((struct rt_labels *)0)->pairs[0]);
    struct rt_labels *set = take_room((head_bytes + text_bytes + 7) & ~(size_t)7);
    if (!set) {
        return NULL;
    }
    char *text = (char *)set + head_bytes;
    set->n = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        set->pairs[i].key = text;
        text = stpcpy(text, pairs[2 * i]) + 1;
        set->pairs[i].value = text;
        text = stpcpy(text, pairs[2 * i + 1]) + 1;
    }
    return set;
}

RT_API const struct rt_labels *rt_labels_new(const char *const pairs[], size_t n)
{
    size_t text_bytes = n > 0 && n <= PAIRS_MOST ? strings_bytes(pairs, n) : 0;
    if (text_bytes == 0) {
        return NULL;
    }
    pthread_mutex_lock(&lock);
    struct rt_labels *set = sets;
    while (set && !is_same(set, pairs, n)) {
        set = set->next;
    }
    if (!set && sets_count < SETS_MOST) {
        set = make(pairs, n, text_bytes);
        if (set) {
            set->next = sets;
            sets = set;
            sets_count++;
        }
    }
    pthread_mutex_unlock(&lock);
    return set;
}

RT_API const struct rt_labels *rt_labels_set(const struct rt_labels *labels)
{
    const struct rt_labels *old = rt__labels_now;
    rt__labels_now = labels;
    return old;
}

RT_API const struct rt_labels *rt_labels_get(void)
{
    return rt__labels_now;
}
