/* cfi_expr.c - DWARF expressions in call frame information, worked out without registers.
 *
 * A rule is kept for many walks, so an expression is not computed but reduced: to a register and an offset, or to what
 * stands at such a place and an offset. The pc is known, so what depends on it is a number: the PLT's expression (rsp +
 * 8, and 8 more behind its push) becomes an offset. Three forms cover what compilers, linkers and OpenSSL's assembler
 * write for x86-64; others, such as a sum of two registers, are refused, as are jumps. So every expression ends.
 */
#include "runtime/unwind/cfi_row.h"

#define DEPTH 8 /* values on the stack; what is met in practice needs 3 */

enum {
    OP_DEREF = 0x06,
    OP_CONST1U = 0x08, /* then 1s, 2u, 2s, 4u, 4s, 8u, 8s */
    OP_CONST8S = 0x0f,
    OP_CONSTU = 0x10,
    OP_CONSTS = 0x11,
    OP_DUP = 0x12,
    OP_DROP = 0x13,
    OP_SWAP = 0x16,
    OP_AND = 0x1a,
    OP_MINUS = 0x1c,
    OP_MUL = 0x1e,
    OP_NEG = 0x1f,
    OP_NOT = 0x20,
    OP_OR = 0x21,
    OP_PLUS = 0x22,
    OP_PLUS_UCONST = 0x23,
    OP_SHL = 0x24,
    OP_SHR = 0x25,
    OP_SHRA = 0x26,
    OP_XOR = 0x27,
    OP_EQ = 0x29,
    OP_GE = 0x2a,
    OP_GT = 0x2b,
    OP_LE = 0x2c,
    OP_LT = 0x2d,
    OP_NE = 0x2e,
    OP_LIT0 = 0x30,
    OP_LIT31 = 0x4f,
    OP_BREG0 = 0x70,
    OP_BREG16 = 0x80, /* rip */
    OP_NOP = 0x96,
};

struct stack {
    struct rt__cfi_value values[DEPTH];
    unsigned depth;
};

static bool push(struct stack *s, struct rt__cfi_value value)
{
    if (s->depth == DEPTH) {
        return false;
    }
    s->values[s->depth++] = value;
    return true;
}

static bool push_number(struct stack *s, uint64_t number)
{
    return push(s, (struct rt__cfi_value){.kind = RT__CFI_NUMBER, .offset = number});
}

static void add(struct rt__cfi_value *value, uint64_t number)
{
    *(value->kind == RT__CFI_MEMORY ? &value->after : &value->offset) += number;
}

static bool compute(uint8_t op, uint64_t a, uint64_t b, uint64_t *result)
{
    int64_t sa = (int64_t)a, sb = (int64_t)b;
    switch (op) {
    case OP_AND:
        *result = a & b;
        return true;
    case OP_OR:
        *result = a | b;
        return true;
    case OP_XOR:
        *result = a ^ b;
        return true;
    case OP_MUL:
        *result = a * b;
        return true;
    case OP_SHL:
        *result = b < 64 ? a << b : 0;
        return true;
    case OP_SHR:
        *result = b < 64 ? a >> b : 0;
        return true;
    case OP_SHRA:
        *result = (uint64_t)(sa >> (b < 64 ? b : 63));
        return true;
    case OP_EQ:
        *result = a == b;
        return true;
    case OP_NE:
        *result = a != b;
        return true;
    case OP_GE:
        *result = sa >= sb;
        return true;
    case OP_GT:
        *result = sa > sb;
        return true;
    case OP_LE:
        *result = sa <= sb;
        return true;
    case OP_LT:
        *result = sa < sb;
        return true;
    default:
        return false;
    }
}

static bool do_binary(struct stack *s, uint8_t op)
{
    if (s->depth < 2) {
        return false;
    }
    struct rt__cfi_value *a = &s->values[s->depth - 2], *b = a + 1;
    s->depth--;
    if (op == OP_PLUS && a->kind == RT__CFI_NUMBER) {
        struct rt__cfi_value number = *a;
        *a = *b;
        *b = number;
    }
    if (b->kind != RT__CFI_NUMBER) {
        return false;
    }
    if (op == OP_PLUS || op == OP_MINUS) {
        add(a, op == OP_PLUS ? b->offset : -b->offset);
        return true;
    }
    return a->kind == RT__CFI_NUMBER && compute(op, a->offset, b->offset, &a->offset);
}

static bool do_unary(struct stack *s, struct rt__cfi_reader *code, uint8_t op)
{
    if (s->depth == 0) {
        return false;
    }
    struct rt__cfi_value *top = &s->values[s->depth - 1];
    switch (op) {
    case OP_DUP:
        return push(s, *top);
    case OP_DROP:
        s->depth--;
        return true;
    case OP_PLUS_UCONST:
        add(top, rt__cfi_leb(code, false));
        return true;
    case OP_DEREF:
        if (top->kind != RT__CFI_REGISTER) {
            return false;
        }
        top->kind = RT__CFI_MEMORY;
        return true;
    case OP_NEG:
    case OP_NOT:
        top->offset = op == OP_NEG ? -top->offset : ~top->offset;
        return top->kind == RT__CFI_NUMBER;
    default:
        return false;
    }
}

static bool do_swap(struct stack *s)
{
    if (s->depth < 2) {
        return false;
    }
    struct rt__cfi_value top = s->values[s->depth - 1];
    s->values[s->depth - 1] = s->values[s->depth - 2];
    s->values[s->depth - 2] = top;
    return true;
}

static bool do_one(struct stack *s, struct rt__cfi_reader *code, uintptr_t pc)
{
    uint8_t op = (uint8_t)rt__cfi_fixed(code, 1);
    if (op >= OP_LIT0 && op <= OP_LIT31) {
        return push_number(s, op - OP_LIT0);
    }
    if (op >= OP_CONST1U && op <= OP_CONST8S) {
        unsigned size = 1u << (op - OP_CONST1U) / 2;
        return push_number(s, op & 1 ? rt__cfi_signed(code, size) : rt__cfi_fixed(code, size));
    }
    if (op >= OP_BREG0 && op < OP_BREG16) {
        return push(s, (struct rt__cfi_value){
                           .kind = RT__CFI_REGISTER, .reg = op - OP_BREG0, .offset = rt__cfi_leb(code, true)});
    }
    switch (op) {
    case OP_BREG16:
        return push_number(s, pc + rt__cfi_leb(code, true));
    case OP_CONSTU:
    case OP_CONSTS:
        return push_number(s, rt__cfi_leb(code, op == OP_CONSTS));
    case OP_SWAP:
        return do_swap(s);
    case OP_NOP:
        return true;
    case OP_DUP:
    case OP_DROP:
    case OP_PLUS_UCONST:
    case OP_DEREF:
    case OP_NEG:
    case OP_NOT:
        return do_unary(s, code, op);
    default:
        return do_binary(s, op);
    }
}

bool rt__cfi_evaluate(struct rt__cfi_reader code, uintptr_t pc, bool starts_with_cfa, struct rt__cfi_value *result)
{
    struct stack s = {0};
    if (starts_with_cfa) {
        push(&s, (struct rt__cfi_value){.kind = RT__CFI_CFA});
    }
    while (code.at < code.end) {
        if (!do_one(&s, &code, pc) || code.failed) {
            return false;
        }
    }
    if (s.depth == 0) {
        return false;
    }
    *result = s.values[s.depth - 1];
    return true;
}
