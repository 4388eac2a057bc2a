/* The runtime's note among others, in whole and broken segments, and in files. */
#include "runtime/agent/cops/elf_note.h"

#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "runtime/note.h"

static char notes[1024];
static size_t notes_len;
static char version[COPS_VERSION_TEXT];

static void begin(void)
{
    memset(notes, 0, sizeof notes);
    notes_len = 0;
    version[0] = '\0';
}

static void add(const char *name, unsigned type, const void *text, size_t text_len, size_t align)
{
    Elf64_Nhdr head = {(Elf64_Word)strlen(name) + 1, (Elf64_Word)text_len, type};
    memcpy(notes + notes_len, &head, sizeof head);
    memcpy(notes + notes_len + sizeof head, name, head.n_namesz);
    notes_len += (sizeof head + head.n_namesz + align - 1) & ~(align - 1);
    memcpy(notes + notes_len, text, text_len);
    notes_len += (text_len + align - 1) & ~(align - 1);
}

/* In a block of its own size, so that a sanitizer sees a read past the end. */
static bool find(size_t len, size_t align)
{
    char *copy = malloc(len + (len == 0));
    memcpy(copy, notes, len);
    bool found = cops_note_find(copy, len, align, version);
    free(copy);
    return found;
}

static void the_version_is_found_behind_other_notes(void **state)
{
    (void)state;
    begin();
    add("GNU", 3, "\1\2\3\4\5\6\7", 7, 4);
    add("cruntime", 99, "no", 3, 4);
    add(RT__NOTE_NAME, RT__NOTE_VERSION, "1.2.3", 6, 4);
    assert_true(find(notes_len, 4));
    assert_string_equal(version, "1.2.3");
    begin();
    add("GNU", 5, "12345678", 8, 8);
    add(RT__NOTE_NAME, RT__NOTE_VERSION, "4.5", 4, 8);
    assert_true(find(notes_len, 8));
    assert_string_equal(version, "4.5");
}

static void every_cut_segment_has_none(void **state)
{
    (void)state;
    begin();
    add("GNU", 3, "\1\2\3\4\5\6\7", 7, 4);
    add(RT__NOTE_NAME, RT__NOTE_VERSION, "1.2.3", 6, 4);
    for (size_t len = 0; len < notes_len - 2; len++)
        assert_false(find(len, 4));
    assert_true(find(notes_len - 2, 4)); /* the padding alone */
}

static void lengths_that_lie_are_no_notes(void **state)
{
    Elf64_Nhdr head = {0xffffffff, 0xffffffff, 1};
    (void)state;
    begin();
    memcpy(notes, &head, sizeof head);
    assert_false(find(sizeof notes, 4));
    head = (Elf64_Nhdr){4, 0xfffffff0, 1};
    memcpy(notes, &head, sizeof head);
    assert_false(find(sizeof notes, 8));
}

static void a_version_is_short_and_printable(void **state)
{
    char text[64];
    (void)state;
    begin();
    add(RT__NOTE_NAME, RT__NOTE_VERSION, "1 2", 4, 4);
    assert_false(find(notes_len, 4));
    begin();
    add(RT__NOTE_NAME, RT__NOTE_VERSION, "", 0, 4);
    assert_false(find(notes_len, 4));
    begin();
    memset(text, 'x', sizeof text);
    add(RT__NOTE_NAME, RT__NOTE_VERSION, text, sizeof text, 4);
    assert_false(find(notes_len, 4));
}

static void write_file(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

/* An ELF file that is all headers and the notes. */
static size_t make_elf(char *elf, Elf64_Phdr segment)
{
    Elf64_Ehdr head = {.e_phoff = sizeof head, .e_phentsize = sizeof segment, .e_phnum = 2};
    Elf64_Phdr load = {.p_type = PT_LOAD};
    memcpy(head.e_ident, ELFMAG, SELFMAG);
    head.e_ident[EI_CLASS] = ELFCLASS64;
    head.e_ident[EI_DATA] = ELFDATA2LSB;
    memcpy(elf, &head, sizeof head);
    memcpy(elf + sizeof head, &load, sizeof load);
    memcpy(elf + sizeof head + sizeof load, &segment, sizeof segment);
    memcpy(elf + sizeof head + 2 * sizeof load, notes, notes_len);
    return sizeof head + 2 * sizeof load + notes_len;
}

static void a_file_is_searched_by_its_headers(void **state)
{
    char elf[2048];
    (void)state;
    begin();
    add(RT__NOTE_NAME, RT__NOTE_VERSION, "7.8.9", 6, 4);
    Elf64_Phdr segment = {.p_type = PT_NOTE,
                          .p_offset = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr),
                          .p_filesz = notes_len,
                          .p_align = 4};
    size_t len = make_elf(elf, segment);
    write_file("whole", elf, len);
    assert_true(cops_note_of_file("whole", version));
    assert_string_equal(version, "7.8.9");
    for (size_t cut = 0; cut < len - 2; cut += 7) {
        write_file("cut", elf, cut);
        assert_false(cops_note_of_file("cut", version));
    }
    segment.p_offset = UINT64_MAX - 8;
    write_file("far", elf, make_elf(elf, segment));
    assert_false(cops_note_of_file("far", version));
    segment.p_filesz = UINT64_MAX;
    write_file("large", elf, make_elf(elf, segment));
    assert_false(cops_note_of_file("large", version));
}

static void what_is_no_file_is_not_waited_for(void **state)
{
    (void)state;
    unlink("pipe");
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_false(cops_note_of_file("pipe", version));
    unlink("pipe");
    assert_false(cops_note_of_file(".", version));
    assert_false(cops_note_of_file("nosuch", version));
    /* This program has none of the runtime. */
    assert_false(cops_note_of_file("/proc/self/exe", version));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version_is_found_behind_other_notes), cmocka_unit_test(every_cut_segment_has_none),
        cmocka_unit_test(lengths_that_lie_are_no_notes),           cmocka_unit_test(a_version_is_short_and_printable),
        cmocka_unit_test(a_file_is_searched_by_its_headers),       cmocka_unit_test(what_is_no_file_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
