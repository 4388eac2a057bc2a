/* Call frame information: entries made by hand, those of all loaded objects, and broken ones between two guard pages.
 */
#define _GNU_SOURCE 1
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/unwind/cfi.h"

#define PC 0x10000u
#define SIZE 0x1000u
#define PAGE 4096u

/* ---- entries made by hand ---- */

static struct {
    uint8_t bytes[2048];
    size_t size, cie, fde;
} section;

#define INSTRUCTIONS(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void add(const void *bytes, size_t size)
{
    assert_true(section.size + size <= sizeof section.bytes);
    memcpy(section.bytes + section.size, bytes, size);
    section.size += size;
}

static void add_number(uint64_t number, size_t size)
{
    add(&number, size);
}

static size_t begin_entry(void)
{
    size_t at = section.size;
    add_number(0, 4);
    return at;
}

static void end_entry(size_t at)
{
    uint32_t length = (uint32_t)(section.size - at - 4);
    memcpy(section.bytes + at, &length, sizeof length);
}

/* letters: the augmentation, with its data. The usual row: CFA = rsp + 8, the return address just below. */
static void add_cie(const char *letters, const uint8_t *data, size_t data_size)
{
    static const uint8_t usual[] = {0x0c, 7, 8, 0x80 | 16, 1};
    section.cie = begin_entry();
    add_number(0, 4);
    add_number(1, 1);
    add(letters, strlen(letters) + 1);
    add_number(1, 1);    /* code alignment */
    add_number(0x78, 1); /* data alignment: -8 */
    add_number(16, 1);
    if (letters[0] == 'z') {
        add_number(data_size, 1);
        add(data, data_size);
    }
    add(usual, sizeof usual);
    end_entry(section.cie);
}

static void add_fde(const uint8_t *instructions, size_t size)
{
    section.fde = begin_entry();
    add_number(section.size - section.cie, 4);
    add_number(PC, 8);
    add_number(SIZE, 8);
    add(instructions, size);
    end_entry(section.fde);
}

static void entry(const uint8_t *instructions, size_t size)
{
    section.size = 0;
    add_cie("", NULL, 0);
    add_fde(instructions, size);
}

static bool rule_at(uintptr_t pc, struct rt__cfi_rule *rule)
{
    struct rt__cfi_range in = {section.bytes, section.bytes + section.size};
    return rt__cfi_read(&in, section.bytes + section.fde, pc, rule);
}

static struct rt__cfi_rule rule(uintptr_t offset)
{
    struct rt__cfi_rule found;
    assert_true(rule_at(PC + offset, &found));
    return found;
}

/* Bit i: words[i] says where a register is. */
static unsigned saved(uintptr_t offset)
{
    struct rt__cfi_rule r = rule(offset);
    unsigned bits = 0;
    for (unsigned i = 0; i < RT__CFI_KEPT; i++)
        bits |= (unsigned)(r.words[i] != 0) << i;
    return bits;
}

static void assert_cfa(uintptr_t offset, unsigned reg, int cfa_offset)
{
    struct rt__cfi_rule r = rule(offset);
    assert_int_equal(r.cfa_reg, reg);
    assert_int_equal(r.cfa_offset, cfa_offset);
    assert_int_equal(r.flags, RT__CFI_IS_RULE);
    assert_int_equal(r.return_words, -1);
}

static void assert_refused(const uint8_t *instructions, size_t size)
{
    struct rt__cfi_rule found;
    entry(instructions, size);
    assert_false(rule_at(PC, &found));
}

static void a_rule_is_that_of_the_row_which_the_pc_is_in(void **state)
{
    (void)state;
    /* push %rbp; mov %rsp, %rbp; push %rbx; ... leave */
    entry(INSTRUCTIONS(0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x41, 0x83, 3, 0x60, 0x0c, 7, 8));
    assert_cfa(0, RT__RSP, 8);
    assert_cfa(1, RT__RSP, 16);
    assert_cfa(3, RT__RSP, 16);
    assert_cfa(4, RT__RBP, 16);
    assert_cfa(5 + 31, RT__RBP, 16);
    assert_cfa(5 + 32, RT__RSP, 8);
    assert_cfa(SIZE - 1, RT__RSP, 8);
    assert_int_equal(saved(0), 0);
    assert_int_equal(saved(4), 2);
    assert_int_equal(rule(4).words[1], -2);
    assert_int_equal(saved(5), 3);
    assert_int_equal(rule(5).words[0], -3);
}

