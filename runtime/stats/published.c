/* published.c - see published.h.
 *
 * Figures are added at a program's start and read for ever after, so a reader takes no lock: each stands in a place of
 * its own that never changes once the sorted order has it, and the order is replaced as a whole. What a replaced
 * order leaves behind is bounded by RT__PUBLISHED_MAX. Must never call the program's function under the lock.
 */
#include "runtime/stats/published.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include "runtime/cruntime.h"
#include "runtime/stats/metrics.h"

static struct rt__published places[RT__PUBLISHED_MAX];
/* orders[n]: the first n places, sorted by name. */
static unsigned char orders[RT__PUBLISHED_MAX + 1][RT__PUBLISHED_MAX];
static unsigned published; /* atomic */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_word(const char *s, size_t len, const char *more)
{
    for (size_t i = 0; i < len; i++) {
        bool is_letter = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z');
        if (!is_letter && !(s[i] >= '0' && s[i] <= '9') && strchr(more, s[i]) == NULL)
            return false;
    }
    return len > 0;
}

static bool is_good(const char *name, const char *help)
{
    const char *colon = name ? strchr(name, ':') : NULL;
    return colon && name[0] == '/' && colon - name > 1 && is_word(name, (size_t)(colon - name), "/-_") &&
           is_word(colon + 1, strlen(colon + 1), "-") && help && help[strcspn(help, "\t\n")] == '\0';
}

static bool is_there(const char *name, unsigned n)
{
    size_t own;
    const struct rt__metric *table = rt__metrics_table(&own);
    for (size_t i = 0; i < own; i++) {
        if (strcmp(table[i].name, name) == 0)
            return true;
    }
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(places[i].name, name) == 0)
            return true;
    }
    return false;
}

static void put_in_order(unsigned n)
{
    const unsigned char *before = orders[n];
    unsigned char *after = orders[n + 1];
    unsigned at = 0;
    while (at < n && strcmp(places[before[at]].name, places[n].name) < 0)
        at++;
    memcpy(after, before, at);
    after[at] = (unsigned char)n;
    memcpy(after + at + 1, before + at, n - at);
}

int rt_metric_publish(const char *name, const char *help, uint64_t (*read)(void *arg), void *arg)
{
    int error = 0;
    if (!is_good(name, help) || !read)
        return -EINVAL;
    pthread_mutex_lock(&lock);
    unsigned n = published;
    if (is_there(name, n)) {
        error = -EEXIST;
    } else if (n == RT__PUBLISHED_MAX) {
        error = -ENOSPC;
    } else {
        places[n] = (struct rt__published){name, help, read, arg};
        put_in_order(n);
        __atomic_store_n(&published, n + 1, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&lock);
    return error;
}

const struct rt__published *rt__published_get(unsigned i)
{
    unsigned n = __atomic_load_n(&published, __ATOMIC_ACQUIRE);
    return i < n ? &places[orders[n][i]] : NULL;
}

void rt__published_write(FILE *out)
{
    const struct rt__published *p;
    for (unsigned i = 0; (p = rt__published_get(i)) != NULL; i++)
        fprintf(out, "%s %" PRIu64 "\n", p->name, p->read(p->arg));
}

void rt__published_write_help(FILE *out)
{
    const struct rt__published *p;
    for (unsigned i = 0; (p = rt__published_get(i)) != NULL; i++)
        fprintf(out, "%s\tgauge\t%s\n", p->name, p->help);
}
