/* symbols.c - names, files and lines of addresses in this very program and what it has loaded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dlfcn.h>
#include <elf.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>
#include <cmocka.h>
#include "runtime/cruntime.h"
#include "runtime/os/os.h"
#include "runtime/symbols/symbols_parts.h"

#define MANY 16
#define OWN_FILE "/tests/unit/symbols/symbols.c"

/* An address within the instruction that takes it. */
#define HERE()                                                                                                         \
    __extension__({                                                                                                    \
        uintptr_t pc_;                                                                                                 \
        __asm__ volatile("lea -1(%%rip), %0" : "=r"(pc_));                                                             \
        pc_;                                                                                                           \
    })

static uintptr_t seen_pc;
static uint32_t line_in_inner, line_in_middle, line_in_outer;

enum { INNER_STARTS = __LINE__ + 2 };

static inline __attribute__((always_inline)) void inner(void)
{
    seen_pc = HERE(), line_in_inner = __LINE__;
}

enum { MIDDLE_STARTS = __LINE__ + 2 };

static inline __attribute__((always_inline)) void middle(void)
{
    inner(), line_in_middle = __LINE__;
}

enum { OUTER_STARTS = __LINE__ + 2 };

static __attribute__((noinline)) void outer(void)
{
    middle(), line_in_outer = __LINE__;
}

enum { PLAIN_STARTS = __LINE__ + 2 };

static __attribute__((noinline)) int plain(int a)
{
    return a * 3 + 1;
}

/* Assembler's functions: a label without a size, then one with frame information and without any label, then a label
 * without frame information. */
__asm__(".pushsection .text\n"
        ".globl symbols_test_label\n"
        "symbols_test_label: .cfi_startproc\n nop\n nop\n ret\n .cfi_endproc\n"
        ".Lnameless: .cfi_startproc\n nop\n nop\n ret\n .cfi_endproc\n"
        ".globl symbols_test_frameless\n"
        "symbols_test_frameless: nop\n nop\n ret\n"
        ".popsection\n"
        ".pushsection .data.rel.local, \"aw\"\n"
        ".globl symbols_test_nameless\n"
        "symbols_test_nameless: .quad .Lnameless\n"
        ".popsection\n");
extern const char symbols_test_label[], symbols_test_frameless[];
extern const uintptr_t symbols_test_nameless;

static int open_session(void **state)
{
    *state = rt__symbols_open();
    return *state == NULL;
}

static int close_session(void **state)
{
    rt__symbols_close(*state);
    return 0;
}

static struct rt__symbol find_one(struct rt__symbols *s, uintptr_t pc)
{
    struct rt__symbol found[MANY];
    size_t n = rt__symbols_find(s, pc, found, MANY);
    assert_in_range(n, 1, MANY);
    return found[n - 1];
}

static uintptr_t address_of(const char *library, const char *name)
{
    void *handle = dlopen(library, RTLD_NOW);
    assert_non_null(handle);
    void *address = dlsym(handle, name);
    assert_non_null(address);
    dlclose(handle);
    return (uintptr_t)address;
}

/* Whoever builds with CFLAGS that lack -g has no files and lines to look for. */
static void need_debug_information(void)
{
    Elf_Scn *section = NULL;
    size_t names;
    bool found = false;
    FILE *f = fopen("/proc/self/exe", "re");
    assert_non_null(f);
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(fileno(f), ELF_C_READ, NULL);
    assert_int_equal(elf_getshdrstrndx(elf, &names), 0);
    while ((section = elf_nextscn(elf, section)) != NULL) {
        const char *name = elf_strptr(elf, names, elf64_getshdr(section)->sh_name);
        found |= name != NULL && strcmp(name, ".debug_info") == 0;
    }
    elf_end(elf);
    fclose(f);
    if (!found) {
        skip();
    }
}

static void assert_own_file(const char *file)
{
    assert_non_null(file);
    assert_int_equal(file[0], '/');
    assert_null(strstr(file, "/../"));
    assert_true(strlen(file) > strlen(OWN_FILE));
    assert_string_equal(file + strlen(file) - strlen(OWN_FILE), OWN_FILE);
}

/* ---- with debug information ---- */

static void a_static_function_has_its_name_file_and_lines(void **state)
{
    need_debug_information();
    struct rt__symbol found[MANY];
    assert_int_equal(plain(1), 4);
    assert_int_equal(rt__symbols_find(*state, (uintptr_t)plain, found, MANY), 1);
    assert_string_equal(found[0].name, "plain");
    assert_int_equal(found[0].start_line, PLAIN_STARTS);
    assert_in_range(found[0].line, PLAIN_STARTS, PLAIN_STARTS + 2); /* its brace or its only statement */
    assert_own_file(found[0].file);
    assert_false(found[0].is_runtime);
}

