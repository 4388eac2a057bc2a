/* cfi_run.c - runs the instructions of call frame information up to one pc.
 *
 * They are a small program: it begins with the row that a CIE makes and changes it each time the location moves on. It
 * is run until the location would pass the pc. Only what a walk needs is kept of a row: the CFA, the six registers that
 * calls preserve, the return address. What is said of other registers is read and forgotten; rsp itself is the
 * CFA, by the definition of the latter on x86-64.
 */
#include "runtime/unwind/cfi_row.h"

enum {
    CFA_NOP = 0x00,
    CFA_SET_LOC = 0x01,
    CFA_ADVANCE_LOC1 = 0x02,
    CFA_ADVANCE_LOC2 = 0x03,
    CFA_ADVANCE_LOC4 = 0x04,
    CFA_OFFSET_EXTENDED = 0x05,
    CFA_RESTORE_EXTENDED = 0x06,
    CFA_UNDEFINED = 0x07,
    CFA_SAME_VALUE = 0x08,
    CFA_REGISTER = 0x09,
    CFA_REMEMBER_STATE = 0x0a,
    CFA_RESTORE_STATE = 0x0b,
    CFA_DEF_CFA = 0x0c,
    CFA_DEF_CFA_REGISTER = 0x0d,
    CFA_DEF_CFA_OFFSET = 0x0e,
    CFA_DEF_CFA_EXPRESSION = 0x0f,
    CFA_EXPRESSION = 0x10,
    CFA_OFFSET_EXTENDED_SF = 0x11,
    CFA_DEF_CFA_SF = 0x12,
    CFA_DEF_CFA_OFFSET_SF = 0x13,
    CFA_VAL_OFFSET = 0x14,
    CFA_VAL_OFFSET_SF = 0x15,
    CFA_VAL_EXPRESSION = 0x16,
    CFA_GNU_ARGS_SIZE = 0x2e,
    CFA_GNU_NEGATIVE_OFFSET = 0x2f,
    CFA_ADVANCE_LOC = 0x40, /* these three: an operand in the low 6 bits */
    CFA_OFFSET = 0x80,
    CFA_RESTORE = 0xc0,
    CFA_LOW_BITS = 0x3f,
};

static struct rt__cfi_place *column(struct rt__cfi_machine *m, uint64_t reg)
{
    for (unsigned i = 0; i < RT__CFI_KEPT; i++) {
        if (rt__cfi_kept[i] == reg) {
            return &m->row.columns[i];
        }
    }
    return reg == RT__RIP ? &m->row.columns[RT__CFI_RETURN] : &m->ignored;
}

static void restore(struct rt__cfi_machine *m, uint64_t reg)
{
    struct rt__cfi_place *place = column(m, reg);
    if (place != &m->ignored) {
        *place = m->initial.columns[place - m->row.columns];
    }
}

static void advance(struct rt__cfi_machine *m, uint64_t units)
{
    uintptr_t to = m->location + units * m->code_align;
    m->passed = to > m->pc;
    m->location = to;
}

static struct rt__cfi_place by_code(struct rt__cfi_reader *r)
{
    uint64_t size = rt__cfi_leb(r, false);
    const uint8_t *code = rt__cfi_skip(r, size);
    /* An entry is shorter than 4 GiB, and so is what was not refused just now. */
    return (struct rt__cfi_place){.how = RT__CFI_BY_CODE, .code_size = (uint32_t)size, .code = code};
}

/* All from 16 on are the same to us: none holds a CFA or a return address. */
static uint8_t register_number(uint64_t reg)
{
    return reg < RT__RIP ? (uint8_t)reg : RT__REGISTERS;
}

static void at_cfa(struct rt__cfi_machine *m, uint64_t reg, uint64_t units)
{
    *column(m, reg) = (struct rt__cfi_place){.how = RT__CFI_AT_CFA, .offset = units * m->data_align};
}

static void define_cfa(struct rt__cfi_machine *m, uint64_t reg, uint64_t offset)
{
    m->row.cfa = (struct rt__cfi_place){.how = RT__CFI_IN_REGISTER, .reg = register_number(reg), .offset = offset};
}

