/* cfi.c - finds and reads the call frame information of one pc.
 *
 * An object's .eh_frame_hdr is a sorted table from functions to entries (FDE) in its .eh_frame; an entry shares what
 * is common to many with them by a CIE. Both hold instructions, which cfi_run.c runs.
 */
#include "runtime/unwind/cfi_row.h"

enum {
    FORMAT_MASK = 0x0f,
    FORMAT_ABSPTR = 0x00,
    FORMAT_ULEB = 0x01,
    FORMAT_UDATA2 = 0x02,
    FORMAT_UDATA4 = 0x03,
    FORMAT_UDATA8 = 0x04,
    FORMAT_SLEB = 0x09,
    FORMAT_SDATA2 = 0x0a,
    FORMAT_SDATA4 = 0x0b,
    FORMAT_SDATA8 = 0x0c,
    RELATIVE_MASK = 0xf0,
    RELATIVE_NONE = 0x00,
    RELATIVE_PC = 0x10,
    RELATIVE_ALIGNED = 0x50,
    TABLE_ENCODING = 0x3b, /* signed 4 bytes relative to the header: what every linker writes */
};

/* ---- encoded values ---- */

bool rt__cfi_format(struct rt__cfi_reader *r, uint8_t encoding, uint64_t *value)
{
    switch (encoding & FORMAT_MASK) {
    case FORMAT_ABSPTR:
    case FORMAT_UDATA8:
    case FORMAT_SDATA8:
        *value = rt__cfi_fixed(r, 8);
        break;
    case FORMAT_UDATA2:
        *value = rt__cfi_fixed(r, 2);
        break;
    case FORMAT_UDATA4:
        *value = rt__cfi_fixed(r, 4);
        break;
    case FORMAT_SDATA2:
        *value = rt__cfi_signed(r, 2);
        break;
    case FORMAT_SDATA4:
        *value = rt__cfi_signed(r, 4);
        break;
    case FORMAT_ULEB:
    case FORMAT_SLEB:
        *value = rt__cfi_leb(r, (encoding & FORMAT_MASK) == FORMAT_SLEB);
        break;
    default:
        return false;
    }
    return !r->failed;
}

bool rt__cfi_address(struct rt__cfi_reader *r, uint8_t encoding, uint64_t *value)
{
    uintptr_t here = (uintptr_t)r->at;
    if (!rt__cfi_format(r, encoding, value)) {
        return false;
    }
    if ((encoding & ~FORMAT_MASK) == RELATIVE_PC) {
        *value += here;
        return true;
    }
    return (encoding & ~FORMAT_MASK) == RELATIVE_NONE;
}

/* ---- the table ---- */

static int32_t table_number(const uint8_t *table, uint64_t i)
{
    int32_t number;
    memcpy(&number, table + i * sizeof number, sizeof number);
    return number;
}

const uint8_t *rt__cfi_find(const struct rt__cfi_range *in, const uint8_t *header, uintptr_t pc)
{
    if (header < in->start || header >= in->end) {
        return NULL;
    }
    struct rt__cfi_reader r = {header, in->end, false};
    const uint8_t *head = rt__cfi_skip(&r, 4);
    uint64_t entry, count;
    if (head == NULL || head[0] != 1 || head[3] != TABLE_ENCODING) {
        return NULL;
    }
    if (!rt__cfi_format(&r, head[1], &entry) || !rt__cfi_format(&r, head[2], &count)) {
        return NULL;
    }
    const uint8_t *table = r.at;
    if (count == 0 || count > (uint64_t)(in->end - table) / 8) {
        return NULL;
    }
    int64_t wanted = (int64_t)(pc - (uintptr_t)header);
    uint64_t low = 0, high = count; /* the last entry that does not begin behind the pc is in [low, high) */
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (table_number(table, middle * 2) <= wanted) {
            low = middle;
        } else {
            high = middle;
        }
    }
    int64_t at = table_number(table, low * 2 + 1);
    if (at < in->start - header || at >= in->end - header) {
        return NULL;
    }
    return header + at;
}

/* ---- entries ---- */

/* The bytes of the entry that begins at `at`, behind its length. An extended length (4 GiB) and the end
 * mark, a length of 0, are refused. */
