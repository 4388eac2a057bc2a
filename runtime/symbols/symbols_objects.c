/* symbols_objects.c - which objects are loaded where: program, libraries, vdso.
 *
 * The dynamic linker knows the objects, with their headers and notes in memory; /proc/self/maps knows the
 * names of their files, and whether these have been deleted since. Both are read once, when a session opens.
 * What is loaded later is found in no object, until the next session. What the notes say is copied while the
 * linker holds its lock: afterwards another thread may unload an object.
 */
#include "runtime/symbols/symbols_parts.h"

#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define DELETED " (deleted)"

struct reading {
    struct rt__objects *o;
    struct rt__strings *strings;
    bool failed;
};

/* ---- pure parts ---- */

bool rt__maps_parse(const char *line, struct rt__maps_line *out)
{
    unsigned long start, limit, offset;
    char mode[5];
    int path = 0;
    if (sscanf(line, "%lx-%lx %4s %lx %*s %*s %n", &start, &limit, mode, &offset, &path) < 4 || path == 0) {
        return false;
    }
    *out = (struct rt__maps_line){start, limit, offset, mode[2] == 'x', false, line + path, strlen(line + path)};
    size_t tail = strlen(DELETED);
    if (out->file_len > tail && strcmp(out->file + out->file_len - tail, DELETED) == 0) {
        out->is_deleted = true;
        out->file_len -= tail;
    }
    return true;
}

const unsigned char *rt__notes_build_id(const void *notes, size_t size, size_t align, size_t *len)
{
    const unsigned char *p = notes;
    size_t mask = (align == 8 ? 8 : 4) - 1;
    while (size >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr header;
        memcpy(&header, p, sizeof header);
        size_t desc = (sizeof header + header.n_namesz + mask) & ~mask;
        size_t next = (desc + header.n_descsz + mask) & ~mask;
        if (desc > size || header.n_descsz > size - desc) {
            return NULL;
        }
        if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == sizeof ELF_NOTE_GNU &&
            memcmp(p + sizeof header, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0 && header.n_descsz > 0) {
            *len = header.n_descsz;
            return p + desc;
        }
        if (next > size) {
            return NULL;
        }
        p += next;
        size -= next;
    }
    return NULL;
}

void rt__build_id_hex(const unsigned char *id, size_t len, char *hex)
{
    len = len < RT__BUILD_ID_MAX ? len : RT__BUILD_ID_MAX;
    for (size_t i = 0; i < len; i++) {
        hex[2 * i] = "0123456789abcdef"[id[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[id[i] & 15];
    }
    hex[2 * len] = '\0';
}

/* ---- objects, from the dynamic linker ---- */

static int count_loads(struct dl_phdr_info *info, size_t size, void *loads)
{
    if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof info->dlpi_subs) {
        *(struct rt__loads *)loads = (struct rt__loads){info->dlpi_adds, info->dlpi_subs, true};
    }
    return 1;
}

struct rt__loads rt__loads_now(void)
{
    struct rt__loads loads = {.is_known = false};
    dl_iterate_phdr(count_loads, &loads);
    return loads;
}

bool rt__loads_same(const struct rt__loads *a, const struct rt__loads *b)
{
    return a->is_known && b->is_known && a->adds == b->adds && a->subs == b->subs;
}

bool rt__objects_add_mapping(struct rt__objects *o, const struct rt__mapping *mapping)
{
    struct rt__mapping *all = rt__array_grown(o->mappings, o->mappings_count, &o->mappings_room, sizeof *all);
    if (all == NULL) {
        return false;
    }
    o->mappings = all;
    all[o->mappings_count++] = *mapping;
    return true;
}

static const char *build_id_in_memory(const struct dl_phdr_info *info, struct rt__strings *strings)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        size_t len;
        const unsigned char *id =
            h->p_type == PT_NOTE
                ? rt__notes_build_id((const void *)(info->dlpi_addr + h->p_vaddr), h->p_memsz, h->p_align, &len)
                : NULL;
        if (id != NULL) {
            char hex[2 * RT__BUILD_ID_MAX + 1];
            rt__build_id_hex(id, len, hex);
            const char *kept = rt__strings_keep(strings, hex, strlen(hex));
            return kept != NULL ? kept : "";
        }
    }
    return "";
}

static bool lies_in(const struct rt__object *object, uintptr_t address)
{
    return address >= object->start && address < object->end;
}

/* Addresses of the object, by its segments. Those with code become mappings, as far as the headers know. */
static bool read_segments(struct rt__objects *o, struct rt__object *object, const struct dl_phdr_info *info)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        if (h->p_type != PT_LOAD) {
            continue;
        }
        uintptr_t start = object->bias + (h->p_vaddr & -page);
        uintptr_t end = (object->bias + h->p_vaddr + h->p_memsz + page - 1) & -page;
        if (object->end == 0) {
            object->start = start;
            object->low = object->bias + (h->p_align > 1 ? h->p_vaddr & -h->p_align : h->p_vaddr);
        }
        object->end = end;
        struct rt__mapping code = {start, end, h->p_offset & -page, NULL, object->build_id};
        if ((h->p_flags & PF_X) && !rt__objects_add_mapping(o, &code)) {
            return false;
        }
    }
    return true;
}

