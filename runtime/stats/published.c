/* published.c - see published.h.
 *
 * Figures are added at a program's start and read for ever after, so a reader takes no lock: they stand in a list
 * sorted by name, to which one is added by a single store and from which nothing is taken.
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
static unsigned taken;
static struct rt__published *first; /* atomic */
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

static bool is_the_runtimes(const char *name)
{
    size_t n;
    const struct rt__metric *table = rt__metrics_table(&n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(table[i].name, name) == 0)
            return true;
    }
    return false;
}

/* Where a figure of that name stands, or would. Under the lock. */
static struct rt__published **place_of(const char *name)
{
    struct rt__published **at = &first;
    while (*at && strcmp((*at)->name, name) < 0)
        at = &(*at)->next;
    return at;
}

int rt_metric_publish(const char *name, const char *help, uint64_t (*read)(void *arg), void *arg)
{
    int error = 0;
    if (!is_good(name, help) || !read)
        return -EINVAL;
    pthread_mutex_lock(&lock);
    struct rt__published **at = place_of(name);
    if (is_the_runtimes(name) || (*at && strcmp((*at)->name, name) == 0)) {
        error = -EEXIST;
    } else if (taken == RT__PUBLISHED_MAX) {
        error = -ENOSPC;
    } else {
        struct rt__published *p = &places[taken++];
        *p = (struct rt__published){name, help, read, arg, *at};
        __atomic_store_n(at, p, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&lock);
    return error;
}

const struct rt__published *rt__published_first(void)
{
    return __atomic_load_n(&first, __ATOMIC_ACQUIRE);
}

const struct rt__published *rt__published_next(const struct rt__published *p)
{
    return __atomic_load_n(&p->next, __ATOMIC_ACQUIRE);
}

void rt__published_write(FILE *out)
{
    for (const struct rt__published *p = rt__published_first(); p; p = rt__published_next(p))
        fprintf(out, "%s %" PRIu64 "\n", p->name, p->read(p->arg));
}

void rt__published_write_help(FILE *out)
{
    for (const struct rt__published *p = rt__published_first(); p; p = rt__published_next(p))
        fprintf(out, "%s\tgauge\t%s\n", p->name, p->help);
}