static void an_entry_says_nothing_of_other_pcs(void **state)
{
    (void)state;
    struct rt__cfi_rule found;
    entry(INSTRUCTIONS(0));
    assert_false(rule_at(PC - 1, &found));
    assert_false(rule_at(PC + SIZE, &found));
    assert_false(rule_at(0, &found));
    assert_false(rule_at(UINTPTR_MAX, &found));
}

static void a_remembered_row_comes_back_whole(void **state)
{
    (void)state;
    entry(INSTRUCTIONS(0x0e, 48, 0x8c, 4, 0x0a, 0x41, 0x0e, 8, 0xcc, 0x41, 0x0b));
    assert_cfa(0, RT__RSP, 48);
    assert_cfa(1, RT__RSP, 8);
    assert_int_equal(saved(1), 0);
    assert_cfa(2, RT__RSP, 48);
    assert_int_equal(saved(2), 4);
    assert_int_equal(rule(2).words[2], -4);
}

static void locations_advance_by_one_two_and_four_bytes_and_by_address(void **state)
{
    (void)state;
    entry(INSTRUCTIONS(0x02, 0x80, 0x0e, 16, 0x03, 0x00, 0x01, 0x0e, 24, 0x04, 0x00, 0x02, 0, 0, 0x0e, 32, 0x01, 0x00,
                       0x08, 0x01, 0, 0, 0, 0, 0, 0x0e, 40));
    assert_cfa(0x7f, RT__RSP, 8);
    assert_cfa(0x80, RT__RSP, 16);
    assert_cfa(0x17f, RT__RSP, 16);
    assert_cfa(0x180, RT__RSP, 24);
    assert_cfa(0x380, RT__RSP, 32);
    assert_cfa(0x7ff, RT__RSP, 32);
    assert_cfa(0x800, RT__RSP, 40);
}

static void the_expression_of_a_plt_depends_on_the_pc(void **state)
{
    (void)state;
    /* rsp + 8 + ((rip & 15) >= 11) * 8 */
    entry(INSTRUCTIONS(0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22));
    for (unsigned i = 0; i < 64; i++)
        assert_cfa(i, RT__RSP, i % 16 >= 11 ? 16 : 8);
}

static void a_realigned_stack_is_found_by_what_its_frame_keeps(void **state)
{
    (void)state;
    /* CFA = *(rbp - 8); rbp at rbp + 0, rbx at rbp - 24 */
    entry(INSTRUCTIONS(0x0f, 3, 0x76, 0x78, 0x06, 0x10, 6, 2, 0x76, 0, 0x10, 3, 2, 0x76, 0x68));
    struct rt__cfi_rule r = rule(0);
    assert_int_equal(r.flags, RT__CFI_IS_RULE | RT__CFI_IS_INDIRECT | RT__CFI_IN_BASE);
    assert_int_equal(r.cfa_reg, RT__RBP);
    assert_int_equal(r.cfa_offset, -8);
    assert_int_equal(r.cfa_after, 0);
    assert_int_equal(r.by_base, 3);
    assert_int_equal(r.base_reg, RT__RBP);
    assert_int_equal(r.words[0], -3);
    assert_int_equal(r.words[1], 0);
    assert_int_equal(r.return_words, -1);
}

static void a_cfa_may_be_kept_on_the_stack_with_an_offset(void **state)
{
    (void)state;
    entry(INSTRUCTIONS(0x0f, 6, 0x77, 0x98, 0x01, 0x06, 0x23, 8)); /* *(rsp + 152) + 8, as in OpenSSL */
    struct rt__cfi_rule r = rule(0);
    assert_int_equal(r.flags, RT__CFI_IS_RULE | RT__CFI_IS_INDIRECT);
    assert_int_equal(r.cfa_reg, RT__RSP);
    assert_int_equal(r.cfa_offset, 152);
    assert_int_equal(r.cfa_after, 8);
}

static void constants_of_all_sizes_are_computed_with(void **state)
{
    (void)state;
    /* 0x100 (2u) - 8 (1u) -> 0xf8; | 0x700 (constu) -> 0x7f8; + -0x7f0 (4s) -> 8; swap with rsp + 0 and add */
    entry(INSTRUCTIONS(0x0f, 21, 0x0a, 0, 1, 0x08, 8, 0x1c, 0x10, 0x80, 0x0e, 0x21, 0x0d, 0x10, 0xf8, 0xff, 0xff, 0x22,
                       0x77, 0, 0x16, 0x22, 0x96));
    assert_cfa(0, RT__RSP, 8);
}

