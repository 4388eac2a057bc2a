/* symbols_debug.c - functions, inlined calls and lines at an address, by DWARF.
 *
 * Three steps, each from a sorted table: the unit (source file) that the address is in, the function in that
 * unit, and down from the function the calls that were inlined there. The tables are made here, of the units'
 * own ranges at the first address in an object and of the functions' at the first address in a unit:
 * .debug_aranges, which libdw would use, is not written by every compiler, and dwarf_getscopes reads a
 * whole unit for each address.
 *
 * The innermost function's line is the line table's; that of each one around it is where it calls the next.
 */
#include "runtime/symbols/symbols_parts.h"

#include <dwarf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The source file that this one is, below the folder that is looked for. */
#define OWN_SOURCE "runtime/symbols/symbols_debug.c"

struct unit {
    Dwarf_Die die;  /* has ranges and lines */
    Dwarf_Die full; /* has the functions: another one when they are split off into a .dwo file */
    const char *folder;
    struct rt__spans functions; /* what: index into dies */
    Dwarf_Die *dies;
    size_t dies_count, dies_room;
    bool is_read;
};

struct rt__debug {
    Dwarf *dwarf;
    Dwarf_Addr bias;
    struct rt__spans spans; /* what: index into units */
    struct unit *units;
    size_t count, room;
};

static void add_ranges(struct rt__spans *spans, Dwarf_Die *die, uint32_t what)
{
    Dwarf_Addr base, low, high;
    for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &low, &high)) > 0;) {
        /* What the linker dropped was left at address 0. */
        if (low != 0 && low < high) {
            rt__spans_add(spans, low, high, what);
        }
    }
}

/* ---- functions of a unit ---- */

static void add_function(struct unit *u, Dwarf_Die *die)
{
    if (!dwarf_hasattr(die, DW_AT_low_pc) && !dwarf_hasattr(die, DW_AT_ranges)) {
        return;
    }
    Dwarf_Die *dies = rt__array_grown(u->dies, u->dies_count, &u->dies_room, sizeof *dies);
    if (dies != NULL) {
        u->dies = dies;
        dies[u->dies_count] = *die;
        add_ranges(&u->functions, die, u->dies_count++);
    }
}

static void add_functions(struct unit *u, Dwarf_Die *parent)
{
    Dwarf_Die die;
    if (dwarf_child(parent, &die) != 0) {
        return;
    }
    do {
        switch (dwarf_tag(&die)) {
        case DW_TAG_subprogram:
            add_function(u, &die);
            break;
        case DW_TAG_namespace:
        case DW_TAG_module:
            add_functions(u, &die);
            break;
        }
    } while (dwarf_siblingof(&die, &die) == 0);
}

static void read_unit(struct unit *u)
{
    Dwarf_Attribute attr;
    u->is_read = true;
    u->folder = dwarf_formstring(dwarf_attr(&u->die, DW_AT_comp_dir, &attr));
    u->full = u->die;
    if (dwarf_tag(&u->die) == DW_TAG_skeleton_unit) {
        Dwarf_Die split;
        if (dwarf_cu_info(u->die.cu, NULL, NULL, NULL, &split, NULL, NULL, NULL) == 0 &&
            dwarf_tag(&split) != DW_TAG_invalid) {
            u->full = split;
        }
    }
    add_functions(u, &u->full);
    rt__spans_sort(&u->functions);
}

/* ---- units of an object ---- */

static void read_units(struct rt__debug *d)
{
    Dwarf_CU *cu = NULL;
    Dwarf_Die die;
    while (dwarf_get_units(d->dwarf, cu, &cu, NULL, NULL, &die, NULL) == 0) {
        int tag = dwarf_tag(&die);
        struct unit *units = rt__array_grown(d->units, d->count, &d->room, sizeof *units);
        if (units == NULL) {
            break;
        }
        d->units = units;
        if (tag == DW_TAG_compile_unit || tag == DW_TAG_skeleton_unit) {
            units[d->count] = (struct unit){.die = die};
            add_ranges(&d->spans, &die, d->count++);
        }
    }
    rt__spans_sort(&d->spans);
}

static struct rt__debug *debug_of(struct rt__object *o)
{
    if (!o->debug_sought) {
        Dwarf_Addr bias;
        Dwarf *dwarf = rt__image_open(o) ? dwfl_module_getdwarf(o->module, &bias) : NULL;
        o->debug_sought = true;
        o->debug = dwarf != NULL ? calloc(1, sizeof *o->debug) : NULL;
        if (o->debug != NULL) {
            o->debug->dwarf = dwarf;
            o->debug->bias = bias;
            read_units(o->debug);
        }
    }
    return o->debug;
}

