/* names.h - what a dying process and its child say to each other (names.c, names_child.c), and what it says alone.
 *
 * One socket, in the child 0 and 1. A question is struct rt__names_question, cut after its last address; an answer is
 * the length of a text, uint32_t, and the text. Both sides are the same program, so neither has a version.
 */
#ifndef RT_CRASH_NAMES_H
#define RT_CRASH_NAMES_H

#include <stddef.h>
#include <stdint.h>
#include "runtime/crash/crash.h"

/* The child is known by its own argv[0] and by a variable with the pid of whom it is to look into. */
#define RT__NAMES_PROGRAM "cruntime-traceback"
#define RT__NAMES_VARIABLE "CRUNTIME_TRACEBACK_OF"

struct rt__names_question {
    uint32_t depth;
    uint32_t with_system; /* 0 or 1 */
    uint64_t pcs[RT__STACK_MAX];
};
#define RT__NAMES_QUESTION_BYTES(depth) (offsetof(struct rt__names_question, pcs) + (depth) * sizeof(uint64_t))

/* Of an answer: a kilobyte for each frame, where 150 bytes are usual. */
#define RT__NAMES_TEXT_MAX ((size_t)64 << 10)

/* ---- names_plain.c ---- */

/* For each address `object+0xoffset(...)\n\tfile pc=0x…\n`, by a file like /proc/self/maps. Async-signal-safe, one
 * thread at a time. */
void rt__names_plain(struct rt__text *t, const uintptr_t *pcs, uint32_t depth, const char *maps_file);

struct rt__names_area {
    uintptr_t start, end;
    const char *file; /* within the line; "" when it has none */
};
/* One line of maps, without its newline; false when it is none. Pure. */
bool rt__names_area(const char *line, struct rt__names_area *area);

#endif
