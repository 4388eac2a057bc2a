/* roots.c - from where does a reference keep a managed object alive?
 *
 *     roots [OBJECTS [ROUNDS]]        default 200 3
 *
 * For each place OBJECTS small objects are made whose only references lie there. Then cycles run
 * and the same sizes are allocated and filled over and over, so that an object that the collector
 * gave up is overwritten. At the end every object must hold what was written into it, or, for the
 * controls, must have been found dead: a test of roots that cannot see a lost object says nothing.
 * A line `PLACE: kept` or `PLACE: lost` is printed for each.
 *
 * Where the contract (cruntime.h) says nothing of a place, here `__thread` variables, the line
 * alone documents what this platform does; the test that reads it says what is expected.
 */
#include <sys/mman.h>
#include "check.h"

#define OBJECTS_MAX 1000u
#define OBJECT_BYTES 96u
#define INTERIOR 40u /* somewhere inside */

struct object {
    uint64_t place, index, check;
    uint64_t rest[OBJECT_BYTES / 8 - 3];
};

/* A hidden pointer is kept in the clear nowhere but in the place under test; the verifier, who has
 * to find the objects again, reads it from there. */
struct table {
    void *p[OBJECTS_MAX];
};

static unsigned objects, rounds;
static uint64_t place_now;

/* ---- objects ---------------------------------------------------------------------------------------- */

static NOINLINE void fill(struct object *o, unsigned i)
{
    o->place = place_now;
    o->index = i;
    o->check = place_now * 1000003u + i;
    memset(o->rest, 0x5A, sizeof(o->rest));
}

static bool intact(const struct object *o, unsigned i)
{
    return o->place == place_now && o->index == i && o->check == place_now * 1000003u + i &&
           o->rest[0] == 0x5A5A5A5A5A5A5A5Aull && o->rest[OBJECT_BYTES / 8 - 4] == 0x5A5A5A5A5A5A5A5Aull;
}

/* shift: where in the object the kept reference points. */
static NOINLINE void make_objects(struct table *t, size_t shift)
{
    for (unsigned i = 0; i < objects; i++) {
        struct object *o = rt_alloc(sizeof(*o));
        fill(o, i);
        t->p[i] = (char *)o + shift;
    }
}

static NOINLINE unsigned count_lost(const struct table *t, size_t shift)
{
    unsigned lost = 0;
    for (unsigned i = 0; i < objects; i++) {
        lost += !intact((const struct object *)((const char *)t->p[i] - shift), i);
    }
    return lost;
}

/* Overwrites the stack that earlier calls left behind, where a stale reference could lie. */
static NOINLINE void wipe_stack(void)
{
    volatile char trash[64 * KiB];
    for (size_t i = 0; i < sizeof(trash); i++) {
        trash[i] = 0;
    }
}

static NOINLINE void churn(void)
{
    for (unsigned round = 0; round < rounds; round++) {
        wipe_stack();
        rt_gc();
        for (unsigned i = 0; i < 4 * objects + 2000; i++) {
            memset(rt_alloc(OBJECT_BYTES), 0xEE, OBJECT_BYTES);
            memset(rt_alloc_atomic(OBJECT_BYTES), 0xEE, OBJECT_BYTES);
        }
    }
    wipe_stack();
}

static uint64_t live_objects(void)
{
    static struct rt_memstats m;
    rt_gc();
    rt_read_memstats(&m);
    return m.HeapObjects;
}

/* Dead objects that may count as live: stray words keep some, and libgc marks what is left on the
 * thread's free list of this size, at most a block of 4 KiB. */
static uint64_t explained(void)
{
    return objects / 10 + 4096 / OBJECT_BYTES;
}

static void tell(const char *place, unsigned lost, bool promised)
{
    printf("%s: %s\n", place, lost ? "lost" : "kept");
    CHECK(!promised || lost == 0, "%s: %u of %u objects were lost", place, lost, objects);
    place_now++;
}