static void an_undefined_return_address_ends_the_stack(void **state)
{
    (void)state;
    entry(INSTRUCTIONS(0x07, 16));
    assert_int_equal(rule(0).flags, RT__CFI_IS_RULE | RT__CFI_IS_OUTERMOST);
}

static void a_return_address_may_be_in_a_register(void **state)
{
    (void)state;
    entry(INSTRUCTIONS(0x0e, 0, 0x09, 16, 5));
    assert_int_equal(rule(0).flags, RT__CFI_IS_RULE | RT__CFI_RETURN_IN_REG);
    assert_int_equal(rule(0).return_reg, 5);
}

static void what_is_said_of_other_registers_is_passed_over(void **state)
{
    (void)state;
    entry(INSTRUCTIONS(0x80, 2, 0x05, 17, 3, 0x07, 33, 0x08, 3, 0x14, 7, 0, 0x2e, 16, 0x11, 13, 4, 0x41, 0x06, 13, 0x0e,
                       16));
    assert_int_equal(saved(0), 1 << 3);
    assert_int_equal(rule(0).words[3], -4);
    assert_cfa(1, RT__RSP, 16);
    assert_int_equal(saved(1), 0);
}

static void a_signal_frame_is_told_by_its_augmentation(void **state)
{
    (void)state;
    section.size = 0;
    add_cie("zRS", INSTRUCTIONS(0x00));
    section.fde = 0;
    add_fde(INSTRUCTIONS(0)); /* the length of its own augmentation */
    assert_int_equal(rule(0).flags, RT__CFI_IS_RULE | RT__CFI_IS_SIGNAL);
    entry(INSTRUCTIONS(0));
    assert_int_equal(rule(0).flags, RT__CFI_IS_RULE);
}

static void addresses_relative_to_themselves_are_read_with_personality_and_lsda(void **state)
{
    (void)state;
    struct rt__cfi_rule found;
    section.size = 0;
    add_cie("zPLR", INSTRUCTIONS(0x9b, 1, 2, 3, 4, 0x1b, 0x1b));
    section.fde = begin_entry();
    add_number(section.size - section.cie, 4);
    add_number(0x100, 4);
    add_number(16, 4);
    add(INSTRUCTIONS(4, 9, 9, 9, 9, 0x44, 0x0e, 32)); /* the LSDA, then instructions */
    end_entry(section.fde);
    uintptr_t begin = (uintptr_t)section.bytes + section.fde + 8 + 0x100;
    assert_false(rule_at(begin - 1, &found));
    assert_true(rule_at(begin, &found));
    assert_int_equal(found.cfa_offset, 8);
    assert_true(rule_at(begin + 15, &found));
    assert_int_equal(found.cfa_offset, 32);
    assert_false(rule_at(begin + 16, &found));
}

static void what_is_not_understood_gives_no_rule(void **state)
{
    (void)state;
    assert_refused(INSTRUCTIONS(0x3f));                                     /* no such instruction */
    assert_refused(INSTRUCTIONS(0x0a, 0x0a, 0x0a, 0x0a, 0x0a));             /* more rows than are remembered */
    assert_refused(INSTRUCTIONS(0x0b));                                     /* none was */
    assert_refused(INSTRUCTIONS(0x0c, 17, 8));                              /* CFA in xmm0 */
    assert_refused(INSTRUCTIONS(0x0c, 7, 0x80, 0x80, 0x80, 0x80, 0x08));    /* 2 GiB from rsp */
    assert_refused(INSTRUCTIONS(0x83, 0x80, 0x80, 0x10));                   /* 256 KiB * 8 from the CFA */
    assert_refused(INSTRUCTIONS(0x09, 3, 4));                               /* rbx in rsi */
    assert_refused(INSTRUCTIONS(0x14, 3, 4));                               /* rbx is a number */
    assert_refused(INSTRUCTIONS(0x08, 16));                                 /* the return address is in rip */
    assert_refused(INSTRUCTIONS(0x0f, 5, 0x77, 0, 0x79, 0, 0x22));          /* rsp + r9 */
    assert_refused(INSTRUCTIONS(0x0f, 3, 0x2f, 0xfd, 0xff));                /* a jump to itself */
    assert_refused(INSTRUCTIONS(0x0f, 0));                                  /* an expression without a result */
    assert_refused(INSTRUCTIONS(0x0f, 2, 0x77, 0, 0x0d, 6));                /* an expression's offset kept */
    assert_refused(INSTRUCTIONS(0x10, 3, 2, 0x76, 0, 0x10, 6, 2, 0x77, 0)); /* saved by two registers */
    assert_refused(INSTRUCTIONS(0x0f, 9, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31)); /* too deep */
}

