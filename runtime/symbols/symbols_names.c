/* symbols_names.c - what a function is called where there is no debug information.
 *
 * Distributions strip their libraries: what is left are the exported names, and the frame information that
 * exceptions need. A name counts only for what its symbol covers. The static function behind it would otherwise
 * go under the name of whatever exported one precedes it, which is the classic lie of profiles. Such a function is
 * known by where it begins, as its frame information says, so that all its addresses come out as one.
 */
#include "runtime/symbols/symbols_parts.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

struct name {
    uintptr_t start, end; /* end: of the section when the symbol has no size */
    uintptr_t reach;      /* the highest end up to here, so that a search knows when to stop */
    const char *name;
    bool has_size, is_global;
};

struct rt__names {
    struct name *at; /* by start; of several at one address the best one last */
    size_t count, room;
};

/* ---- the symbol table ---- */

static size_t leading_underscores(const char *name)
{
    return strspn(name, "_");
}

/* One function often has several names (memcpy, __memcpy, ...): the best is what a program would call. */
static int by_start_and_merit(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    if (x->start != y->start) {
        return x->start < y->start ? -1 : 1;
    }
    if (x->is_global != y->is_global) {
        return x->is_global ? 1 : -1;
    }
    size_t x_lines = leading_underscores(x->name), y_lines = leading_underscores(y->name);
    if (x_lines != y_lines) {
        return x_lines < y_lines ? 1 : -1;
    }
    return -strcmp(x->name, y->name);
}

/* Assembler's labels have neither type nor size: they count within the code that they are in. */
static bool ends_with_its_section(const struct rt__object *o, Elf *elf, GElf_Word section, struct name *n)
{
    GElf_Shdr header;
    Elf_Scn *scn = elf_getscn(elf, section);
    if (scn == NULL || gelf_getshdr(scn, &header) == NULL || !(header.sh_flags & SHF_EXECINSTR)) {
        return false;
    }
    n->end = o->bias + header.sh_addr + header.sh_size;
    return n->start < n->end;
}

static bool take_symbol(const struct rt__object *o, int index, struct name *n)
{
    GElf_Sym symbol;
    GElf_Addr address;
    GElf_Word section;
    Elf *elf;
    const char *name = dwfl_module_getsym_info(o->module, index, &symbol, &address, &section, &elf, NULL);
    if (name == NULL || name[0] == '\0' || section == SHN_UNDEF || section == (GElf_Word)-1) {
        return false;
    }
    int type = GELF_ST_TYPE(symbol.st_info);
    bool is_function = type == STT_FUNC || type == STT_GNU_IFUNC;
    if (!is_function && type != STT_NOTYPE) {
        return false;
    }
    *n = (struct name){address, address + symbol.st_size, 0,
                       name,    symbol.st_size > 0,       GELF_ST_BIND(symbol.st_info) != STB_LOCAL};
    return (is_function && n->has_size) || (!n->has_size && ends_with_its_section(o, elf, section, n));
}

static void read_names(const struct rt__object *o, struct rt__names *names)
{
    int count = dwfl_module_getsymtab(o->module);
    for (int i = 1; i < count; i++) {
        struct name *at = rt__array_grown(names->at, names->count, &names->room, sizeof *at);
        if (at == NULL) {
            break;
        }
        names->at = at;
        names->count += take_symbol(o, i, &at[names->count]);
    }
    if (names->count > 0) {
        qsort(names->at, names->count, sizeof *names->at, by_start_and_merit);
    }
    uintptr_t reach = 0;
    for (size_t i = 0; i < names->count; i++) {
        reach = names->at[i].end > reach ? names->at[i].end : reach;
        names->at[i].reach = reach;
    }
}

static const struct rt__names *names_of(struct rt__object *o)
{
    if (!o->names_sought) {
        o->names_sought = true;
        o->names = rt__image_open(o) ? calloc(1, sizeof *o->names) : NULL;
        if (o->names != NULL) {
            read_names(o, o->names);
        }
    }
    return o->names;
}

void rt__names_release(struct rt__names *n)
{
    if (n != NULL) {
        free(n->at);
        free(n);
    }
}

/* How many begin at or before the address. */
static size_t count_up_to(const struct rt__names *names, uintptr_t address)
{
    size_t low = 0, high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (names->at[middle].start <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static const struct name *covering(const struct rt__names *names, uintptr_t pc)
{
    for (size_t i = count_up_to(names, pc); i > 0 && names->at[i - 1].reach > pc; i--) {
        if (names->at[i - 1].has_size && names->at[i - 1].end > pc) {
            return &names->at[i - 1];
        }
    }
    return NULL;
}

/* A label without a size, where the function begins that the address is in: by the frame information, or, where there
 * is none, because nothing else begins in between. */
static const struct name *label_before(struct rt__object *o, const struct rt__names *names, uintptr_t pc)
{
    uintptr_t start = rt__frame_function(o, pc);
    size_t n = count_up_to(names, start != 0 ? start : pc);
    const struct name *last = n > 0 ? &names->at[n - 1] : NULL;
    bool agrees = last != NULL && !last->has_size && last->end > pc && (start == 0 || last->start == start);
    return agrees ? last : NULL;
}

const char *rt__names_find(struct rt__object *o, uintptr_t pc, uintptr_t *start)
{
    const struct rt__names *names = names_of(o);
    const struct name *found = names != NULL ? covering(names, pc) : NULL;
    if (names != NULL && found == NULL) {
        found = label_before(o, names, pc);
    }
    if (found == NULL) {
        return NULL;
    }
    *start = found->start;
    return found->name;
}

/* ---- the runtime's own ---- */

static bool begins_with(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

bool rt__name_is_runtime(const struct rt__object *o, const char *name, bool has_source)
{
    static const char *const family[] = {"malloc",        "calloc",         "realloc",  "free",
                                         "reallocarray",  "posix_memalign", "memalign", "valloc",
                                         "aligned_alloc", "pvalloc",        "cfree",    "malloc_usable_size"};
    if (o->is_heap) {
        return true;
    }
    if (!o->is_own) {
        return false;
    }
    /* The heaps, linked statically. */
    if (begins_with(name, "mi_") || begins_with(name, "_mi_") || begins_with(name, "GC_")) {
        return true;
    }
    bool is_family = false;
    for (size_t i = 0; i < sizeof family / sizeof family[0]; i++) {
        is_family |= strcmp(name, family[i]) == 0;
    }
    /* Where the source is known, that has decided. */
    return !has_source && (is_family || begins_with(name, "rt_"));
}
