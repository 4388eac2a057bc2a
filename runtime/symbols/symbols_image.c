/* symbols_image.c - the files of loaded objects, and of their debug information.
 *
 * libdwfl opens a file when something is asked of it, so objects that no address lies in cost nothing. It asks
 * here for the file. That must be the one that was loaded: a library that was upgraded meanwhile would
 * give names that look right and are not. Build ids, from memory and from the file, tell.
 *
 * Only files of this machine are looked at. libdwfl's own search (dwfl_standard_find_debuginfo) asks a server
 * when DEBUGINFOD_URLS is set; a profile must never wait for a network, so it is not used.
 */
#include "runtime/symbols/symbols_parts.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEBUG_FOLDER "/usr/lib/debug"

/* ---- the object's own file ---- */

static bool is_what_was_loaded(const struct rt__object *o, Elf *elf)
{
    const void *id;
    char hex[2 * RT__BUILD_ID_MAX + 1] = "";
    ssize_t len = dwelf_elf_gnu_build_id(elf, &id);
    if (len > 0) {
        rt__build_id_hex(id, (size_t)len, hex);
    }
    /* Without ids on both sides a file still counts, unless the one that was loaded is known to be gone. */
    return strcmp(hex, o->build_id) == 0 && (hex[0] != '\0' || !o->is_deleted);
}

int rt__elf_open(const char *file, Elf **elf)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    if (*elf == NULL) {
        close(fd);
        return -1;
    }
    return fd;
}

static int open_loaded(const struct rt__object *o, const char *file, Elf **elf)
{
    int fd = rt__elf_open(file, elf);
    if (fd >= 0 && !is_what_was_loaded(o, *elf)) {
        elf_end(*elf);
        *elf = NULL;
        close(fd);
        return -1;
    }
    return fd;
}

/* For libdwfl: the file's descriptor, with its ELF handle and name. */
static int find_elf(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base, char **file, Elf **elf)
{
    (void)module, (void)name, (void)base;
    const struct rt__object *o = *userdata;
    int fd = -1;
    if (o->is_vdso) {
        *elf = elf_memory((char *)o->image, o->end - o->start);
        return -1;
    }
    /* The kernel's link stays good when the program's file was moved or deleted. */
    if (o->link != NULL) {
        fd = open_loaded(o, o->link, elf);
    }
    if (fd < 0) {
        fd = open_loaded(o, o->file, elf);
    }
    if (fd >= 0) {
        *file = strdup(o->file);
    }
    return fd;
}

/* ---- debug information that is kept apart ---- */

static int open_matching(Dwfl_Module *module, const char *file)
{
    const unsigned char *wanted;
    const void *id;
    GElf_Addr unused;
    Elf *elf;
    int wanted_len = dwfl_module_build_id(module, &wanted, &unused);
    int fd = wanted_len > 0 ? rt__elf_open(file, &elf) : -1;
    if (fd < 0) {
        return -1;
    }
    bool same = dwelf_elf_gnu_build_id(elf, &id) == wanted_len && memcmp(id, wanted, (size_t)wanted_len) == 0;
    elf_end(elf);
    if (!same) {
        close(fd);
        return -1;
    }
    return fd;
}

/* For libdwfl, like find_elf. By build id under /usr/lib/debug; else by the name that the file gives (a
 * .gnu_debuglink), beside the file, in .debug there, and under /usr/lib/debug. */
static int find_debuginfo(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base, const char *file,
                          const char *link, GElf_Word crc, char **found)
{
    int fd = dwfl_build_id_find_debuginfo(module, userdata, name, base, file, link, crc, found);
    if (fd >= 0 || link == NULL || file == NULL || file[0] != '/') {
        return fd;
    }
    int folder = (int)(strrchr(file, '/') - file);
    static const char *const places[] = {"%s%.*s/%s", "%s%.*s/.debug/%s", "%s%.*s/%s"};
    for (size_t i = 0; i < sizeof places / sizeof places[0] && fd < 0; i++) {
        char *path;
        if (asprintf(&path, places[i], i == 2 ? DEBUG_FOLDER : "", folder, file, link) < 0) {
            return -1;
        }
        /* A link of the file's own name beside it would be the file itself. */
        fd = strcmp(path, file) != 0 ? open_matching(module, path) : -1;
        if (fd >= 0) {
            *found = path;
        } else {
            free(path);
        }
    }
    return fd;
}

/* ---- libdwfl's session ---- */

Dwfl *rt__images_begin(struct rt__objects *o)
{
    static const Dwfl_Callbacks callbacks = {.find_elf = find_elf, .find_debuginfo = find_debuginfo};
    elf_version(EV_CURRENT);
    Dwfl *dwfl = dwfl_begin(&callbacks);
    if (dwfl == NULL) {
        return NULL;
    }
    dwfl_report_begin(dwfl);
    for (size_t i = 0; i < o->count; i++) {
        struct rt__object *object = &o->at[i];
        void **userdata;
        object->module = dwfl_report_module(dwfl, object->file, object->low, object->end);
        if (object->module != NULL) {
            dwfl_module_info(object->module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
            *userdata = object;
        }
    }
    dwfl_report_end(dwfl, NULL, NULL);
    return dwfl;
}

bool rt__image_open(struct rt__object *o)
{
    if (!o->is_checked) {
        GElf_Addr bias = 0;
        o->is_checked = true;
        /* libdwfl works the bias out again, from the file; were it another, every answer would be wrong. */
        o->is_usable = o->module != NULL && dwfl_module_getelf(o->module, &bias) != NULL && bias == o->bias;
    }
    return o->is_usable;
}