/* ---- the table ---- */

#define TABLED 5

static const uint8_t *find(int64_t offset)
{
    struct rt__cfi_range in = {section.bytes, section.bytes + section.size};
    return rt__cfi_find(&in, section.bytes, (uintptr_t)section.bytes + (uintptr_t)offset);
}

static void the_table_gives_the_last_entry_that_begins_at_or_before_a_pc(void **state)
{
    (void)state;
    section.size = 0;
    add(INSTRUCTIONS(1, 0x1b, 0x03, 0x3b, 0, 0, 0, 0));
    add_number(TABLED, 4);
    for (int i = 0; i < TABLED; i++) {
        add_number((uint64_t)(0x1000 * (i + 1) - 0x3000), 4); /* some before the header, some behind */
        add_number((uint64_t)(16 + i), 4);
    }
    assert_ptr_equal(find(-0x2000), section.bytes + 16);
    for (int i = 0; i < TABLED; i++) {
        assert_ptr_equal(find(0x1000 * (i + 1) - 0x3000), section.bytes + 16 + i);
        assert_ptr_equal(find(0x1000 * (i + 2) - 0x3001), section.bytes + 16 + i);
    }
    section.bytes[3] = 0x1b;
    assert_null(find(0));
    section.bytes[3] = 0x3b;
    section.bytes[8] = 200; /* more entries than there is room for */
    assert_null(find(0));
    section.bytes[8] = 1;
    section.bytes[17] = 0x7f; /* an entry beyond the end */
    assert_null(find(0x1000));
}

/* ---- what linkers and compilers wrote ---- */

struct census {
    unsigned entries, without;
};

static int32_t number_at(const uint8_t *at)
{
    int32_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

static void count_rules(const uint8_t *header, const struct rt__cfi_range *in, struct census *census)
{
    unsigned count = (unsigned)number_at(header + 8);
    for (unsigned i = 0; i < count; i++) {
        uintptr_t begin = (uintptr_t)header + (uintptr_t)(intptr_t)number_at(header + 12 + 8 * i);
        const uint8_t *fde = header + number_at(header + 16 + 8 * i);
        uintptr_t last = begin + (uint32_t)number_at(fde + 12) - 1; /* addresses are relative, of 4 bytes */
        struct rt__cfi_rule found;
        assert_ptr_equal(rt__cfi_find(in, header, begin), fde);
        assert_ptr_equal(rt__cfi_find(in, header, last), fde);
        census->entries++;
        census->without += !rt__cfi_read(in, fde, begin, &found) || !rt__cfi_read(in, fde, last, &found);
        for (uintptr_t pc = begin; pc < last && pc < begin + 64; pc++)
            (void)rt__cfi_read(in, fde, pc, &found);
    }
}

static int count_object(struct dl_phdr_info *object, size_t size, void *census)
{
    (void)size;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        if (object->dlpi_phdr[i].p_type != PT_GNU_EH_FRAME)
            continue;
        uintptr_t header = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
        for (int k = 0; k < object->dlpi_phnum; k++) {
            const ElfW(Phdr) *p = &object->dlpi_phdr[k];
            uintptr_t start = object->dlpi_addr + p->p_vaddr;
            struct rt__cfi_range in = {(const uint8_t *)start, (const uint8_t *)start + p->p_filesz};
            if (p->p_type == PT_LOAD && header - start < p->p_filesz)
                count_rules((const uint8_t *)header, &in, census);
        }
    }
    return 0;
}

static void nearly_every_function_of_the_loaded_objects_has_a_rule(void **state)
{
    (void)state;
    struct census census = {0};
    dl_iterate_phdr(count_object, &census);
    printf("#= %u entries, %u without a rule\n", census.entries, census.without);
    assert_true(census.entries > 3000); /* libc alone */
    assert_true(census.without <= census.entries / 1000);
}

