/* cfi.h - call frame information: how the frame of one pc is undone. Pure: bytes in, a rule out.
 *
 *   cfi.c       finds the entry of a pc (.eh_frame_hdr) and reads it (.eh_frame)
 *   cfi_run.c   runs it up to the pc
 *   cfi_expr.c  works out the DWARF expressions in it
 *   cfi_pack.c  makes a rule of what came out
 *
 * x86-64 only. What it does not understand, and all that is malformed, gives no rule. No byte outside of the range
 * that the caller says is ever read, so the bytes need not be trusted.
 */
#ifndef RT_UNWIND_CFI_H
#define RT_UNWIND_CFI_H

#include <stdbool.h>
#include <stdint.h>

/* DWARF's numbers of the registers that are spoken of. */
enum { RT__RBX = 3, RT__RBP = 6, RT__RSP = 7, RT__RIP = 16, RT__REGISTERS };

/* The registers that a function must give back as it found them, rsp aside: all others mean nothing to a caller. */
#define RT__CFI_KEPT 6
static const uint8_t rt__cfi_kept[RT__CFI_KEPT] = {RT__RBX, RT__RBP, 12, 13, 14, 15};

/* What a rule says beyond the usual: a frame whose CFA is a register + offset, with all that was saved, the return
 * address too, at places relative to it. 0 is no rule. */
enum {
    RT__CFI_IS_RULE = 1,
    RT__CFI_IS_INDIRECT = 2,   /* the CFA is what stands at register + offset, + cfa_after */
    RT__CFI_IN_BASE = 4,       /* some registers are saved relative to base_reg */
    RT__CFI_RETURN_IN_REG = 8, /* the return address is in return_reg */
    RT__CFI_IS_OUTERMOST = 16, /* there is none; nothing else of the rule is set */
    RT__CFI_IS_SIGNAL = 32,    /* what a signal handler returns to; nothing else of the rule is set */
};

/* With a key of 8 bytes two of them fill a line of the processor's cache (rules.h). */
struct rt__cfi_rule {
    int32_t cfa_offset; /* the CFA, which is the caller's rsp: cfa_reg + cfa_offset */
    int16_t cfa_after;
    int16_t return_words;        /* where the return address is, in words from the CFA */
    int16_t words[RT__CFI_KEPT]; /* where rt__cfi_kept[i] is saved, in words from the CFA; 0: it is not */
    uint8_t flags;
    uint8_t by_base; /* bit i: words[i] is from base_reg, and may be 0 */
    uint8_t cfa_reg;
    uint8_t base_reg : 4, return_reg : 4;
};

struct rt__cfi_range {
    const uint8_t *start, *end;
};

/* The entry (FDE) that the table of an .eh_frame_hdr gives for a pc, which may still be of another function;
 * NULL when the header is not within the range or its table is not of the one form that linkers write. */
const uint8_t *rt__cfi_find(const struct rt__cfi_range *in, const uint8_t *header, uintptr_t pc);

/* False when the entry is not about this pc, or cannot be understood. */
bool rt__cfi_read(const struct rt__cfi_range *in, const uint8_t *entry, uintptr_t pc, struct rt__cfi_rule *rule);

#endif
