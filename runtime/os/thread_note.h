/* thread_note.h - what a thread does, in a word or two: what Go's tracebacks have in brackets. Pure. */
#ifndef RT_OS_THREAD_NOTE_H
#define RT_OS_THREAD_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include "runtime/os/os.h"

#define RT__THREAD_NOTE_BYTES 48

/* "running", "stopped", the name of the system call that it is in ("futex", "syscall 999"), or "sleeping" when the
 * system does not tell the call. */
void rt__thread_note(const struct rt__os_task *task, bool has_answered, char note[RT__THREAD_NOTE_BYTES]);

/* The same without the rest, and without libc's printf; NULL: a call without a name. */
const char *rt__thread_word(const struct rt__os_task *task);

/* Whether a signal may be sent to it and is answered before long: it has not ended, is not stopped, and does not
 * wait for signals itself, where it could take ours for one of its own. */
bool rt__thread_can_be_asked(const struct rt__os_task *task);

#endif