static void inlined_calls_come_innermost_first_each_with_the_line_where_it_is(void **state)
{
    need_debug_information();
    struct rt__symbol found[MANY];
    outer();
    assert_int_equal(rt__symbols_find(*state, seen_pc, found, MANY), 3);
    const char *names[] = {"inner", "middle", "outer"};
    const uint32_t starts[] = {INNER_STARTS, MIDDLE_STARTS, OUTER_STARTS};
    const uint32_t lines[] = {line_in_inner, line_in_middle, line_in_outer};
    for (int i = 0; i < 3; i++) {
        assert_string_equal(found[i].name, names[i]);
        assert_int_equal(found[i].start_line, starts[i]);
        assert_int_equal(found[i].line, lines[i]);
        assert_own_file(found[i].file);
        assert_false(found[i].is_runtime);
    }
}

static void no_more_functions_are_written_than_there_is_room_for(void **state)
{
    need_debug_information();
    struct rt__symbol found[MANY] = {{.name = "untouched"}};
    outer();
    assert_int_equal(rt__symbols_find(*state, seen_pc, found, 0), 0);
    assert_string_equal(found[0].name, "untouched");
    found[1].name = "untouched";
    assert_int_equal(rt__symbols_find(*state, seen_pc, found, 1), 1);
    assert_string_equal(found[0].name, "inner");
    assert_string_equal(found[1].name, "untouched");
    assert_int_equal(rt__symbols_find(*state, seen_pc, found, MANY), 3);
}

static void the_start_of_a_function_is_where_it_begins_not_what_is_inlined_there(void **state)
{
    outer();
    assert_int_not_equal(seen_pc, (uintptr_t)outer);
    assert_int_equal(rt__symbols_function_start(*state, seen_pc), (uintptr_t)outer);
    assert_int_equal(rt__symbols_function_start(*state, (uintptr_t)outer), (uintptr_t)outer);
}

/* ---- without ---- */

static void an_exported_function_of_a_library_has_its_name(void **state)
{
    assert_string_equal(find_one(*state, address_of("libc.so.6", "getenv")).name, "getenv");
    assert_string_equal(find_one(*state, address_of("libz.so.1", "inflate")).name, "inflate");
    assert_string_equal(find_one(*state, address_of("libz.so.1", "inflate") + 9).name, "inflate");
}

static uintptr_t caller_of_compare;

static int compare(const void *a, const void *b)
{
    caller_of_compare = (uintptr_t)__builtin_return_address(0) - 1;
    return *(const int *)a - *(const int *)b;
}

static void all_addresses_of_a_function_within_libc_have_one_name(void **state)
{
    int numbers[] = {3, 1, 2};
    qsort(numbers, 3, sizeof numbers[0], compare);
    uintptr_t start = rt__symbols_function_start(*state, caller_of_compare);
    assert_true(start < caller_of_compare);
    assert_int_equal(rt__symbols_function_start(*state, start), start);
    struct rt__symbol at_call = find_one(*state, caller_of_compare), at_start = find_one(*state, start);
    assert_string_equal(at_call.name, at_start.name);
    assert_false(at_call.is_runtime);
}

static void a_label_without_a_size_names_its_own_function_and_not_the_next(void **state)
{
    char wanted[32];
    Dl_info own;
    assert_true(dladdr((void *)symbols_test_nameless, &own));
    assert_string_equal(find_one(*state, (uintptr_t)symbols_test_label).name, "symbols_test_label");
    assert_string_equal(find_one(*state, (uintptr_t)symbols_test_label + 2).name, "symbols_test_label");
    assert_string_equal(find_one(*state, (uintptr_t)symbols_test_frameless + 1).name, "symbols_test_frameless");
    const char *name = find_one(*state, symbols_test_nameless + 1).name;
    struct rt__object *program = rt__objects_find(&((struct rt__symbols *)*state)->objects, (uintptr_t)own.dli_fbase);
    snprintf(wanted, sizeof wanted, "+0x%" PRIxPTR, symbols_test_nameless - program->bias);
    assert_non_null(strchr(name, '+'));
    assert_string_equal(strchr(name, '+'), wanted);
    assert_int_equal(rt__symbols_function_start(*state, (uintptr_t)symbols_test_frameless + 1),
                     (uintptr_t)symbols_test_frameless);
}

