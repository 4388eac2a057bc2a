/* symbols_parts.h - what the files of one session of symbols share; symbols.h is for everybody else.
 *
 *   symbols.c           the session, and its lock
 *   symbols_answers.c   what was found out, kept by address, also for the next session
 *   symbols_objects.c   which objects are loaded where, and the mappings
 *   symbols_process.c   the same of another process, by its maps and the files
 *   symbols_image.c     their files, opened when an address falls into them, and refused when they are others
 *   symbols_debug.c     functions, inlined calls and lines by DWARF
 *   symbols_names.c     functions by symbol table, where there is no DWARF
 *   symbols_frames.c    where functions begin, by frame information
 *   symbols_strings.c   arrays, spans of addresses and strings of a session; paths (pure)
 */
#ifndef RT_SYMBOLS_SYMBOLS_PARTS_H
#define RT_SYMBOLS_SYMBOLS_PARTS_H

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include "runtime/symbols/symbols.h"

/* Functions inlined into each other that are told apart; deeper ones count as the caller's. */
#define RT__INLINE_MAX 32

/* ---- symbols_strings.c ---- */

/* The array with room for one more, *room elements in all; NULL, and nothing changed, when there is no memory. */
void *rt__array_grown(void *array, size_t count, size_t *room, size_t size);

/* Ranges of addresses, each of them [low, high), and the index of what lies there. */
struct rt__span {
    uint64_t low, high;
    uint32_t what;
};
struct rt__spans {
    struct rt__span *at;
    size_t count, room;
};
bool rt__spans_add(struct rt__spans *s, uint64_t low, uint64_t high, uint32_t what);
void rt__spans_sort(struct rt__spans *s);
const struct rt__span *rt__spans_find(const struct rt__spans *s, uint64_t address);

/* Strings that live as long as these, each of them once. */
#define RT__STRING_CHAINS 1024
struct rt__strings {
    struct rt__string *chains[RT__STRING_CHAINS];
    struct rt__string_chunk *chunks;
    size_t left;  /* bytes of the newest chunk */
    size_t bytes; /* of all chunks */
};
/* NULL when there is no memory. */
const char *rt__strings_keep(struct rt__strings *s, const char *text, size_t len);
void rt__strings_release(struct rt__strings *s);

/* Takes "//", "." and "name/.." out of a path, in place, by its text alone. */
void rt__path_clean(char *path);
const char *rt__path_base(const char *path);

/* ---- symbols_objects.c ---- */

struct rt__object {
    uintptr_t start, end; /* of all its segments, whole pages */
    uintptr_t bias;       /* address in memory - address in the file */
    uintptr_t low;        /* what libdwfl takes for its start */
    const char *file;     /* as mapped; "[vdso]" */
    const char *build_id; /* hex; "" when it has none */
    const char *link;     /* the kernel's to the program's file, good even when that was moved; NULL: not the program */
    const void *image;    /* the vdso's bytes in this process */
    bool is_program, is_vdso;
    bool is_deleted; /* another file may have its name now */
    bool is_own;     /* holds libcruntime */
    bool is_heap;    /* libmimalloc or libgc: the runtime's, whatever is in it */
    bool is_other;   /* of another process: its memory is not here */
    Dwfl_Module *module;
    bool is_checked, is_usable; /* its file can be read and is what was loaded */
    struct rt__debug *debug;    /* NULL: none, or not yet looked for */
    struct rt__names *names;
    bool debug_sought, names_sought;
};

struct rt__objects {
    struct rt__object *at;
    size_t count, room;
    struct rt__spans spans; /* what: index into at */
    struct rt__mapping *mappings;
    size_t mappings_count, mappings_room;
};

/* How often the dynamic linker of this process has loaded and unloaded something: the same counts, the same objects. */
struct rt__loads {
    uint64_t adds, subs;
    bool is_known;
};
struct rt__loads rt__loads_now(void);
bool rt__loads_same(const struct rt__loads *a, const struct rt__loads *b);

/* Reads what is loaded. Without a readable maps file the mappings are the program headers'. */
bool rt__objects_read(struct rt__objects *o, struct rt__strings *strings, const char *maps_file);
/* symbols_process.c: what another process has loaded. own is what this one has: code that both have tells which of the
 * other's is the runtime's. False when its maps cannot be read. */