static int found_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    struct reading *r = arg;
    struct rt__object *all = rt__array_grown(r->o->at, r->o->count, &r->o->room, sizeof *all);
    if (all == NULL) {
        r->failed = true;
        return 1;
    }
    r->o->at = all;
    struct rt__object *object = &all[r->o->count];
    *object = (struct rt__object){.bias = info->dlpi_addr, .is_program = r->o->count == 0};
    object->build_id = build_id_in_memory(info, r->strings);
    r->failed = !read_segments(r->o, object, info);
    if (object->end == 0) {
        return r->failed;
    }
    object->is_vdso = lies_in(object, getauxval(AT_SYSINFO_EHDR));
    object->image = (const void *)object->start;
    object->link = object->is_program ? "/proc/self/exe" : NULL;
    object->is_own = lies_in(object, (uintptr_t)rt__objects_read);
    /* Good enough where there is no /proc; else maps has the full name. */
    const char *name = object->is_program ? (const char *)getauxval(AT_EXECFN) : info->dlpi_name;
    name = object->is_vdso ? "[vdso]" : name != NULL ? name : "";
    object->file = rt__strings_keep(r->strings, name, strlen(name));
    r->failed |= object->file == NULL || !rt__spans_add(&r->o->spans, object->start, object->end, r->o->count);
    r->o->count++;
    return r->failed;
}

struct rt__object *rt__objects_find(const struct rt__objects *o, uintptr_t address)
{
    const struct rt__span *span = rt__spans_find(&o->spans, address);
    return span != NULL ? &o->at[span->what] : NULL;
}

/* ---- names and mappings, from /proc/self/maps ---- */

static bool take_line(struct reading *r, const struct rt__maps_line *line, bool *named)
{
    bool is_file = line->file[0] == '/';
    if (!is_file && (line->file_len != strlen("[vdso]") || memcmp(line->file, "[vdso]", line->file_len) != 0)) {
        return true;
    }
    const char *file = rt__strings_keep(r->strings, line->file, line->file_len);
    if (file == NULL) {
        return false;
    }
    struct rt__object *object = rt__objects_find(r->o, line->start);
    /* An object begins with its own first segment: later lines may be what somebody mapped into a gap. */
    if (object != NULL && is_file && !named[object - r->o->at]) {
        named[object - r->o->at] = true;
        object->file = file;
        object->is_deleted = line->is_deleted;
    }
    struct rt__mapping mapping = {line->start, line->limit, line->offset, file, object ? object->build_id : ""};
    return !line->is_code || rt__objects_add_mapping(r->o, &mapping);
}

/* False when there is no such file, or nothing in it. */
static bool read_maps(struct reading *r, const char *maps_file)
{
    FILE *f = fopen(maps_file, "re");
    bool *named = calloc(r->o->count + 1, sizeof *named);
    size_t from_headers = r->o->mappings_count, room = 0;
    char *text = NULL;
    ssize_t len;
    while (f != NULL && named != NULL && !r->failed && (len = getline(&text, &room, f)) > 0) {
        struct rt__maps_line line;
        text[len - (text[len - 1] == '\n')] = '\0';
        r->failed = rt__maps_parse(text, &line) && !take_line(r, &line, named);
    }
    r->failed |= named == NULL;
    free(text);
    free(named);
    if (f != NULL) {
        fclose(f);
    }
    bool any = r->o->mappings_count > from_headers;
    if (any) {
        r->o->mappings_count -= from_headers;
        memmove(r->o->mappings, r->o->mappings + from_headers, r->o->mappings_count * sizeof *r->o->mappings);
    }
    return any;
}

static void name_mappings(struct rt__objects *o)
{
    for (size_t i = 0; i < o->mappings_count; i++) {
        struct rt__object *object = rt__objects_find(o, o->mappings[i].start);
        o->mappings[i].file = object != NULL ? object->file : "";
    }
}

static int by_start(const void *a, const void *b)
{
    const struct rt__mapping *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static void program_first(struct rt__objects *o)
{
    size_t first = 0;
    qsort(o->mappings, o->mappings_count, sizeof *o->mappings, by_start);
    for (size_t i = 0; i < o->mappings_count; i++) {
        struct rt__object *object = rt__objects_find(o, o->mappings[i].start);
        if (object != NULL && object->is_program) {
            struct rt__mapping own = o->mappings[i];
            memmove(&o->mappings[first + 1], &o->mappings[first], (i - first) * sizeof own);
            o->mappings[first++] = own;
        }
    }
}

static bool is_heap(const char *file)
{
    const char *base = rt__path_base(file);
    return strncmp(base, "libmimalloc.so", 14) == 0 || strncmp(base, "libmimalloc-", 12) == 0 ||
           strncmp(base, "libgc.so", 8) == 0;
}

void rt__objects_arrange(struct rt__objects *o)
{
    rt__spans_sort(&o->spans);
    if (o->mappings_count > 0) {
        program_first(o);
    }
    for (size_t i = 0; i < o->count; i++) {
        o->at[i].is_heap = is_heap(o->at[i].file);
    }
}

bool rt__objects_read(struct rt__objects *o, struct rt__strings *strings, const char *maps_file)
{
    struct reading r = {o, strings, false};
    dl_iterate_phdr(found_object, &r);
    if (r.failed) {
        return false;
    }
    rt__spans_sort(&o->spans);
    if (!read_maps(&r, maps_file)) {
        name_mappings(o);
    }
    rt__objects_arrange(o);
    return !r.failed;
}

void rt__objects_release(struct rt__objects *o)
{
    for (size_t i = 0; i < o->count; i++) {
        rt__debug_release(o->at[i].debug);
        rt__names_release(o->at[i].names);
    }
    free(o->at);
    free(o->spans.at);
    free(o->mappings);
}