static bool open_entry(const struct rt__cfi_range *in, const uint8_t *at, struct rt__cfi_reader *r)
{
    *r = (struct rt__cfi_reader){at, in->end, false};
    uint64_t length = rt__cfi_fixed(r, 4);
    if (r->failed || length == 0 || length > (uint64_t)(r->end - r->at)) {
        return false;
    }
    r->end = r->at + length;
    return true;
}

/* Reads the letters of a CIE's augmentation that say something: how addresses are encoded, signal frames. */
static bool read_augmentation(struct rt__cfi_machine *m, const char *letters, struct rt__cfi_reader *r)
{
    uint64_t ignored;
    m->encoding = FORMAT_ABSPTR;
    m->has_augmentation = letters[0] == 'z';
    if (!m->has_augmentation) {
        return letters[0] == '\0';
    }
    uint64_t length = rt__cfi_leb(r, false);
    struct rt__cfi_reader data = {r->at, r->at, false};
    if (rt__cfi_skip(r, length) == NULL) {
        return false;
    }
    data.end = r->at;
    for (letters++; *letters != '\0'; letters++) {
        uint8_t encoding;
        switch (*letters) {
        case 'R':
            m->encoding = (uint8_t)rt__cfi_fixed(&data, 1);
            break;
        case 'S':
            m->is_signal = true;
            break;
        case 'L':
            rt__cfi_skip(&data, 1);
            break;
        case 'P':
            encoding = (uint8_t)rt__cfi_fixed(&data, 1);
            if ((encoding & RELATIVE_MASK) == RELATIVE_ALIGNED || !rt__cfi_format(&data, encoding, &ignored)) {
                return false;
            }
            break;
        default:
            return false;
        }
    }
    return !data.failed;
}

/* Leaves r at the CIE's instructions. */
static bool read_cie(struct rt__cfi_machine *m, struct rt__cfi_reader *r)
{
    uint64_t id = rt__cfi_fixed(r, 4), version = rt__cfi_fixed(r, 1);
    if (r->failed || id != 0 || (version != 1 && version != 3)) {
        return false;
    }
    const char *letters = (const char *)r->at;
    while (rt__cfi_fixed(r, 1) != 0) {
    }
    if (r->failed) {
        return false;
    }
    m->code_align = rt__cfi_leb(r, false);
    m->data_align = rt__cfi_leb(r, true);
    uint64_t return_register = version == 1 ? rt__cfi_fixed(r, 1) : rt__cfi_leb(r, false);
    return return_register == RT__RIP && read_augmentation(m, letters, r) && !r->failed;
}

bool rt__cfi_read(const struct rt__cfi_range *in, const uint8_t *entry, uintptr_t pc, struct rt__cfi_rule *rule)
{
    struct rt__cfi_machine m = {.pc = pc};
    struct rt__cfi_reader fde, cie;
    uint64_t size;
    if (entry < in->start || entry >= in->end || !open_entry(in, entry, &fde)) {
        return false;
    }
    const uint8_t *here = fde.at;
    uint64_t back = rt__cfi_fixed(&fde, 4);
    if (back == 0 || back > (uint64_t)(here - in->start)) {
        return false;
    }
    if (!open_entry(in, here - back, &cie) || !read_cie(&m, &cie)) {
        return false;
    }
    if (!rt__cfi_address(&fde, m.encoding, &m.location) || !rt__cfi_format(&fde, m.encoding, &size)) {
        return false;
    }
    if (pc - m.location >= size) {
        return false;
    }
    if (m.has_augmentation) {
        rt__cfi_skip(&fde, rt__cfi_leb(&fde, false));
    }
    if (fde.failed || !rt__cfi_run(&m, &cie)) {
        return false;
    }
    m.initial = m.row;
    if (!rt__cfi_run(&m, &fde)) {
        return false;
    }
    if (m.is_signal) {
        *rule = (struct rt__cfi_rule){.flags = RT__CFI_IS_RULE | RT__CFI_IS_SIGNAL};
        return true;
    }
    return rt__cfi_pack(&m.row, pc, rule);
}