void rt__debug_release(struct rt__debug *d)
{
    if (d == NULL) {
        return;
    }
    for (size_t i = 0; i < d->count; i++) {
        free(d->units[i].functions.at);
        free(d->units[i].dies);
    }
    free(d->units);
    free(d->spans.at);
    free(d);
}

static struct unit *unit_at(struct rt__debug *d, Dwarf_Addr address)
{
    const struct rt__span *span = rt__spans_find(&d->spans, address);
    struct unit *u = span != NULL ? &d->units[span->what] : NULL;
    if (u != NULL && !u->is_read) {
        read_unit(u);
    }
    return u;
}

static Dwarf_Die *function_at(struct unit *u, Dwarf_Addr address)
{
    const struct rt__span *span = rt__spans_find(&u->functions, address);
    return span != NULL ? &u->dies[span->what] : NULL;
}

/* The function and what is inlined into it at the address, outermost first. */
static size_t calls_at(Dwarf_Die *function, Dwarf_Addr address, Dwarf_Die *calls)
{
    Dwarf_Die die;
    size_t n = 0;
    calls[n++] = *function;
    bool more = dwarf_child(function, &die) == 0;
    while (more && n < RT__INLINE_MAX) {
        int tag = dwarf_tag(&die);
        bool inlined = tag == DW_TAG_inlined_subroutine;
        if ((inlined || tag == DW_TAG_lexical_block) && dwarf_haspc(&die, address) > 0) {
            if (inlined) {
                calls[n++] = die;
            }
            more = dwarf_child(&die, &die) == 0;
        } else {
            more = dwarf_siblingof(&die, &die) == 0;
        }
    }
    return n;
}

/* ---- what to say of them ---- */

/* Absolute as far as that is known, and as `go tool pprof -list` would look for it. */
static const char *full_path(struct rt__symbols *s, const struct unit *u, const char *file)
{
    char path[2 * PATH_MAX];
    if (file == NULL) {
        return NULL;
    }
    /* libdw has put the folder before it; where that is a relative one there is nothing better. */
    bool relative = file[0] != '/' && u->folder != NULL && u->folder[0] == '/';
    int len = snprintf(path, sizeof path, "%s%s%s", relative ? u->folder : "", relative ? "/" : "", file);
    if (len < 0 || (size_t)len >= sizeof path) {
        return NULL;
    }
    rt__path_clean(path);
    return rt__strings_keep(&s->answers.strings, path, strlen(path));
}

static void take_row(struct rt__symbols *s, struct unit *u, Dwarf_Line *row, struct rt__symbol *out)
{
    int line = 0;
    if (row != NULL && dwarf_lineno(row, &line) == 0 && line > 0) {
        out->file = full_path(s, u, dwarf_linesrc(row, NULL, NULL));
        out->line = (uint32_t)line;
    }
}

static void line_at(struct rt__symbols *s, struct unit *u, Dwarf_Addr address, struct rt__symbol *out)
{
    take_row(s, u, dwarf_getsrc_die(&u->die, address), out);
}

/* The first of the rows that begin at the address: a function's own, when others are of what is inlined at its start.
 */
static void first_line_at(struct rt__symbols *s, struct unit *u, Dwarf_Addr address, struct rt__symbol *out)
{
    Dwarf_Lines *rows;
    Dwarf_Addr at;
    size_t low = 0, high;
    if (dwarf_getsrclines(&u->die, &rows, &high) != 0) {
        return;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (dwarf_lineaddr(dwarf_onesrcline(rows, middle), &at) == 0 && at < address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool ends = true;
    Dwarf_Line *row = dwarf_onesrcline(rows, low);
    while (row != NULL && dwarf_lineendsequence(row, &ends) == 0 && ends) {
        row = dwarf_onesrcline(rows, ++low);
    }
    if (row != NULL && dwarf_lineaddr(row, &at) == 0 && at == address) {
        take_row(s, u, row, out);
    }
}

/* The file that an attribute gives the number of, in the unit that the attribute is from. dwarf_decl_file would do
 * that, but it aborts the program when a unit has no table of files. */
static const char *file_of(struct rt__symbols *s, struct unit *u, Dwarf_Attribute *attr)
{
    Dwarf_Word file;
    Dwarf_Die whole;
    Dwarf_Files *files;
    size_t count;
    if (attr == NULL || dwarf_formudata(attr, &file) != 0 ||
        dwarf_cu_info(attr->cu, NULL, NULL, &whole, NULL, NULL, NULL, NULL) != 0 ||
        dwarf_getsrcfiles(&whole, &files, &count) != 0 || file >= count) {
        return NULL;
    }
    return full_path(s, u, dwarf_filesrc(files, file, NULL, NULL));
}

static const char *declared_in(struct rt__symbols *s, struct unit *u, Dwarf_Die *die)
{
    Dwarf_Attribute attr;
    return file_of(s, u, dwarf_attr_integrate(die, DW_AT_decl_file, &attr));
}

static void line_of_call(struct rt__symbols *s, struct unit *u, Dwarf_Die *call, struct rt__symbol *out)
{
    Dwarf_Attribute attr;
    Dwarf_Word line;
    if (dwarf_formudata(dwarf_attr(call, DW_AT_call_line, &attr), &line) == 0) {
        out->line = (uint32_t)line;
    }
    out->file = file_of(s, u, dwarf_attr(call, DW_AT_call_file, &attr));
}

/* The name in the source; in C++ and Rust the linker's, which pprof takes apart. C has linker's names too, but
 * these are libc's aliases for itself (__GI_getenv). */
static const char *name_of(Dwarf_Die *die)
{
    Dwarf_Attribute attr;
    const char *linked = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attr));
    bool mangled = linked != NULL && linked[0] == '_' && (linked[1] == 'Z' || linked[1] == 'R');
    return mangled ? linked : dwarf_diename(die);
}

