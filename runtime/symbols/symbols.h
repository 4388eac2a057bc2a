/* symbols.h - from addresses to functions, files and lines, inlined frames included, of this process or another.
 *
 * By libdw, from the objects that are loaded and their debug information. A session is opened for one profile and
 * closed after it, so that no file stays open in between; what it found out is kept, up to some megabytes, for the next
 * one, until something is loaded or unloaded. Allocates, reads files and takes locks: never from inside malloc or a
 * signal handler. A session is used by one thread; sessions wait for each other.
 */
#ifndef RT_SYMBOLS_SYMBOLS_H
#define RT_SYMBOLS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct rt__symbols;

/* One function at an address: an address in inlined code has several, the innermost first. Strings are
 * the session's. */
struct rt__symbol {
    const char *name;    /* never NULL. "libsqlite3+0x5a3f0" (object and start of the function, by its frame
                          * information) when the object has no name for it, "[vdso]+0x..." */
    const char *file;    /* NULL when unknown */
    uint32_t line;       /* of the address (or of the call of what is inlined into it); 0 unknown */
    uint32_t start_line; /* of the function's definition; 0 unknown */
    bool is_runtime;     /* one of libcruntime's own functions, malloc and its family included */
};

/* A loaded object, as /proc/self/maps has its code. */
struct rt__mapping {
    uint64_t start, limit, offset;
    const char *file;
    const char *build_id; /* hex; "" when it has none */
};

/* NULL when there is no memory. Objects that cannot be read are passed over; their addresses get made-up names. */
struct rt__symbols *rt__symbols_open(void);
/* Of another process, by its maps and the files that they name: nothing of its memory is read, and nothing is asked of
 * it. NULL when it may not be looked at, too. */
struct rt__symbols *rt__symbols_open_of(pid_t pid);
void rt__symbols_close(struct rt__symbols *s);

/* Fills out with up to max functions at the address and returns how many, at least 1 (when max is). */
size_t rt__symbols_find(struct rt__symbols *s, uintptr_t pc, struct rt__symbol *out, size_t max);
/* Start of the function that the address is in (not of what is inlined there); pc itself when unknown. */
uintptr_t rt__symbols_function_start(struct rt__symbols *s, uintptr_t pc);

/* All mappings with code, lowest first, the program's own moved to the front (pprof takes the first one for it). */
const struct rt__mapping *rt__symbols_mappings(struct rt__symbols *s, size_t *n);

#endif
