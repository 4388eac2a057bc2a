/* sites.c - see sites.h.
 *
 * A program records with the same few names from the same few places over and over. So before anything is hashed, a
 * small cache is asked, by the address of the name: it holds ids only, and what an id stands for is compared, as the
 * text at an address may be another by now. But not where nothing is ever written: names are mostly literals of the
 * program's, and one of these is known by its address. The cache is one array of words; an entry that is lost or
 * overwritten costs a search.
 */
#include "runtime/trace/sites.h"

#include <string.h>
#include "runtime/trace/intern.h"

/* 384 KiB: 12,000 sites with names of some twenty bytes. */
#define PIECES 24u

#define CACHE_BITS 10u

struct site {
    uintptr_t pc;
    const char *literal; /* the program's, with this text for ever; NULL: it is none */
    char name[];         /* with its NUL */
};

/* What is looked for. */
struct wanted {
    uintptr_t pc;
    const char *name;
    size_t len;
};

static struct rt__intern sites = {.pieces_most = PIECES};
static uint32_t cache[1u << CACHE_BITS]; /* atomic */

/* By the linker: what lies between is code and constants of the program. Only where this is linked into it. */
extern const char __executable_start[] __attribute__((weak)), __data_start[] __attribute__((weak));

static bool is_literal(const char *name)
{
    uintptr_t begin = (uintptr_t)__executable_start, end = (uintptr_t)__data_start;
    return begin != 0 && begin < end && (uintptr_t)name >= begin && (uintptr_t)name < end;
}

static bool is_site(const void *kept, const void *what)
{
    const struct site *s = kept;
    const struct wanted *w = what;
    return s->pc == w->pc && strncmp(s->name, w->name, w->len) == 0 && s->name[w->len] == '\0';
}

static void write_site(void *kept, const void *what)
{
    struct site *s = kept;
    const struct wanted *w = what;
    s->pc = w->pc;
    s->literal = is_literal(w->name) ? w->name : NULL;
    memcpy(s->name, w->name, w->len);
}

static uint32_t *cache_word(const char *name, uintptr_t pc)
{
    uint64_t h = ((uintptr_t)name * 3 + pc) * UINT64_C(0x9e3779b97f4a7c15);
    return &cache[h >> (64 - CACHE_BITS)];
}

static uint32_t find(const struct wanted *w)
{
    struct rt__intern_key key = {
        .hash = rt__intern_hash(w->pc, w->name, w->len),
        .bytes = sizeof(struct site) + w->len + 1,
        .what = w,
        .is = is_site,
        .write = write_site,
    };
    return rt__intern(&sites, &key);
}

/* A name that was cut is not equal to what is kept, and is searched for each time. */
uint32_t rt__site(const char *name, const void *return_address)
{
    const char *text = name ? name : "";
    uintptr_t pc = return_address ? (uintptr_t)return_address - 1 : 0;
    uint32_t *word = cache_word(text, pc);
    uint32_t id = __atomic_load_n(word, __ATOMIC_ACQUIRE);
    const struct site *s = rt__intern_get(&sites, id);
    if (s && s->pc == pc && (s->literal == text || strcmp(s->name, text) == 0)) {
        return id;
    }
    id = find(&(struct wanted){pc, text, rt__text_cut(text, RT__SITE_NAME_MOST)});
    __atomic_store_n(word, id, __ATOMIC_RELEASE);
    return id;
}

const char *rt__site_name(uint32_t site)
{
    const struct site *s = rt__intern_get(&sites, site);
    return s ? s->name : "(too many names)";
}

uintptr_t rt__site_pc(uint32_t site)
{
    const struct site *s = rt__intern_get(&sites, site);
    return s ? s->pc : 0;
}

uint64_t rt__sites_lost(void)
{
    return __atomic_load_n(&sites.lost, __ATOMIC_RELAXED);
}

/* In UTF-8 the bytes of a character after its first are 10xxxxxx. */
size_t rt__text_cut(const char *text, size_t most)
{
    size_t len = strnlen(text, most + 1);
    if (len > most) {
        len = most;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    return len;
}
