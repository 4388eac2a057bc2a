/* places.c - where a reference of a moment is in the program, for both writers.
 *
 * A trace has few addresses and many events, so each address is looked up once and kept, with strings of our own: a
 * session of symbols lasts for a second of lookups only (rt__places_rest). Sessions wait for each other, and one that
 * was held as long as a trace would hold up every profile, for ever that of the thread that is to stop the trace.
 *
 * A stack is shown from the program's point of view. Its outermost frames are libc's and the runtime's ways into a
 * thread's function, by frame if the function is known, else by name; its innermost ones are the runtime's. Go
 * names a thread after the outermost frame, so the thread's function stands there even when the stack was too deep to
 * reach it, or when it has left by a tail call.
 *
 * Allocates, and must never run while recording.
 */
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/os/os.h"
#include "runtime/symbols/symbols.h"
#include "runtime/trace/sites.h"
#include "runtime/trace/writers.h"

#define STACK_MOST 128  /* addresses of a stack; the recorder keeps fewer */
#define INLINE_MOST 32u /* functions at one address; symbols/ tells no more apart */

/* The first address of libc that no session has known takes 0.2 s where libc has debug information, and a writer meets
 * new addresses one by one: with a session for each it would be late. A profile, which has to wait so long, takes as
 * long itself. */
#define SESSION_LEAST_NS UINT64_C(1000000000)

/* One function at an address. */
struct function {
    const char *name, *file; /* of strings */
    uint32_t line, start_line;
    bool is_runtime;
};

struct address {
    uintptr_t pc;    /* the key: first */
    uintptr_t start; /* of the function that is not inlined */
    uint32_t n;      /* at least 1 */
    struct function functions[];
};

struct rt__places {
    struct rt__symbols *symbols; /* NULL: at rest */
    uint64_t opened_ns;
    void *addresses, *strings; /* trees of tsearch */
};

struct rt__places *rt__places_new(void)
{
    return calloc(1, sizeof(struct rt__places));
}

static void close_session(struct rt__places *p)
{
    rt__symbols_close(p->symbols);
    p->symbols = NULL;
}

bool rt__places_rest(struct rt__places *p)
{
    if (p->symbols && rt__os_now_ns() - p->opened_ns >= SESSION_LEAST_NS) {
        close_session(p);
    }
    return !p->symbols;
}

void rt__places_free(struct rt__places *p)
{
    if (p) {
        close_session(p);
        tdestroy(p->addresses, free);
        tdestroy(p->strings, free);
        free(p);
    }
}

/* ---- one address --------------------------------------------------------------------------------- */

static int compare_strings(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int compare_addresses(const void *a, const void *b)
{
    uintptr_t left = *(const uintptr_t *)a, right = *(const uintptr_t *)b;
    return (left > right) - (left < right);
}

/* A copy that lives as long as the places: the same for equal texts. When there is no memory it is "?". */
static const char *keep_string(struct rt__places *p, const char *text)
{
    char **found = tfind(text, &p->strings, compare_strings);
    if (found) {
        return *found;
    }
    char *copy = strdup(text);
    if (copy && !tsearch(copy, &p->strings, compare_strings)) {
        free(copy);
        copy = NULL;
    }
    return copy ? copy : "?";
}

/* Without a session an address is its number. */
static size_t look_up(struct rt__places *p, uintptr_t pc, struct rt__symbol *found, char number[32])
{
    if (!p->symbols) {
        p->symbols = rt__symbols_open();
        p->opened_ns = rt__os_now_ns();
    }
    if (p->symbols) {
        return rt__symbols_find(p->symbols, pc, found, INLINE_MOST);
    }
    snprintf(number, 32, "0x%" PRIxPTR, pc);
    found[0] = (struct rt__symbol){.name = number};
    return 1;
}

static struct address *new_address(struct rt__places *p, uintptr_t pc)
{
    struct rt__symbol found[INLINE_MOST];
    char number[32];
    size_t n = look_up(p, pc, found, number);
    struct address *a = malloc(sizeof(*a) + n * sizeof(a->functions[0]));
    if (!a) {
        return NULL;
    }
    a->pc = pc;
    a->start = p->symbols ? rt__symbols_function_start(p->symbols, pc) : pc;
    a->n = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        a->functions[i] = (struct function){
            .name = keep_string(p, found[i].name),
            .file = found[i].file ? keep_string(p, found[i].file) : "",
            .line = found[i].line,
            .start_line = found[i].start_line,
            .is_runtime = found[i].is_runtime,
        };
    }
    return a;
}

/* NULL when there is no memory. */
static const struct address *find_address(struct rt__places *p, uintptr_t pc)
{
    struct address **known = tfind(&pc, &p->addresses, compare_addresses);
    if (known) {
        return *known;
    }
    struct address *a = new_address(p, pc);
    if (a && !tsearch(a, &p->addresses, compare_addresses)) {
        free(a);
        a = NULL;
    }
    return a;
}

static const struct function *outermost(const struct address *a)
{
    return &a->functions[a->n - 1];
}