/* ---- places ----------------------------------------------------------------------------------------- */

static struct table static_table;
static __thread struct table tls_table;

static NOINLINE void try_table(const char *place, struct table *t, size_t shift, bool promised)
{
    make_objects(t, shift);
    churn();
    unsigned lost = count_lost(t, shift);
    memset(t, 0, sizeof(*t));
    tell(place, lost, promised);
}

static NOINLINE void try_stack(const char *place)
{
    struct table t;
    memset(&t, 0, sizeof(t));
    try_table(place, &t, 0, true);
}

static NOINLINE void try_list(void)
{
    struct node {
        struct node *next;
        struct object *o;
    };
    static struct node *head;
    for (unsigned i = 0; i < objects; i++) {
        struct node *n = rt_alloc(sizeof(*n));
        n->o = rt_alloc(sizeof(*n->o));
        fill(n->o, i);
        n->next = head;
        head = n;
    }
    churn();
    unsigned lost = 0, i = objects;
    for (struct node *n = head; n; n = n->next) {
        lost += !intact(n->o, --i);
    }
    head = NULL;
    CHECK(i == 0, "a managed list lost its links");
    tell("managed list", lost, true);
}

static NOINLINE void try_mapped(void)
{
    struct table *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    rt_add_roots(t, t + 1);
    try_table("rt_add_roots", t, 0, true);
}

static NOINLINE void make_in_scope(struct rt_scope *s, struct table *hidden)
{
    for (unsigned i = 0; i < objects; i++) {
        struct object *o = rt_scope_alloc(s, sizeof(*o));
        fill(o, i);
        hidden->p[i] = (void *)~(uintptr_t)o; /* not a reference: the scope alone has them */
    }
}

static NOINLINE unsigned count_lost_hidden(const struct table *hidden)
{
    unsigned lost = 0;
    for (unsigned i = 0; i < objects; i++) {
        lost += !intact((const struct object *)~(uintptr_t)hidden->p[i], i);
    }
    return lost;
}

static NOINLINE void try_scope(void)
{
    static struct table hidden;
    struct rt_scope *s = rt_scope_begin();
    make_in_scope(s, &hidden);
    churn();
    unsigned lost = count_lost_hidden(&hidden);
    tell("scope", lost, true);
    uint64_t before = live_objects();
    rt_scope_end(s);
    wipe_stack();
    uint64_t dead = before - live_objects();
    CHECK(!check_is_boehm() || dead + explained() >= objects, "an ended scope let go of %" PRIu64 " objects of %u",
          dead, objects);
}

static NOINLINE void make_scope_in(void *kept_in_malloc)
{
    static struct table hidden;
    struct rt_scope *s = rt_scope_begin();
    make_in_scope(s, &hidden);
    memcpy(kept_in_malloc, &s, sizeof(s));
}

/* The scope itself is remembered only where no collector looks: scopes are roots of their own. */
static NOINLINE void try_scope_in_malloc(void)
{
    static struct table hidden;
    void *kept = malloc(sizeof(struct rt_scope *));
    struct rt_scope *s;
    make_scope_in(kept);
    memcpy(&s, kept, sizeof(s));
    make_in_scope(s, &hidden);
    s = NULL;
    churn();
    unsigned lost = count_lost_hidden(&hidden);
    memcpy(&s, kept, sizeof(s));
    rt_scope_end(s);
    free(kept);
    tell("scope that only malloc'd memory knows", lost, true);
}

static NOINLINE void put_items(struct rt_pool *pool)
{
    for (unsigned i = 0; i < objects; i++) {
        struct object **item = rt_alloc(sizeof(*item));
        *item = rt_alloc(sizeof(**item));
        fill(*item, i);
        rt_pool_put(pool, item);
    }
}

