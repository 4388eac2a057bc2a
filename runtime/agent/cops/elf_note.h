/* elf_note.h - the note that the runtime leaves in a program (runtime/note.c), read from its file.
 *
 * The honest way to know the version of a program's runtime: nobody is asked, and a stripped or static program has it,
 * too. Files are of any make and may be broken: whatever does not fit is no note.
 */
#ifndef COPS_ELF_NOTE_H
#define COPS_ELF_NOTE_H

#include <stdbool.h>
#include <stddef.h>

#define COPS_VERSION_TEXT 32

/* The version in notes as a PT_NOTE segment of that alignment holds them. Pure. */
bool cops_note_find(const void *notes, size_t len, size_t align, char version[COPS_VERSION_TEXT]);

/* In a 64-bit ELF file of this machine's byte order; false when there is none or it cannot be read. */
bool cops_note_of_file(const char *path, char version[COPS_VERSION_TEXT]);

#endif
