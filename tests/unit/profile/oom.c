/* oom.c - writing a profile when memory runs out on the way: it is written whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>
#include "runtime/cruntime.h"
#include "tests/unit/profile/fake_symbols.h"

#ifdef RT_SANITIZE
static void a_profile_is_written_whole_or_not_at_all(void **state)
{
    (void)state;
    print_message("skipped: the sanitizer owns malloc\n");
    skip();
}
#else

#define BLOCK 65536
#define TRIES 100 /* the blocks, one more at each try, last for some 40 */

struct chain {
    struct chain *next;
};

static struct chain *exhaust(size_t size, struct chain *chain)
{
    struct chain *p;
    while ((p = malloc(size)) != NULL) {
        p->next = chain;
        chain = p;
    }
    return chain;
}

static struct chain *free_some(struct chain *chain, size_t n)
{
    while (chain && n-- > 0) {
        struct chain *next = chain->next;
        free(chain);
        chain = next;
    }
    return chain;
}

enum writing { PROTO, TEXT, GZIP, DIFFERENCE, WRITINGS };

/* Does one of the things that take memory; true when it says that it is whole. */
static bool write_one(enum writing what, const struct rt__profile *p, struct rt__bytes *out)
{
    struct rt__symbols session;
    struct rt__symbol_source source = fake_source(&session);
    struct rt__profile none, difference;
    switch (what) {
    case PROTO:
        rt__proto_write(p, &source, out);
        return !out->failed;
    case TEXT:
        rt__text_write(p, 1, &source, out);
        return !out->failed;
    case GZIP:
        return rt__gzip((const char *)p->samples, p->count * sizeof p->samples[0], out) == 0;
    default:
        rt__profile_begin(&none, p->kind);
        rt__profile_subtract(&difference, &none, p);
        if (!difference.failed)
            rt__bytes_add(out, difference.samples, difference.count * sizeof difference.samples[0]);
        bool is_whole = !difference.failed && !out->failed;
        rt__profile_release(&difference);
        return is_whole;
    }
}

/* Tries with more and more memory until it is enough. Blocks that were freed are of no use to a large text where crumbs
 * stand between them; then those go too, and in the end the limit. */
static void check(enum writing what, const struct rt__profile *p)
{
    struct rt__bytes want = {0}, got = {0};
    struct rlimit old, small;
    unsigned failures = 0;
    bool is_whole = false, is_right = false;
    assert_true(write_one(what, p, &want));
    assert_int_equal(getrlimit(RLIMIT_DATA, &old), 0);
    small = old;
    small.rlim_cur = 96 << 20;
    assert_int_equal(setrlimit(RLIMIT_DATA, &small), 0);
    struct chain *chain = exhaust(BLOCK, NULL);
    struct chain *crumbs = exhaust(64, exhaust(4096, NULL));
    for (size_t n = 1; !is_whole && n < TRIES; n++) {
        is_whole = write_one(what, p, &got);
        failures += !is_whole;
        is_right = is_whole && got.len == want.len && memcmp(got.data, want.data, want.len) == 0;
        rt__bytes_release(&got);
        if (chain) {
            chain = free_some(chain, n);
        } else if (crumbs) {
            crumbs = free_some(crumbs, SIZE_MAX);
        } else {
            setrlimit(RLIMIT_DATA, &old);
        }
    }
    free_some(chain, SIZE_MAX);
    free_some(crumbs, SIZE_MAX);
    setrlimit(RLIMIT_DATA, &old);
    rt__bytes_release(&want);
    assert_true(failures > 1);
    assert_true(is_whole);
    assert_true(is_right);
}

static void a_profile_is_written_whole_or_not_at_all(void **state)
{
    (void)state;
    struct rt__profile p;
    rt_set_mem_profile_rate(0); /* sampled blocks have memory of their own, which frees nothing for others */
    rt__profile_begin(&p, &thread_kind);
    for (uintptr_t i = 0; i < 20000; i++)
        assert_non_null(add_sample(&p, STACK(HELPER_A + i % 256, MAIN + i / 256, NOWHERE + i), VALUES(1)));
    for (enum writing what = PROTO; what < WRITINGS; what++)
        check(what, &p);
    rt__profile_release(&p);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_is_written_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