/* ---- broken ones ---- */

static uint64_t random_state = 88172645463325252u;

static uint32_t any(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % below;
}

/* A table and a number of entries, which the tests below break. */
static size_t everything(void)
{
    section.size = 0;
    add(INSTRUCTIONS(1, 0x1b, 0x03, 0x3b, 0, 0, 0, 0, 2, 0, 0, 0));
    add(INSTRUCTIONS(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0));
    add_cie("zPLR", INSTRUCTIONS(0x9b, 1, 2, 3, 4, 0x1b, 0x00));
    add_fde(INSTRUCTIONS(4, 9, 9, 9, 9, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x0a, 0x10, 3, 2, 0x76, 0x68, 0x02, 9,
                         0x0b, 0x04, 1, 0, 0, 0, 0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22));
    uint32_t fde = (uint32_t)section.fde;
    memcpy(section.bytes + 16, &fde, sizeof fde);
    memcpy(section.bytes + 24, &fde, sizeof fde);
    return section.size;
}

static unsigned read_all(const uint8_t *bytes, size_t size)
{
    struct rt__cfi_range in = {bytes, bytes + size};
    struct rt__cfi_rule found;
    unsigned rules = 0;
    const uint8_t *fde = rt__cfi_find(&in, bytes, (uintptr_t)bytes + 40);
    for (unsigned pc = PC; fde != NULL && pc < PC + 20; pc += 3)
        rules += rt__cfi_read(&in, fde, pc, &found);
    if (size > section.fde)
        rules += rt__cfi_read(&in, bytes + section.fde, PC + 5, &found);
    return rules;
}

static void broken_information_is_never_read_beyond_its_end(void **state)
{
    (void)state;
    size_t size = everything();
    uint8_t *pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages, PAGE, PROT_NONE), 0);
    assert_int_equal(mprotect(pages + 2 * PAGE, PAGE, PROT_NONE), 0);
    assert_true(read_all(section.bytes, size) == 8);
    unsigned rules = 0, none = 0;
    for (unsigned round = 0; round < 150000; round++) {
        /* Against the guard page behind, or the one before; cut short, or changed in a few bytes, or both. */
        size_t kept = any(3) == 0 ? any((uint32_t)size) + 1 : size;
        uint8_t *at = any(2) == 0 ? pages + PAGE : pages + 2 * PAGE - kept;
        memcpy(at, section.bytes, kept);
        for (unsigned changes = any(6); changes > 0; changes--)
            at[any((uint32_t)kept)] = any(2) == 0 ? (uint8_t)any(256) : (uint8_t)(0xff << any(8));
        *(read_all(at, kept) > 0 ? &rules : &none) += 1;
    }
    printf("#= %u broken ones with some rule, %u without\n", rules, none);
    assert_true(rules > 1000 && none > 1000); /* changes went deep, and some not too deep */
    munmap(pages, 3 * PAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_is_that_of_the_row_which_the_pc_is_in),
        cmocka_unit_test(an_entry_says_nothing_of_other_pcs),
        cmocka_unit_test(a_remembered_row_comes_back_whole),
        cmocka_unit_test(locations_advance_by_one_two_and_four_bytes_and_by_address),
        cmocka_unit_test(the_expression_of_a_plt_depends_on_the_pc),
        cmocka_unit_test(a_realigned_stack_is_found_by_what_its_frame_keeps),
        cmocka_unit_test(a_cfa_may_be_kept_on_the_stack_with_an_offset),
        cmocka_unit_test(constants_of_all_sizes_are_computed_with),
        cmocka_unit_test(an_undefined_return_address_ends_the_stack),
        cmocka_unit_test(a_return_address_may_be_in_a_register),
        cmocka_unit_test(what_is_said_of_other_registers_is_passed_over),
        cmocka_unit_test(a_signal_frame_is_told_by_its_augmentation),
        cmocka_unit_test(addresses_relative_to_themselves_are_read_with_personality_and_lsda),
        cmocka_unit_test(what_is_not_understood_gives_no_rule),
        cmocka_unit_test(the_table_gives_the_last_entry_that_begins_at_or_before_a_pc),
        cmocka_unit_test(nearly_every_function_of_the_loaded_objects_has_a_rule),
        cmocka_unit_test(broken_information_is_never_read_beyond_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
