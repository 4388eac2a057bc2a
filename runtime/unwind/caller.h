/* caller.h - the stack from the program's call of an interposed function on.
 *
 * Between that call and the unwinder lie frames of the runtime, how many depends on what the compiler made of
 * them. So the wrapper hands down its own return address, and the stack is cut there.
 */
#ifndef RT_UNWIND_CALLER_H
#define RT_UNWIND_CALLER_H

#include <stddef.h>
#include <stdint.h>
#include "runtime/unwind/unwind.h"

/* gcc's sanitizers are libraries and are found behind our wrappers, as libc is. clang's are linked into the program,
 * where our definitions would hide theirs: there no call that waits is interposed, the profiles of locks stay empty,
 * and a trace shows no waiting. */
#if defined(RT_SANITIZE) && defined(__clang__)
#define RT__INTERPOSES 0
#else
#define RT__INTERPOSES 1
#endif

#define RT__CALLER __builtin_extract_return_addr(__builtin_return_address(0))

/* Fills pcs, innermost first, beginning with the call that returns to `caller`; at least that one. */
size_t rt__caller_stack(const void *caller, uintptr_t pcs[RT__STACK_MAX]);

#endif