/* What a function of libz must be called: as the symbol that the address is in, by the dynamic linker, or by the file
 * and the start of the function. */
static bool is_made_up(const struct rt__symbol *found, uintptr_t pc, uintptr_t start)
{
    char wanted[64];
    Dl_info info;
    assert_true(dladdr((void *)pc, &info));
    if (found->file != NULL) {
        return false; /* its debug information is installed */
    }
    if (info.dli_sname != NULL) {
        assert_int_equal(address_of("libz.so.1", found->name), info.dli_saddr);
        return false;
    }
    snprintf(wanted, sizeof wanted, "+0x%" PRIxPTR, start - (uintptr_t)info.dli_fbase);
    assert_memory_equal(found->name, "libz+", 5);
    assert_string_equal(strchr(found->name, '+'), wanted);
    return true;
}

static void a_function_without_a_name_is_known_by_its_object_and_start(void **state)
{
    uintptr_t inside = address_of("libz.so.1", "inflate"), last = 0;
    size_t n, made_up = 0, named = 0;
    const struct rt__mapping *m = rt__symbols_mappings(*state, &n);
    while (n > 0 && !(inside >= m->start && inside < m->limit)) {
        m++, n--;
    }
    assert_true(n > 0);
    char name_of_last[128] = "";
    for (uintptr_t pc = m->start; pc < m->limit; pc += 16) {
        uintptr_t start = rt__symbols_function_start(*state, pc);
        struct rt__symbol found = find_one(*state, pc);
        if (is_made_up(&found, pc, start)) {
            made_up++;
        } else {
            named++;
        }
        if (start == last) {
            assert_string_equal(found.name, name_of_last);
        }
        last = start;
        snprintf(name_of_last, sizeof name_of_last, "%s", found.name);
    }
    assert_true(named > 100);
    /* The linker's jump table has none, even where libz's debug information is installed. */
    assert_true(made_up > 0);
}

static void the_vdso_has_names(void **state)
{
    size_t n;
    bool found = false;
    if (getauxval(AT_SYSINFO_EHDR) == 0) {
        skip();
    }
    const struct rt__mapping *m = rt__symbols_mappings(*state, &n);
    while (n > 0 && strcmp(m->file, "[vdso]") != 0) {
        m++, n--;
    }
    assert_true(n > 0);
    for (uintptr_t pc = m->start; pc < m->limit; pc += 8) {
        const char *name = find_one(*state, pc).name;
        found |= strstr(name, "clock_gettime") != NULL;
        assert_true(strchr(name, '+') == NULL || strncmp(name, "[vdso]+0x", 9) == 0);
    }
    assert_true(found);
}

static void an_address_in_no_object_is_written_as_a_number(void **state)
{
    char wanted[32];
    int on_the_stack;
    const uintptr_t bad[] = {0, 1, 0xdeadbeef, UINTPTR_MAX, (uintptr_t)&on_the_stack, (uintptr_t)*state};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rt__symbol found[MANY];
        assert_int_equal(rt__symbols_find(*state, bad[i], found, MANY), 1);
        snprintf(wanted, sizeof wanted, "0x%" PRIxPTR, bad[i]);
        assert_string_equal(found[0].name, wanted);
        assert_null(found[0].file);
        assert_int_equal(found[0].line, 0);
        assert_false(found[0].is_runtime);
        assert_int_equal(rt__symbols_function_start(*state, bad[i]), bad[i]);
    }
}

/* ---- whose it is ---- */

static void the_runtimes_own_functions_are_told_from_the_programs(void **state)
{
    assert_true(find_one(*state, (uintptr_t)rt_alloc).is_runtime);
    assert_true(find_one(*state, (uintptr_t)rt_read_memstats).is_runtime);
    assert_true(find_one(*state, (uintptr_t)rt__symbols_open).is_runtime);
    assert_true(find_one(*state, (uintptr_t)rt__os_map).is_runtime);
    assert_false(find_one(*state, (uintptr_t)outer).is_runtime);
    assert_false(find_one(*state, address_of("libc.so.6", "getenv")).is_runtime);
    assert_false(find_one(*state, address_of("libz.so.1", "inflate")).is_runtime);
}