/* ---- the way into a thread's function ------------------------------------------------------------ */

/* Without debug information the functions of libc (and of sanitizers, which begin threads too) that are not exported
 * have names made up from the library's. */
static bool is_nameless_of_libc(const char *name)
{
    static const char *const made_up[] = {"libc+",    "libc-2.",  "libpthread+", "libpthread-2.",
                                          "ld-musl-", "libasan+", "libtsan+"};
    for (size_t i = 0; i < sizeof(made_up) / sizeof(made_up[0]); i++) {
        if (strncmp(name, made_up[i], strlen(made_up[i])) == 0 && strstr(name, "+0x")) {
            return true;
        }
    }
    return false;
}

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(name, *names) != 0) {
        names++;
    }
    return *names != NULL;
}

/* The program's functions may have any name; of the runtime's two, `run` is rt_thread_start's. */
static bool is_way_in(const struct address *a)
{
    static const char *const of_libc[] = {"_start",
                                          "__libc_start_main",
                                          "__libc_start_main_impl",
                                          "clone",
                                          "__libc_start_call_main",
                                          "__clone",
                                          "clone3",
                                          "__clone3",
                                          "__clone_internal",
                                          "start_thread",
                                          "asan_thread_start",
                                          "__tsan_thread_start_func",
                                          NULL};
    static const char *const of_runtime[] = {"rt__launch_run", "run", NULL};
    const struct function *f = outermost(a);
    return is_one_of(f->name, f->is_runtime ? of_runtime : of_libc) || is_nameless_of_libc(f->name);
}

/* Compilers move what is rarely run out of a function, to where it looks like another one. */
static bool is_function(const struct address *a, const struct address *start)
{
    const struct function *f = outermost(a), *g = outermost(start);
    return a->start == start->start || (f->name == g->name && f->file == g->file && f->start_line == g->start_line);
}

/* How many of the n addresses are left when what is outside of the thread's function goes. */
static size_t without_way_in(const struct address *const *stack, size_t n, const struct address *start)
{
    for (size_t i = n; start && i > 0; i--) {
        if (is_function(stack[i - 1], start)) {
            return i;
        }
    }
    size_t left = n;
    while (left > 0 && is_way_in(stack[left - 1])) {
        left--;
    }
    return left > 0 ? left : n;
}

/* ---- a reference --------------------------------------------------------------------------------- */

static size_t addresses_of(struct rt__places *p, const struct rt__timeline *tl, uint32_t ref,
                           const struct address **stack)
{
    uintptr_t pcs[STACK_MOST];
    size_t depth = 1, n = 0;
    if (ref & RT__REF_SITE) {
        pcs[0] = rt__site_pc(ref & ~RT__REF_SITE);
    } else if (ref & RT__REF_PC) {
        pcs[0] = rt__timeline_pc(tl, ref);
    } else {
        depth = rt__stack_frames(ref, pcs, STACK_MOST);
    }
    for (size_t i = 0; i < depth; i++) {
        const struct address *a = pcs[i] ? find_address(p, pcs[i]) : NULL;
        if (a) {
            stack[n++] = a;
        }
    }
    return n;
}

static struct rt__place place_of(const struct address *a, const struct function *f)
{
    return (struct rt__place){.pc = a->pc, .function = f->name, .file = f->file, .line = f->line};
}

/* With and without the runtime's innermost functions. */
static size_t places_of(const struct address *const *stack, size_t n, bool drops_runtime, struct rt__place *out,
                        size_t max)
{
    size_t count = 0;
    bool is_inside = drops_runtime;
    for (size_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < stack[i]->n && count < max; k++) {
            const struct function *f = &stack[i]->functions[k];
            is_inside = is_inside && f->is_runtime;
            if (!is_inside) {
                out[count++] = place_of(stack[i], f);
            }
        }
    }
    return count;
}

/* The thread's function, by its first line: no call is known. */
static struct rt__place place_of_start(const struct address *start)
{
    struct rt__place place = place_of(start, outermost(start));
    uint32_t start_line = outermost(start)->start_line;
    place.line = start_line ? start_line : place.line;
    return place;
}

size_t rt__places_find(struct rt__places *p, const struct rt__timeline *tl, uint32_t ref, uintptr_t start_fn,
                       struct rt__place *out, size_t max)
{
    const struct address *stack[STACK_MOST];
    const struct address *start = start_fn && !(ref & RT__REF_SITE) ? find_address(p, start_fn) : NULL;
    size_t n = without_way_in(stack, addresses_of(p, tl, ref, stack), start);
    /* A thread of the runtime's own is called by its function when there is nothing else to call it by. */
    bool ends_in_start = start && max > 0 && (n == 0 || !outermost(start)->is_runtime);
    size_t count = places_of(stack, n, true, out, max);
    if (count == 0 && !ends_in_start) {
        count = places_of(stack, n, false, out, max);
    }
    if (ends_in_start && (count == 0 || out[count - 1].function != outermost(start)->name)) {
        count -= count == max;
        out[count++] = place_of_start(start);
    }
    return count;
}
