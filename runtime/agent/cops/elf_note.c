/* elf_note.c - see elf_note.h. */
#include "runtime/agent/cops/elf_note.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "runtime/agent/cops/text.h"
#include "runtime/note.h"

/* Programs have a dozen headers and some hundred bytes of notes. */
#define HEADERS_MAX 512
#define NOTES_MAX 65536

static size_t padded(size_t n, size_t align)
{
    return (n + align - 1) & ~(align - 1);
}

/* A version is printable and without spaces, which would shift the columns. */
static bool take_version(const char *text, size_t len, char version[COPS_VERSION_TEXT])
{
    size_t n = strnlen(text, len);
    if (n == 0 || n >= COPS_VERSION_TEXT)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    }
    memcpy(version, text, n);
    version[n] = '\0';
    return true;
}

bool cops_note_find(const void *notes, size_t len, size_t align, char version[COPS_VERSION_TEXT])
{
    const char *at = notes;
    align = align == 8 ? 8 : 4;
    while (len >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr head;
        memcpy(&head, at, sizeof head);
        /* 32-bit figures in 64 bits: no sum of these overflows. */
        size_t text = padded(sizeof head + head.n_namesz, align);
        size_t end = text + head.n_descsz;
        if (end > len)
            return false;
        if (head.n_type == RT__NOTE_VERSION && head.n_namesz == sizeof RT__NOTE_NAME &&
            memcmp(at + sizeof head, RT__NOTE_NAME, sizeof RT__NOTE_NAME) == 0)
            return take_version(at + text, head.n_descsz, version);
        end = padded(end, align);
        if (end > len)
            return false;
        at += end;
        len -= end;
    }
    return false;
}

static bool read_at(int fd, void *bytes, size_t len, uint64_t offset)
{
    return offset <= INT64_MAX && pread(fd, bytes, len, (off_t)offset) == (ssize_t)len;
}

static bool find_in_segment(int fd, const Elf64_Phdr *segment, char version[COPS_VERSION_TEXT])
{
    if (segment->p_type != PT_NOTE || segment->p_filesz == 0 || segment->p_filesz > NOTES_MAX)
        return false;
    char *notes = cops_grow(NULL, segment->p_filesz);
    bool found = read_at(fd, notes, segment->p_filesz, segment->p_offset) &&
                 cops_note_find(notes, segment->p_filesz, segment->p_align, version);
    free(notes);
    return found;
}

static bool find_in_fd(int fd, char version[COPS_VERSION_TEXT])
{
    Elf64_Ehdr head;
    Elf64_Phdr segment;
    const unsigned char order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
    if (!read_at(fd, &head, sizeof head, 0) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
        head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != order || head.e_phentsize != sizeof segment ||
        head.e_phnum > HEADERS_MAX)
        return false;
    for (unsigned i = 0; i < head.e_phnum; i++) {
        if (!read_at(fd, &segment, sizeof segment, head.e_phoff + i * sizeof segment))
            return false;
        if (find_in_segment(fd, &segment, version))
            return true;
    }
    return false;
}

bool cops_note_of_file(const char *path, char version[COPS_VERSION_TEXT])
{
    struct stat st;
    /* Nothing but a file is opened for good: a pipe would be waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return false;
    bool found = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && find_in_fd(fd, version);
    close(fd);
    return found;
}
