/* h2o_interpose.c - are the allocations of the libraries counted, and not only the program's own?
 *
 * For each library one call that is known to allocate is made between two looks at the account,
 * and then what frees it again. A line `NAME: N mallocs, M frees` is printed for each. Capture is
 * easily lost without a sign (visibility, link order, as-needed), so each must count something.
 */
#include <fcntl.h>
#include <h2o.h>
#include <locale.h>
#include <malloc.h>
#include <netdb.h>
#include <openssl/crypto.h>
#include <regex.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <yajl/yajl_gen.h>
#include "check.h"

static struct rt_memstats before, after;
static void *kept;

/* ---- one allocation, one release each; `kept` carries over ------------------------------------------- */

static void strdup_it(void)
{
    kept = strdup("a string of some forty bytes, to be copied");
}

static void free_it(void)
{
    free(kept);
}

static void asprintf_it(void)
{
    char *text = NULL;
    if (asprintf(&text, "%s and %d", "text", 42) > 0) {
        kept = text;
    }
}

static void getline_it(void)
{
    char *line = NULL;
    size_t size = 0;
    FILE *f = fopen("/proc/self/status", "r");
    if (f) {
        CHECK(getline(&line, &size, f) > 0, "getline");
        fclose(f);
    }
    kept = line;
}

static void memstream_it(void)
{
    static char *text;
    static size_t length;
    FILE *f = open_memstream(&text, &length);
    fputs("some text", f);
    fclose(f);
    kept = text;
}

static void getaddrinfo_it(void)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *list = NULL;
    CHECK(getaddrinfo("127.0.0.1", "80", &hints, &list) == 0, "getaddrinfo");
    kept = list;
}

static void freeaddrinfo_it(void)
{
    freeaddrinfo(kept);
}

static void regcomp_it(void)
{
    static regex_t regex;
    CHECK(regcomp(&regex, "[a-z]+(x|y)*", REG_EXTENDED) == 0, "regcomp");
    kept = &regex;
}

static void regfree_it(void)
{
    regfree(kept);
}

static void h2o_pool_it(void)
{
    static h2o_mem_pool_t pool;
    h2o_mem_init_pool(&pool);
    kept = h2o_mem_alloc_pool(&pool, 64 * KiB);
    kept = &pool;
}

static void h2o_clear_it(void)
{
    h2o_mem_clear_pool(kept);
}

static void h2o_strdup_it(void)
{
    kept = h2o_strdup(NULL, "text", SIZE_MAX).base;
}

static void sqlite_malloc_it(void)
{
    kept = sqlite3_malloc(100);
}

static void sqlite_free_it(void)
{
    sqlite3_free(kept);
}

static void sqlite_open_it(void)
{
    sqlite3 *db = NULL;
    CHECK(sqlite3_open(":memory:", &db) == SQLITE_OK, "sqlite3_open");
    CHECK(sqlite3_exec(db, "CREATE TABLE t (a, b)", NULL, NULL, NULL) == SQLITE_OK, "sqlite3_exec");
    kept = db;
}

static void sqlite_close_it(void)
{
    sqlite3_close(kept);
}

static void yajl_it(void)
{
    yajl_gen g = yajl_gen_alloc(NULL);
    yajl_gen_array_open(g);
    yajl_gen_integer(g, 42);
    yajl_gen_array_close(g);
    kept = g;
}

static void yajl_free_it(void)
{
    yajl_gen_free(kept);
}

static void openssl_it(void)
{
    kept = OPENSSL_malloc(100);
}

static void openssl_free_it(void)
{
    OPENSSL_free(kept);
}

/* least: mallocs that the first call makes at least; exact: and no more. Balanced: as many frees. */
static const struct call {
    const char *name;
    void (*allocate)(void);
    void (*release)(void);
    uint64_t least;
    bool exact;
} calls[] = {
    {"libc strdup", strdup_it, free_it, 1, true},
    {"libc asprintf", asprintf_it, free_it, 1, false},
    {"libc fopen and getline", getline_it, free_it, 2, false},
    {"libc open_memstream", memstream_it, free_it, 2, false},
    {"libc getaddrinfo", getaddrinfo_it, freeaddrinfo_it, 1, false},
    {"libc regcomp", regcomp_it, regfree_it, 1, false},
    {"h2o pool", h2o_pool_it, h2o_clear_it, 1, false},
    {"h2o strdup", h2o_strdup_it, free_it, 1, true},
    {"sqlite malloc", sqlite_malloc_it, sqlite_free_it, 1, true},
    {"sqlite open", sqlite_open_it, sqlite_close_it, 10, false},
    {"yajl", yajl_it, yajl_free_it, 2, false},
    {"openssl malloc", openssl_it, openssl_free_it, 1, true},
};

static void try_call(const struct call *c)
{
    c->allocate(); /* the first time libraries allocate what they keep */
    c->release();
    rt_read_memstats(&before);
    c->allocate();
    rt_read_memstats(&after);
    uint64_t mallocs = after.Mallocs - before.Mallocs;
    CHECK(mallocs >= c->least && (!c->exact || mallocs == c->least), "%s: %" PRIu64 " mallocs counted, want %s%" PRIu64,
          c->name, mallocs, c->exact ? "" : "at least ", c->least);
    CHECK(after.HeapAlloc > before.HeapAlloc, "%s: HeapAlloc did not grow", c->name);
    c->release();
    rt_read_memstats(&after);
    printf("%s: %" PRIu64 " mallocs, %" PRIu64 " frees\n", c->name, after.Mallocs - before.Mallocs,
           after.Frees - before.Frees);
    CHECK_EQUAL(after.Mallocs - before.Mallocs, after.Frees - before.Frees, c->name);
    CHECK_EQUAL(after.HeapAlloc, before.HeapAlloc, c->name);
}

#define EARLY 1000u

static void *early[EARLY];

/* Before the runtime's own constructor: malloc has to work, and count, from zeroed state. */
static __attribute__((constructor(101))) void allocate_early(void)
{
    for (unsigned i = 0; i < EARLY; i++) {
        early[i] = strdup("early");
    }
}

static void check_early(void)
{
    rt_read_memstats(&before);
    CHECK(before.Mallocs >= EARLY && before.HeapObjects >= EARLY,
          "%" PRIu64 " mallocs before main, the program alone made %u", before.Mallocs, EARLY);
    for (unsigned i = 0; i < EARLY; i++) {
        free(early[i]);
    }
    rt_read_memstats(&after);
    CHECK_EQUAL(after.Frees - before.Frees, EARLY, "Frees of what was allocated before main");
}

int main(void)
{
    static char out[8192];
    setvbuf(stdout, out, _IOFBF, sizeof(out));
    check_early();
    for (unsigned i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        try_call(&calls[i]);
    }
    return check_done();
}