bool rt__objects_read_of(struct rt__objects *o, struct rt__strings *strings, pid_t pid, const struct rt__objects *own);
bool rt__objects_add_mapping(struct rt__objects *o, const struct rt__mapping *mapping);
/* The last step of reading. */
void rt__objects_arrange(struct rt__objects *o);
struct rt__object *rt__objects_find(const struct rt__objects *o, uintptr_t address);
void rt__objects_release(struct rt__objects *o);

struct rt__maps_line {
    uint64_t start, limit, offset;
    bool is_code, is_deleted;
    const char *file; /* within the line */
    size_t file_len;
};
/* One line of /proc/self/maps, without its newline; false when it is none. Pure. */
bool rt__maps_parse(const char *line, struct rt__maps_line *out);
/* The build id among notes of an ELF file, aligned to 4 or 8; NULL when there is none. Pure. */
const unsigned char *rt__notes_build_id(const void *notes, size_t size, size_t align, size_t *len);
/* id in hex, into 2 * RT__BUILD_ID_MAX + 1 bytes; what is longer is cut. Pure. */
#define RT__BUILD_ID_MAX 64
void rt__build_id_hex(const unsigned char *id, size_t len, char *hex);

/* ---- symbols_image.c ---- */

/* A session of libdwfl that knows all objects and has opened none. */
Dwfl *rt__images_begin(struct rt__objects *o);
/* Opens the object's file at the first call; false when it cannot be used. */
bool rt__image_open(struct rt__object *o);
/* A file's descriptor and its ELF handle; -1 when it cannot be opened. */
int rt__elf_open(const char *file, Elf **elf);

/* ---- symbols_debug.c ---- */

/* Like rt__symbols_find, but 0 when the debug information has no function there. out[0] has file and line even
 * then, if they are known. */
size_t rt__debug_find(struct rt__symbols *s, struct rt__object *o, uintptr_t pc, struct rt__symbol *out, size_t max);
void rt__debug_release(struct rt__debug *d);

/* ---- symbols_frames.c ---- */

/* Start of the function by its frame information; 0 when there is none. o NULL: in no object of this process. */
uintptr_t rt__frame_function(struct rt__object *o, uintptr_t pc);

/* ---- symbols_names.c ---- */

/* The symbol that the address is in, and where it starts; NULL when there is none. */
const char *rt__names_find(struct rt__object *o, uintptr_t pc, uintptr_t *start);
void rt__names_release(struct rt__names *n);
/* Whether a function of an object is the runtime's, judged by its name alone. */
bool rt__name_is_runtime(const struct rt__object *o, const char *name, bool has_source);

/* ---- symbols_answers.c ---- */

/* How much a session may hand on to the next one: fifty times what profiles and traces of the app come to. */
#define RT__ANSWERS_BYTES ((size_t)4 << 20)

struct rt__answers {
    struct rt__strings strings; /* of the functions, and what else the session says */
    struct rt__answer *table;   /* by hash of the address; found[first] and on are its functions */
    size_t count, room;
    struct rt__symbol *found;
    size_t found_count, found_room;
    const char *root; /* folder with the runtime's sources, ends with "/"; NULL: not known */
    bool root_sought;
};
/* The functions at the address, *n of them; NULL when there is no answer. */
const struct rt__symbol *rt__answers_find(const struct rt__answers *a, uintptr_t pc, size_t *n);
/* Where the outermost of them begins; 0 when there is no answer. */
uintptr_t rt__answers_start(const struct rt__answers *a, uintptr_t pc);
/* An answer for an address that had none. Files are of a->strings, names from anywhere. */
void rt__answers_keep(struct rt__answers *a, uintptr_t pc, uintptr_t start, const struct rt__symbol *found, size_t n);
size_t rt__answers_bytes(const struct rt__answers *a);
/* To none, as zeros are. */
void rt__answers_release(struct rt__answers *a);

/* ---- symbols.c ---- */

struct rt__symbols {
    struct rt__objects objects;
    struct rt__loads loads; /* when the session began */
    Dwfl *dwfl;             /* NULL: no file was asked for anything yet */
    struct rt__answers answers;
    bool is_other; /* the process is another one */
    uintptr_t own; /* where rt__debug_find is in the process; 0: not known */
};

#endif