/* The folder with the runtime's sources: where the debug information says that this file is, so that it agrees
 * with what it says of others, however the compiler was given their names. */
static const char *root_of(struct rt__symbols *s)
{
    if (s->answers.root_sought) {
        return s->answers.root;
    }
    s->answers.root_sought = true;
    uintptr_t own = s->own;
    struct rt__object *o = rt__objects_find(&s->objects, own);
    struct rt__debug *d = o != NULL ? debug_of(o) : NULL;
    struct unit *u = d != NULL ? unit_at(d, own - d->bias) : NULL;
    Dwarf_Die *die = u != NULL ? function_at(u, own - d->bias) : NULL;
    const char *file = die != NULL ? declared_in(s, u, die) : NULL;
    size_t len = file != NULL ? strlen(file) : 0, tail = strlen(OWN_SOURCE);
    if (len >= tail && strcmp(file + len - tail, OWN_SOURCE) == 0) {
        s->answers.root = rt__strings_keep(&s->answers.strings, file, len - tail);
    }
    return s->answers.root;
}

static bool is_runtime_source(struct rt__symbols *s, const char *file)
{
    const char *root = root_of(s);
    size_t len = root != NULL ? strlen(root) : 0;
    return root != NULL && strncmp(file, root, len) == 0 &&
           (strncmp(file + len, "runtime/", 8) == 0 || strncmp(file + len, "env/", 4) == 0);
}

/* gcc says of a function that it knows by itself, like malloc, where a header declares it. Its first line tells. */
static const char *where_defined(struct rt__symbols *s, struct unit *u, Dwarf_Die *die, uint32_t *start_line)
{
    int line;
    Dwarf_Addr low;
    struct rt__symbol first = {0};
    const char *declared = declared_in(s, u, die);
    *start_line = dwarf_decl_line(die, &line) == 0 && line > 0 ? (uint32_t)line : 0;
    if (dwarf_tag(die) == DW_TAG_subprogram && dwarf_lowpc(die, &low) == 0) {
        first_line_at(s, u, low, &first);
    }
    if (first.file == NULL || first.file == declared) {
        return declared;
    }
    *start_line = first.line;
    return first.file;
}

static void describe(struct rt__symbols *s, struct rt__object *o, struct unit *u, Dwarf_Die *die,
                     struct rt__symbol *out)
{
    const char *name = name_of(die), *source = where_defined(s, u, die, &out->start_line);
    out->name = name != NULL ? name : "?";
    out->is_runtime = (source != NULL && is_runtime_source(s, source)) || rt__name_is_runtime(o, out->name, source);
}

size_t rt__debug_find(struct rt__symbols *s, struct rt__object *o, uintptr_t pc, struct rt__symbol *out, size_t max)
{
    struct rt__debug *d = debug_of(o);
    struct unit *u = d != NULL ? unit_at(d, pc - d->bias) : NULL;
    out[0] = (struct rt__symbol){0};
    if (u == NULL) {
        return 0;
    }
    line_at(s, u, pc - d->bias, &out[0]);
    Dwarf_Die calls[RT__INLINE_MAX], *function = function_at(u, pc - d->bias);
    if (function == NULL) {
        return 0;
    }
    size_t n = calls_at(function, pc - d->bias, calls), i;
    for (i = 0; i < n && i < max; i++) {
        if (i > 0) {
            out[i] = (struct rt__symbol){0};
            line_of_call(s, u, &calls[n - i], &out[i]);
        }
        describe(s, o, u, &calls[n - 1 - i], &out[i]);
    }
    return i;
}
