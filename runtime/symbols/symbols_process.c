/* symbols_process.c - which objects another process has loaded, and where.
 *
 * Its dynamic linker cannot be asked: the process may be dying, and its memory is not to be trusted. /proc/PID/maps
 * says which part of which file lies where; where that part belongs, the file's own program headers say. That needs no
 * more rights than to read the other's maps: the same user, and a process that may be dumped.
 *
 * A file that was deleted since is not looked at, since another one may have its name now; only the program's own can
 * still be reached, by the kernel's link. What lies in such an object is named by it and the offset in the file.
 */
#include "runtime/symbols/symbols_parts.h"

#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DELETED " (deleted)"

struct reading {
    struct rt__objects *o;
    struct rt__strings *strings;
    const struct rt__objects *own;
    const char *link, *program; /* the kernel's link, and the name that it gives; "" when unreadable */
};

static const char *keep(struct reading *r, const char *text, size_t len)
{
    return rt__strings_keep(r->strings, text, len);
}

static bool name_program(struct reading *r, pid_t pid)
{
    char link[32], name[PATH_MAX];
    snprintf(link, sizeof link, "/proc/%ld/exe", (long)pid);
    ssize_t got = readlink(link, name, sizeof name);
    size_t len = got > 0 && (size_t)got < sizeof name ? (size_t)got : 0, tail = strlen(DELETED);
    if (len > tail && memcmp(name + len - tail, DELETED, tail) == 0) {
        len -= tail;
    }
    r->link = keep(r, link, strlen(link));
    r->program = keep(r, name, len);
    return r->link != NULL && r->program != NULL;
}

/* ---- one object ---- */

static const struct rt__object *own_object(const struct rt__objects *own, bool is_vdso)
{
    for (size_t i = 0; i < own->count; i++) {
        if (is_vdso ? own->at[i].is_vdso : own->at[i].is_own) {
            return &own->at[i];
        }
    }
    return NULL;
}

/* All processes have the same vdso, at different addresses. */
static bool place_vdso(struct rt__object *object, const struct rt__object *mine, uintptr_t start)
{
    if (mine == NULL) {
        return false;
    }
    uintptr_t away = start - mine->start;
    object->is_vdso = true;
    object->start = start;
    object->end = mine->end + away;
    object->bias = mine->bias + away;
    object->low = mine->low + away;
    object->build_id = mine->build_id;
    object->image = mine->image;
    return true;
}

/* Where the segment is that a line of code shows a part of, and so all others. */
static bool find_bias(Elf *elf, size_t count, const struct rt__maps_line *line, uintptr_t *bias)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr h;
        if (gelf_getphdr(elf, (int)i, &h) != NULL && h.p_type == PT_LOAD && (h.p_flags & PF_X) &&
            line->offset >= (h.p_offset & -page) && line->offset < h.p_offset + h.p_filesz) {
            *bias = line->start - ((h.p_vaddr & -page) + (line->offset - (h.p_offset & -page)));
            return true;
        }
    }
    return false;
}

static bool place_by_headers(struct rt__object *object, Elf *elf, const struct rt__maps_line *line)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    size_t count;
    if (elf_getphdrnum(elf, &count) != 0 || !find_bias(elf, count, line, &object->bias)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr h;
        if (gelf_getphdr(elf, (int)i, &h) == NULL || h.p_type != PT_LOAD) {
            continue;
        }
        if (object->end == 0) {
            object->start = object->bias + (h.p_vaddr & -page);
            object->low = object->bias + (h.p_align > 1 ? h.p_vaddr & -h.p_align : h.p_vaddr);
        }
        object->end = (object->bias + h.p_vaddr + h.p_memsz + page - 1) & -page;
    }
    return true;
}

static const char *build_id_of(struct reading *r, Elf *elf)
{
    const void *id;
    char hex[2 * RT__BUILD_ID_MAX + 1] = "";
    ssize_t len = dwelf_elf_gnu_build_id(elf, &id);
    if (len > 0) {
        rt__build_id_hex(id, (size_t)len, hex);
    }
    const char *kept = keep(r, hex, strlen(hex));
    return kept != NULL ? kept : "";
}

