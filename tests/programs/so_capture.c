/* so_capture.c - the runtime as a shared library: does it take the process's mallocs there too?
 *
 * Linked against libcruntime.so instead of the objects. Capture then rests on the order in which
 * ld.so looks for malloc, TLS on the initial-exec model, and the knobs on the library's own
 * constructor; all three can break without a sign in the static build.
 */
#include <malloc.h>
#include "check.h"

static struct rt_memstats before, after;

static void *in_thread(void *arg)
{
    void **kept = arg;
    kept[0] = malloc(1000);
    kept[1] = rt_alloc(1000);
    memset(kept[1], 0x77, 1000);
    return NULL;
}

#define EARLY 1000u

static void *early[EARLY];

/* Before the runtime's own constructor: malloc has to work, and count, from zeroed state. */
static __attribute__((constructor(101))) void allocate_early(void)
{
    for (unsigned i = 0; i < EARLY; i++) {
        early[i] = malloc(100);
    }
}

static void check_counts(void)
{
    rt_read_memstats(&before);
    CHECK(before.Mallocs >= EARLY && before.HeapObjects >= EARLY,
          "%" PRIu64 " mallocs before main, the program alone made %u", before.Mallocs, EARLY);
    for (unsigned i = 0; i < EARLY; i++) {
        free(early[i]);
    }
    rt_read_memstats(&after);
    CHECK_EQUAL(after.Frees - before.Frees, EARLY, "Frees of what was allocated before main");
    before = after;
    char *text = strdup("libc's caller");
    void *block = malloc(5000);
    rt_read_memstats(&after);
    CHECK_EQUAL(after.Mallocs - before.Mallocs, 2, "Mallocs after strdup and malloc");
    CHECK_EQUAL(after.HeapAlloc - before.HeapAlloc, malloc_usable_size(text) + malloc_usable_size(block), "HeapAlloc");
    free(text);
    free(block);
    rt_read_memstats(&after);
    CHECK_EQUAL(after.Frees - before.Frees, 2, "Frees");
    CHECK_EQUAL(after.HeapAlloc, before.HeapAlloc, "HeapAlloc when all is freed");
    check_identities(&after);
}

int main(void)
{
    static void *kept[2]; /* static data of a program beside a shared runtime: a root all the same */
    pthread_t id;
    check_counts();
    CHECK(rt_thread_start(&id, NULL, "so", in_thread, kept) == 0, "rt_thread_start");
    pthread_join(id, NULL);
    rt_gc();
    rt_gc();
    for (unsigned i = 0; i < 1000; i++) {
        memset(rt_alloc(1000), 0xEE, 1000);
    }
    const unsigned char *object = kept[1];
    CHECK(object[0] == 0x77 && object[999] == 0x77, "an object known to static data was lost");
    free(kept[0]);
    rt_free(kept[1]);
    printf("%s, %d procs, gc percent %d\n", rt_allocator(), rt_max_procs(), rt_set_gc_percent(100));
    return check_done();
}
