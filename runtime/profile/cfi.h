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
#ifndef RT_PROFILE_CFI_H
#define RT_PROFILE_CFI_H

#include <stdbool.h>
#include <stdint.h>

/* DWARF's numbers of the registers that are spoken of. */
enum { RT__RBX = 3, RT__RBP = 6, RT__RSP = 7, RT__RIP = 16, RT__REGISTERS };

/* The registers that a function must give back as it found them, rsp aside: all others mean nothing to a caller. */
#define RT__CFI_KEPT 6
static const uint8_t rt__cfi_kept[RT__CFI_KEPT] = {RT__RBX, RT__RBP, 12, 13, 14, 15};

enum rt__cfi_return { RT__RETURN_IN_FRAME, RT__RETURN_IN_REGISTER, RT__RETURN_UNDEFINED /* the outermost frame */ };

/* With a key of 8 bytes two of them fill a line of the processor's cache (rules.c). */
struct rt__cfi_rule {
    int32_t cfa_offset;          /* the CFA, which is the caller's rsp: cfa_reg + cfa_offset */
    int16_t cfa_after;           /* is_indirect: what stands there, + cfa_after */
    int16_t return_words;        /* where the return address is, in words from the CFA */
    int16_t words[RT__CFI_KEPT]; /* where saved registers are, in words from the CFA or from base_reg */
    uint32_t cfa_reg : 4;
    uint32_t base_reg : 4;
    uint32_t return_reg : 4;
    uint32_t return_how : 2;
    uint32_t is_indirect : 1;
    uint32_t is_signal : 1;          /* what a signal handler returns to; nothing else of the rule is set */
    uint32_t is_none : 1;            /* for caches: that there is no rule */
    uint32_t saved : RT__CFI_KEPT;   /* bit i: rt__cfi_kept[i] is saved */
    uint32_t by_base : RT__CFI_KEPT; /* bit i: in words from base_reg */
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