static bool place_by_file(struct reading *r, struct rt__object *object, const struct rt__maps_line *line)
{
    Elf *elf = NULL;
    int fd = object->link != NULL ? rt__elf_open(object->link, &elf) : -1;
    if (fd < 0 && !object->is_deleted) {
        fd = rt__elf_open(object->file, &elf);
    }
    if (fd < 0) {
        return false;
    }
    bool placed = place_by_headers(object, elf, line);
    object->build_id = build_id_of(r, elf);
    elf_end(elf);
    close(fd);
    return placed;
}

/* As linkers usually arrange it: an address in the file is the offset in it. */
static void place_by_line(struct rt__object *object, const struct rt__maps_line *line)
{
    object->start = object->low = line->start;
    object->end = line->limit;
    object->bias = line->start - line->offset;
}

static bool is_same(const struct rt__object *object, const struct rt__object *mine)
{
    return mine != NULL && strcmp(object->build_id, mine->build_id) == 0 &&
           (object->build_id[0] != '\0' || strcmp(object->file, mine->file) == 0);
}

static bool add_object(struct reading *r, const char *file, const struct rt__maps_line *line)
{
    struct rt__object *all = rt__array_grown(r->o->at, r->o->count, &r->o->room, sizeof *all);
    if (all == NULL) {
        return false;
    }
    r->o->at = all;
    struct rt__object *object = &all[r->o->count];
    *object = (struct rt__object){.file = file, .build_id = "", .is_deleted = line->is_deleted, .is_other = true};
    if (file[0] != '/') {
        if (!place_vdso(object, own_object(r->own, true), line->start)) {
            return true;
        }
    } else {
        object->is_program = strcmp(file, r->program) == 0;
        object->link = object->is_program ? r->link : NULL;
        if (!place_by_file(r, object, line)) {
            place_by_line(object, line);
        }
        object->is_own = is_same(object, own_object(r->own, false));
    }
    return rt__spans_add(&r->o->spans, object->start, object->end, (uint32_t)r->o->count++);
}

/* ---- all ---- */

static struct rt__object *object_at(struct rt__objects *o, uintptr_t address)
{
    for (size_t i = o->count; i > 0; i--) {
        if (address >= o->at[i - 1].start && address < o->at[i - 1].end) {
            return &o->at[i - 1];
        }
    }
    return NULL;
}

static bool take_line(struct reading *r, const struct rt__maps_line *line)
{
    bool is_vdso = line->file_len == strlen("[vdso]") && memcmp(line->file, "[vdso]", line->file_len) == 0;
    if (!line->is_code || (line->file[0] != '/' && !is_vdso)) {
        return true;
    }
    const char *file = keep(r, line->file, line->file_len);
    if (file == NULL || (object_at(r->o, line->start) == NULL && !add_object(r, file, line))) {
        return false;
    }
    const struct rt__object *object = object_at(r->o, line->start);
    struct rt__mapping mapping = {line->start, line->limit, line->offset, file, object ? object->build_id : ""};
    return rt__objects_add_mapping(r->o, &mapping);
}

bool rt__objects_read_of(struct rt__objects *o, struct rt__strings *strings, pid_t pid, const struct rt__objects *own)
{
    struct reading r = {.o = o, .strings = strings, .own = own};
    char maps[32], *text = NULL;
    size_t room = 0;
    ssize_t len;
    snprintf(maps, sizeof maps, "/proc/%ld/maps", (long)pid);
    elf_version(EV_CURRENT);
    FILE *f = name_program(&r, pid) ? fopen(maps, "re") : NULL;
    bool good = f != NULL;
    while (good && (len = getline(&text, &room, f)) > 0) {
        struct rt__maps_line line;
        text[len - (text[len - 1] == '\n')] = '\0';
        good = !rt__maps_parse(text, &line) || take_line(&r, &line);
    }
    free(text);
    if (f != NULL) {
        fclose(f);
    }
    rt__objects_arrange(o);
    return good && o->count > 0;
}