static bool do_cfa(struct rt__cfi_machine *m, struct rt__cfi_reader *r, uint8_t op)
{
    uint64_t reg, offset;
    switch (op) {
    case CFA_DEF_CFA:
        reg = rt__cfi_leb(r, false);
        define_cfa(m, reg, rt__cfi_leb(r, false));
        return true;
    case CFA_DEF_CFA_SF:
        reg = rt__cfi_leb(r, false);
        define_cfa(m, reg, rt__cfi_leb(r, true) * m->data_align);
        return true;
    case CFA_DEF_CFA_REGISTER:
        if (m->row.cfa.how != RT__CFI_IN_REGISTER) {
            return false; /* there is no offset to keep */
        }
        define_cfa(m, rt__cfi_leb(r, false), m->row.cfa.offset);
        return true;
    case CFA_DEF_CFA_OFFSET:
    case CFA_DEF_CFA_OFFSET_SF:
        offset = op == CFA_DEF_CFA_OFFSET ? rt__cfi_leb(r, false) : rt__cfi_leb(r, true) * m->data_align;
        m->row.cfa.offset = offset;
        return m->row.cfa.how == RT__CFI_IN_REGISTER;
    case CFA_DEF_CFA_EXPRESSION:
        m->row.cfa = by_code(r);
        return true;
    case CFA_REMEMBER_STATE:
        if (m->depth == RT__CFI_REMEMBERED) {
            return false;
        }
        m->remembered[m->depth++] = m->row;
        return true;
    case CFA_RESTORE_STATE:
        if (m->depth == 0) {
            return false;
        }
        m->row = m->remembered[--m->depth];
        return true;
    default:
        return false;
    }
}

static bool do_register(struct rt__cfi_machine *m, struct rt__cfi_reader *r, uint8_t op)
{
    uint64_t reg = rt__cfi_leb(r, false);
    switch (op) {
    case CFA_OFFSET_EXTENDED:
        at_cfa(m, reg, rt__cfi_leb(r, false));
        return true;
    case CFA_OFFSET_EXTENDED_SF:
        at_cfa(m, reg, rt__cfi_leb(r, true));
        return true;
    case CFA_GNU_NEGATIVE_OFFSET:
        at_cfa(m, reg, -rt__cfi_leb(r, false));
        return true;
    case CFA_RESTORE_EXTENDED:
        restore(m, reg);
        return true;
    case CFA_UNDEFINED:
        *column(m, reg) = (struct rt__cfi_place){.how = RT__CFI_UNDEFINED};
        return true;
    case CFA_SAME_VALUE:
        *column(m, reg) = (struct rt__cfi_place){.how = RT__CFI_SAME};
        return true;
    case CFA_REGISTER:
        *column(m, reg) =
            (struct rt__cfi_place){.how = RT__CFI_IN_REGISTER, .reg = register_number(rt__cfi_leb(r, false))};
        return true;
    case CFA_EXPRESSION:
        *column(m, reg) = by_code(r);
        return true;
    case CFA_VAL_OFFSET:
    case CFA_VAL_OFFSET_SF:
        rt__cfi_leb(r, false);
        *column(m, reg) = (struct rt__cfi_place){.how = RT__CFI_NOT_KNOWN};
        return true;
    case CFA_VAL_EXPRESSION:
        by_code(r);
        *column(m, reg) = (struct rt__cfi_place){.how = RT__CFI_NOT_KNOWN};
        return true;
    default:
        return false;
    }
}

static bool do_location(struct rt__cfi_machine *m, struct rt__cfi_reader *r, uint8_t op)
{
    uint64_t to;
    switch (op) {
    case CFA_SET_LOC:
        if (!rt__cfi_address(r, m->encoding, &to)) {
            return false;
        }
        m->passed = to > m->pc;
        m->location = to;
        return true;
    case CFA_ADVANCE_LOC1:
    case CFA_ADVANCE_LOC2:
    case CFA_ADVANCE_LOC4:
        advance(m, rt__cfi_fixed(r, 1u << (op - CFA_ADVANCE_LOC1)));
        return true;
    case CFA_GNU_ARGS_SIZE:
        rt__cfi_leb(r, false);
        return true;
    default:
        return op == CFA_NOP;
    }
}

static bool do_one(struct rt__cfi_machine *m, struct rt__cfi_reader *r)
{
    uint8_t op = (uint8_t)rt__cfi_fixed(r, 1), low = op & CFA_LOW_BITS;
    switch (op & ~CFA_LOW_BITS) {
    case CFA_ADVANCE_LOC:
        advance(m, low);
        return true;
    case CFA_OFFSET:
        at_cfa(m, low, rt__cfi_leb(r, false));
        return true;
    case CFA_RESTORE:
        restore(m, low);
        return true;
    }
    if (op <= CFA_ADVANCE_LOC4 || op == CFA_GNU_ARGS_SIZE) {
        return do_location(m, r, op);
    }
    if (op >= CFA_REMEMBER_STATE && op <= CFA_DEF_CFA_EXPRESSION) {
        return do_cfa(m, r, op);
    }
    if (op == CFA_DEF_CFA_SF || op == CFA_DEF_CFA_OFFSET_SF) {
        return do_cfa(m, r, op);
    }
    return do_register(m, r, op);
}

bool rt__cfi_run(struct rt__cfi_machine *m, struct rt__cfi_reader *r)
{
    while (r->at < r->end && !m->passed) {
        if (!do_one(m, r) || r->failed) {
            return false;
        }
    }
    return true;
}