#ifndef RT_SANITIZE
static void malloc_and_the_heaps_are_the_runtimes(void **state)
{
    void *(*allocate)(size_t) = malloc;
    void *(*allocate_again)(void *, size_t) = realloc;
    assert_true(find_one(*state, (uintptr_t)allocate).is_runtime);
    assert_true(find_one(*state, (uintptr_t)allocate_again).is_runtime);
    assert_string_equal(find_one(*state, (uintptr_t)allocate).name, "malloc");
    assert_true(find_one(*state, address_of(NULL, "mi_malloc")).is_runtime);
    assert_true(find_one(*state, address_of(NULL, "GC_malloc")).is_runtime);
    assert_false(find_one(*state, address_of("libc.so.6", "malloc")).is_runtime);
}
#endif

/* ---- mappings ---- */

static int own_build_id(struct dl_phdr_info *info, size_t size, void *hex)
{
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const char *note = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        const Elf64_Nhdr *header = (const Elf64_Nhdr *)note;
        if (info->dlpi_phdr[i].p_type != PT_NOTE || header->n_type != NT_GNU_BUILD_ID) {
            continue;
        }
        for (size_t j = 0; j < header->n_descsz; j++) {
            sprintf((char *)hex + 2 * j, "%02x", (unsigned char)note[sizeof *header + 4 + j]);
        }
    }
    return 1;
}

static void the_first_mapping_is_the_programs_code_with_its_build_id(void **state)
{
    size_t n;
    char program[4096], build_id[256] = "";
    const struct rt__mapping *m = rt__symbols_mappings(*state, &n);
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    assert_true(len > 0 && n > 2);
    program[len] = '\0';
    dl_iterate_phdr(own_build_id, build_id);
    assert_string_equal(m[0].file, program);
    assert_string_equal(m[0].build_id, build_id);
    assert_in_range((uintptr_t)outer, m[0].start, m[0].limit - 1);
    for (size_t i = 2; i < n; i++) {
        assert_true(m[i].start >= m[i - 1].limit);
    }
}

static void without_proc_the_mappings_are_those_of_the_program_headers(void **state)
{
    (void)state;
    const uintptr_t inside[] = {(uintptr_t)outer, address_of("libc.so.6", "getenv")};
    struct rt__objects by_maps = {0}, by_headers = {0};
    struct rt__strings strings = {0};
    assert_true(rt__objects_read(&by_maps, &strings, "/proc/self/maps"));
    assert_true(rt__objects_read(&by_headers, &strings, "/nonexistent"));
    for (int i = 0; i < 2; i++) {
        const struct rt__mapping *a = by_maps.mappings, *b = by_headers.mappings;
        while (inside[i] < a->start || inside[i] >= a->limit) {
            assert_true(++a < by_maps.mappings + by_maps.mappings_count);
        }
        while (inside[i] < b->start || inside[i] >= b->limit) {
            assert_true(++b < by_headers.mappings + by_headers.mappings_count);
        }
        assert_int_equal(a->start, b->start);
        assert_int_equal(a->limit, b->limit);
        assert_int_equal(a->offset, b->offset);
        assert_string_equal(a->build_id, b->build_id);
        assert_true(i > 0 || (a == by_maps.mappings && b == by_headers.mappings));
        assert_string_equal(rt__path_base(b->file), i == 0 ? rt__path_base(a->file) : "libc.so.6");
    }
    rt__objects_release(&by_maps);
    rt__objects_release(&by_headers);
    rt__strings_release(&strings);
}

int main(void)
{
#define IN_A_SESSION(test) cmocka_unit_test_setup_teardown(test, open_session, close_session)
    const struct CMUnitTest tests[] = {
        IN_A_SESSION(a_static_function_has_its_name_file_and_lines),
        IN_A_SESSION(inlined_calls_come_innermost_first_each_with_the_line_where_it_is),
        IN_A_SESSION(no_more_functions_are_written_than_there_is_room_for),
        IN_A_SESSION(the_start_of_a_function_is_where_it_begins_not_what_is_inlined_there),
        IN_A_SESSION(an_exported_function_of_a_library_has_its_name),
        IN_A_SESSION(all_addresses_of_a_function_within_libc_have_one_name),
        IN_A_SESSION(a_label_without_a_size_names_its_own_function_and_not_the_next),
        IN_A_SESSION(a_function_without_a_name_is_known_by_its_object_and_start),
        IN_A_SESSION(the_vdso_has_names),
        IN_A_SESSION(an_address_in_no_object_is_written_as_a_number),
        IN_A_SESSION(the_runtimes_own_functions_are_told_from_the_programs),
#ifndef RT_SANITIZE
        IN_A_SESSION(malloc_and_the_heaps_are_the_runtimes),
#endif
        IN_A_SESSION(the_first_mapping_is_the_programs_code_with_its_build_id),
        cmocka_unit_test(without_proc_the_mappings_are_those_of_the_program_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