static NOINLINE void try_pool(void)
{
    static struct table found;
    struct rt_pool *pool = rt_pool_new(NULL, NULL);
    unsigned lost = 0, got = 0;
    struct object **item;
    put_items(pool);
    wipe_stack();
    rt_gc(); /* one cycle: the items are victims now, and still there */
    while ((item = rt_pool_get(pool)) != NULL) {
        uint64_t i = (*item)->index;
        lost += i >= objects || !intact(*item, (unsigned)i) || found.p[i];
        if (i < objects) {
            found.p[i] = item;
        }
        got++;
    }
    memset(&found, 0, sizeof(found));
    rt_pool_free(pool);
    CHECK(check_is_tortured() || got == objects, "%u of %u pool items came back after one cycle", got, objects);
    tell("pool item", lost, true);
}

/* ---- threads ------------------------------------------------------------------------------------------ */

static pthread_barrier_t barrier;
static unsigned thread_lost;

static NOINLINE void wait_for_churn(struct table *t)
{
    make_objects(t, 0);
    wipe_stack();
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    thread_lost = count_lost(t, 0);
    memset(t, 0, sizeof(*t));
}

static void *on_own_stack(void *arg)
{
    struct table t;
    (void)arg;
    memset(&t, 0, sizeof(t));
    wait_for_churn(&t);
    return NULL;
}

static void *in_own_tls(void *arg)
{
    (void)arg;
    wait_for_churn(&tls_table);
    return NULL;
}

static void try_thread(const char *place, void *(*fn)(void *), bool by_runtime, bool promised)
{
    pthread_t id;
    int error = by_runtime ? rt_thread_start(&id, NULL, "roots", fn, NULL) : pthread_create(&id, NULL, fn, NULL);
    if (error) {
        check_failed("%s: no thread: %d", place, error);
        return;
    }
    pthread_barrier_wait(&barrier);
    churn();
    pthread_barrier_wait(&barrier);
    pthread_join(id, NULL);
    tell(place, thread_lost, promised);
}

/* ---- controls ------------------------------------------------------------------------------------------ */

static NOINLINE void make_in_malloc(struct table *t)
{
    make_objects(t, 0);
}

static void control(const char *place, struct table *t)
{
    uint64_t before = live_objects();
    make_in_malloc(t);
    wipe_stack();
    uint64_t kept = live_objects() - before;
    CHECK(!check_is_boehm() || (int64_t)kept <= (int64_t)explained(),
          "%s: %" PRIu64 " of %u objects still count as live, so this program cannot see a lost one", place, kept,
          objects);
    churn();
    unsigned lost = count_lost(t, 0);
    tell(place, lost, false);
    CHECK(!check_is_boehm() || lost >= objects / 2, "%s: only %u of %u dead objects were used again", place, lost,
          objects);
}

static void *control_in_thread(void *arg)
{
    control("malloc'd memory", arg);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t id;
    objects = (unsigned)check_number(argc, argv, 1, 200);
    rounds = (unsigned)check_number(argc, argv, 2, 3);
    if (objects > OBJECTS_MAX) {
        return 1;
    }
    place_now = 1;
    pthread_barrier_init(&barrier, NULL, 2);
    try_stack("stack");
    try_table("static data", &static_table, 0, true);
    try_table("interior pointers", &static_table, INTERIOR, true);
    try_table("pointers to the last byte", &static_table, OBJECT_BYTES - 1, true);
    try_list();
    try_mapped();
    try_scope();
    try_scope_in_malloc();
    try_pool();
    try_thread("stack of an rt_thread_start thread", on_own_stack, true, true);
    try_thread("stack of a pthread_create thread that allocated", on_own_stack, false, true);
    try_thread("__thread of an rt_thread_start thread", in_own_tls, true, false);
    try_thread("__thread of a pthread_create thread that allocated", in_own_tls, false, false);
    try_table("__thread of the main thread", &tls_table, 0, false);
    struct table *t = calloc(1, sizeof(*t));
    rt_thread_start(&id, NULL, "control", control_in_thread, t); /* on a stack without a past */
    pthread_join(id, NULL);
    free(t);
    return check_done();
}
