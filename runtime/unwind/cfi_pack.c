/* cfi_pack.c - makes a rule of a row: what its places are, reduced and checked to fit.
 *
 * Numbers that do not fit are no loss: they would be frames of 2 GiB, or registers saved 256 KiB from the CFA.
 */
#include "runtime/unwind/cfi_row.h"

#define WORD 8

static bool evaluate(const struct rt__cfi_place *place, uintptr_t pc, bool starts_with_cfa, struct rt__cfi_value *value)
{
    struct rt__cfi_reader code = {place->code, place->code + place->code_size, false};
    return rt__cfi_evaluate(code, pc, starts_with_cfa, value);
}

static bool pack_cfa(const struct rt__cfi_place *cfa, uintptr_t pc, struct rt__cfi_rule *rule)
{
    struct rt__cfi_value value = {.kind = RT__CFI_REGISTER, .reg = cfa->reg, .offset = cfa->offset};
    if (cfa->how == RT__CFI_BY_CODE ? !evaluate(cfa, pc, false, &value) : cfa->how != RT__CFI_IN_REGISTER) {
        return false;
    }
    if (value.kind != RT__CFI_REGISTER && value.kind != RT__CFI_MEMORY) {
        return false;
    }
    rule->cfa_reg = value.reg & 15;
    rule->cfa_offset = (int32_t)value.offset;
    bool is_indirect = value.kind == RT__CFI_MEMORY;
    rule->flags |= is_indirect ? RT__CFI_IS_INDIRECT : 0;
    rule->cfa_after = is_indirect ? (int16_t)value.after : 0;
    return value.reg < RT__RIP && (uint64_t)rule->cfa_offset == value.offset &&
           (!is_indirect || (uint64_t)rule->cfa_after == value.after);
}

/* Words from the CFA, or from a register (*reg) when *by_base. */
static bool pack_place(const struct rt__cfi_place *place, uintptr_t pc, int16_t *words, bool *by_base, uint8_t *reg)
{
    struct rt__cfi_value value = {.kind = RT__CFI_CFA, .offset = place->offset};
    if (place->how == RT__CFI_BY_CODE && !evaluate(place, pc, true, &value)) {
        return false;
    }
    if (value.kind != RT__CFI_CFA && value.kind != RT__CFI_REGISTER) {
        return false;
    }
    *by_base = value.kind == RT__CFI_REGISTER;
    *reg = value.reg;
    *words = (int16_t)((int64_t)value.offset / WORD);
    return (uint64_t)((int64_t)*words * WORD) == value.offset;
}

static bool pack_saved(const struct rt__cfi_row *row, uintptr_t pc, struct rt__cfi_rule *rule)
{
    int base = -1; /* one register for all, as compilers do when they align the stack */
    for (unsigned i = 0; i < RT__CFI_KEPT; i++) {
        const struct rt__cfi_place *place = &row->columns[i];
        bool by_base;
        uint8_t reg;
        if (place->how == RT__CFI_SAME || place->how == RT__CFI_UNDEFINED) {
            continue;
        }
        if (place->how != RT__CFI_AT_CFA && place->how != RT__CFI_BY_CODE) {
            return false;
        }
        if (!pack_place(place, pc, &rule->words[i], &by_base, &reg) || (by_base && base >= 0 && base != reg)) {
            return false;
        }
        if (by_base) {
            base = reg;
            rule->flags |= RT__CFI_IN_BASE;
            rule->base_reg = reg & 15;
            rule->by_base |= (uint8_t)(1u << i);
        } else if (rule->words[i] == 0) {
            return false; /* at the CFA, which is the caller's */
        }
    }
    return true;
}

static bool pack_return(const struct rt__cfi_place *place, uintptr_t pc, struct rt__cfi_rule *rule)
{
    bool by_base;
    uint8_t reg;
    switch (place->how) {
    case RT__CFI_UNDEFINED:
        rule->flags |= RT__CFI_IS_OUTERMOST;
        return true;
    case RT__CFI_IN_REGISTER:
        rule->flags |= RT__CFI_RETURN_IN_REG;
        rule->return_reg = place->reg & 15;
        return place->reg < RT__RIP;
    case RT__CFI_AT_CFA:
    case RT__CFI_BY_CODE:
        return pack_place(place, pc, &rule->return_words, &by_base, &reg) && !by_base;
    default:
        return false;
    }
}

bool rt__cfi_pack(const struct rt__cfi_row *row, uintptr_t pc, struct rt__cfi_rule *rule)
{
    *rule = (struct rt__cfi_rule){.flags = RT__CFI_IS_RULE};
    if (!pack_return(&row->columns[RT__CFI_RETURN], pc, rule)) {
        return false;
    }
    if (rule->flags & RT__CFI_IS_OUTERMOST) {
        return true;
    }
    return pack_cfa(&row->cfa, pc, rule) && pack_saved(row, pc, rule);
}
