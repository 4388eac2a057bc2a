/* cfi_row.h - what the parts of cfi.c pass to each other: a bounded reader, rows, and the machine that makes them. */
#ifndef RT_UNWIND_CFI_ROW_H
#define RT_UNWIND_CFI_ROW_H

#include <string.h>
#include "runtime/unwind/cfi.h"

struct rt__cfi_reader {
    const uint8_t *at, *end;
    bool failed; /* something was read past the end; all that follows is 0 */
};

static inline const uint8_t *rt__cfi_skip(struct rt__cfi_reader *r, uint64_t size)
{
    const uint8_t *from = r->at;
    if (size > (uint64_t)(r->end - r->at)) {
        r->failed = true;
        r->at = r->end;
        return NULL;
    }
    r->at += size;
    return from;
}

/* An unsigned number of up to 8 bytes. */
static inline uint64_t rt__cfi_fixed(struct rt__cfi_reader *r, unsigned size)
{
    uint64_t value = 0;
    const uint8_t *from = rt__cfi_skip(r, size);
    if (from != NULL) {
        memcpy(&value, from, size);
    }
    return value;
}

/* A two's complement number of up to 8 bytes, as 64 bits. */
static inline uint64_t rt__cfi_signed(struct rt__cfi_reader *r, unsigned size)
{
    uint64_t sign = UINT64_C(1) << (size * 8 - 1);
    return (rt__cfi_fixed(r, size) ^ sign) - sign;
}

/* LEB128. Bits beyond the 64th are lost. */
static inline uint64_t rt__cfi_leb(struct rt__cfi_reader *r, bool is_signed)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = (uint8_t)rt__cfi_fixed(r, 1);
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        shift += 7;
    } while (byte & 0x80);
    if (is_signed && (byte & 0x40) && shift < 64) {
        value |= ~UINT64_C(0) << shift;
    }
    return value;
}

/* How a value is encoded (the Linux Standard Base's DW_EH_PE_*): a format, and what it is relative to. */
bool rt__cfi_format(struct rt__cfi_reader *r, uint8_t encoding, uint64_t *value);  /* by the format alone */
bool rt__cfi_address(struct rt__cfi_reader *r, uint8_t encoding, uint64_t *value); /* as it is or relative to itself */

/* Where one register is, or what the CFA is. Kept small: a machine stands on the stack of a signal handler. */
struct rt__cfi_place {
    uint8_t how; /* enum rt__cfi_how */
    uint8_t reg; /* RT__REGISTERS: one that is not followed */
    uint32_t code_size;
    union {
        uint64_t offset;
        const uint8_t *code;
    };
};

enum rt__cfi_how {
    RT__CFI_SAME,
    RT__CFI_UNDEFINED,
    RT__CFI_AT_CFA,      /* stands at the CFA + offset */
    RT__CFI_IN_REGISTER, /* a register; for the CFA: + offset */
    RT__CFI_BY_CODE,     /* an expression */
    RT__CFI_NOT_KNOWN,   /* by a way that is not understood */
};

/* The rows' columns: rt__cfi_kept's registers, then the return address. */
#define RT__CFI_RETURN RT__CFI_KEPT
#define RT__CFI_COLUMNS (RT__CFI_KEPT + 1)
#define RT__CFI_REMEMBERED 4 /* rows on the stack of remember_state; gcc and clang use 1 */

struct rt__cfi_row {
    struct rt__cfi_place cfa, columns[RT__CFI_COLUMNS];
};

struct rt__cfi_machine {
    struct rt__cfi_row row, initial, remembered[RT__CFI_REMEMBERED];
    struct rt__cfi_place ignored; /* the column of all other registers */
    unsigned depth;
    uintptr_t location, pc;
    bool passed; /* the row for the pc is reached */
    uint64_t code_align, data_align;
    uint8_t encoding; /* of addresses in the entry */
    bool has_augmentation, is_signal;
};

/* Runs instructions until they end or would pass the pc; false when one is not understood. */
bool rt__cfi_run(struct rt__cfi_machine *m, struct rt__cfi_reader *code);
bool rt__cfi_pack(const struct rt__cfi_row *row, uintptr_t pc, struct rt__cfi_rule *rule);

/* What an expression comes to, as far as it can be known without registers and memory. */
struct rt__cfi_value {
    enum { RT__CFI_NUMBER, RT__CFI_REGISTER, RT__CFI_CFA, RT__CFI_MEMORY } kind;
    uint8_t reg;
    uint64_t offset; /* the number; from the register or the CFA; MEMORY: where to read, from the register */
    uint64_t after;  /* MEMORY: added to what was read */
};

/* starts_with_cfa: the CFA is on the expression's stack when it begins, as it is for saved registers. */
bool rt__cfi_evaluate(struct rt__cfi_reader code, uintptr_t pc, bool starts_with_cfa, struct rt__cfi_value *result);

#endif
