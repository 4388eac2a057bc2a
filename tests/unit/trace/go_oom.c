/* go_oom.c - writing a trace when memory runs out on the way: it is whole, or the out says that it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "go_decode.h"
#include "moments.h"
#include "runtime/cruntime.h"

#ifdef RT_SANITIZE
static void a_trace_is_whole_or_says_that_it_is_not(void **state)
{
    (void)state;
    print_message("skipped: the sanitizer owns malloc\n");
    skip();
}
#else

#define BLOCK 32768

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
    while (chain != NULL && n-- > 0) {
        struct chain *next = chain->next;
        free(chain);
        chain = next;
    }
    return chain;
}

/* Into the file, from its begin; 0 or what the out says, -ENOMEM also when there was no writer. */
static int write_one(int fd, uint64_t *written)
{
    if (ftruncate(fd, 0) != 0 || lseek(fd, 0, SEEK_SET) != 0)
        return -errno;
    struct rt__out out;
    rt__out_begin(&out, fd);
    struct rt__writer *w =
        rt__go_writer_new(&(struct rt__writing){.out = &out, .find = made_up_places, .from_ns = FROM, .procs = 4});
    if (w != NULL) {
        tell_random(w, 5, 20000);
        w->free(w);
    }
    int error = rt__out_end(&out);
    *written = out.written;
    return w != NULL ? error : -ENOMEM;
}

static unsigned lines_of(int fd, uint64_t len)
{
    void *bytes = malloc(len);
    assert_int_equal(pread(fd, bytes, len, 0), len);
    struct decoded *d = decode_trace(bytes, len);
    unsigned lines = 0;
    for (const char *at = d->text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    decoded_free(d);
    free(bytes);
    return lines;
}

/* Tries with more and more memory until it is enough. */
static void a_trace_is_whole_or_says_that_it_is_not(void **state)
{
    (void)state;
    rt_set_mem_profile_rate(0); /* sampled blocks have memory of their own, which frees nothing for others */
    int fd = memfd_create("trace", 0);
    uint64_t written = 0;
    assert_int_equal(write_one(fd, &written), 0);
    unsigned want = lines_of(fd, written), failures = 0;
    int error = -1;
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_DATA, &old), 0);
    small = old;
    small.rlim_cur = 96 << 20;
    assert_int_equal(setrlimit(RLIMIT_DATA, &small), 0);
    struct chain *chain = exhaust(BLOCK, NULL);
    struct chain *crumbs = exhaust(64, exhaust(512, exhaust(4096, NULL)));
    bool only_enomem = true;
    while (chain != NULL && error != 0) {
        error = write_one(fd, &written);
        failures += error != 0;
        only_enomem = only_enomem && (error == 0 || error == -ENOMEM);
        crumbs = free_some(crumbs, 8);
        chain = free_some(chain, 1);
    }
    free_some(chain, SIZE_MAX);
    free_some(crumbs, SIZE_MAX);
    setrlimit(RLIMIT_DATA, &old);
    assert_int_equal(error, 0);
    assert_true(only_enomem);
    assert_true(failures > 1);
    assert_int_equal(lines_of(fd, written), want);
    close(fd);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_is_whole_or_says_that_it_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
