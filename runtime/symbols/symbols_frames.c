/* symbols_frames.c - where the function begins that an address is in, by its frame information.
 *
 * Exceptions need frame information, so it is there when everything else was stripped. Of this process libgcc's
 * unwinder knows it, code made while running included. Of another process the file is asked: its .eh_frame_hdr is a
 * table of all functions' starts, sorted, and libdw says whether the entry found covers the address.
 */
#include "runtime/symbols/symbols_parts.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

/* libgcc's, as the unwinder of exceptions calls it; its header is not installed. */
struct dwarf_eh_bases {
    void *tbase, *dbase, *func;
};
extern const void *_Unwind_Find_FDE(void *pc, struct dwarf_eh_bases *bases);

/* The header as all linkers write it: version 1; a pointer to .eh_frame and a count of 4 bytes each; then pairs of the
 * function's start and its entry, 4 bytes each, relative to the header (DW_EH_PE_datarel | DW_EH_PE_sdata4). */
#define HEADER_BYTES 12
#define COUNT_AT 8
#define PAIR_BYTES 8
#define FOUR_BYTES_UNSIGNED 0x03
#define FOUR_BYTES_SIGNED 0x0b
#define RELATIVE_TO_HEADER 0x30

static uint32_t number_at(const unsigned char *p)
{
    uint32_t n;
    memcpy(&n, p, sizeof n);
    return n;
}

static bool is_usual(const unsigned char *header, size_t size)
{
    return size >= HEADER_BYTES && header[0] == 1 &&
           ((header[1] & 0x0f) == FOUR_BYTES_UNSIGNED || (header[1] & 0x0f) == FOUR_BYTES_SIGNED) &&
           header[2] == FOUR_BYTES_UNSIGNED && header[3] == (RELATIVE_TO_HEADER | FOUR_BYTES_SIGNED) &&
           number_at(header + COUNT_AT) <= (size - HEADER_BYTES) / PAIR_BYTES;
}

/* Relative to the header; false when all begin later. */
static bool last_start(const unsigned char *header, int64_t pc, int64_t *start)
{
    const unsigned char *pairs = header + HEADER_BYTES;
    size_t low = 0, high = number_at(header + COUNT_AT);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((int32_t)number_at(pairs + middle * PAIR_BYTES) <= pc) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *start = low > 0 ? (int32_t)number_at(pairs + (low - 1) * PAIR_BYTES) : 0;
    return low > 0;
}

static bool has_frame(const struct rt__object *o, uintptr_t pc)
{
    Dwarf_Addr bias;
    Dwarf_Frame *frame;
    Dwarf_CFI *all = dwfl_module_eh_cfi(o->module, &bias);
    if (all == NULL || dwarf_cfi_addrframe(all, pc - bias, &frame) != 0) {
        return false;
    }
    free(frame);
    return true;
}

static uintptr_t start_by_file(struct rt__object *o, uintptr_t pc)
{
    size_t count = 0;
    GElf_Addr bias;
    Elf *elf = rt__image_open(o) ? dwfl_module_getelf(o->module, &bias) : NULL;
    if (elf == NULL || elf_getphdrnum(elf, &count) != 0) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr h;
        if (gelf_getphdr(elf, (int)i, &h) == NULL || h.p_type != PT_GNU_EH_FRAME) {
            continue;
        }
        Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)h.p_offset, h.p_filesz, ELF_T_BYTE);
        uintptr_t header = o->bias + h.p_vaddr;
        int64_t start;
        bool found = data != NULL && is_usual(data->d_buf, data->d_size) &&
                     last_start(data->d_buf, (int64_t)(pc - header), &start) && has_frame(o, pc);
        return found ? header + (uintptr_t)start : 0;
    }
    return 0;
}

uintptr_t rt__frame_function(struct rt__object *o, uintptr_t pc)
{
    if (o != NULL && o->is_other) {
        return start_by_file(o, pc);
    }
    struct dwarf_eh_bases bases;
    return _Unwind_Find_FDE((void *)pc, &bases) != NULL ? (uintptr_t)bases.func : 0;
}
