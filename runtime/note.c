/* note.c - an ELF note that says that a program uses the runtime, and which version.
 *
 * Whoever looks at a process from outside (cops) reads it from /proc/PID/exe, or from the libcruntime.so that is
 * mapped: it is there in stripped and in static programs and before the first line of main, and nobody need be asked.
 * `readelf -n` shows it. In assembler, because only there a section's type can be said for sure: a linker makes a
 * segment of notes from those of type @note alone, and keeps them where it drops what nothing refers to.
 */
#include "runtime/cruntime.h"
#include "runtime/note.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

__asm__(".pushsection .note.cruntime, \"a\", %note\n"
        "	.balign 4\n"
        "	.long 2f - 1f, 4f - 3f, " TEXT(RT__NOTE_VERSION) "\n"
                                                                 "1:	.asciz \"" RT__NOTE_NAME "\"\n"
                                                                 "2:	.balign 4\n"
                                                                 "3:	.asciz \"" RT_VERSION "\"\n"
                                                                 "4:	.balign 4\n"
                                                                 ".popsection");
