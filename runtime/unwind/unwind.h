/* unwind.h - the stack of the calling thread, or of one that a signal interrupted, as addresses.
 *
 * Walks frames by the call frame information (.eh_frame) that every compiler writes, so it passes through
 * code without frame pointers: libc, h2o, SQLite. Safe inside malloc and in signal handlers: it never
 * allocates, takes no lock, and reads no memory but its own tables, the loaded objects' read-only
 * sections and the thread's stack between the first frame and the stack's base. What cannot be
 * walked ends the stack early; it never crashes.
 *
 * Addresses are for looking up: that of the interrupted instruction itself, and for a caller the last byte of its
 * call instruction (return address - 1), so a lookup never needs to know which kind an address is. What a signal
 * handler returns to was never called: it is shown by its first instruction, and the frame above by the interrupted
 * one.
 *
 * A stack of 16 frames takes 0.3 us, where _Unwind_Backtrace takes 4 (bench/unwind on a busy machine). The first time
 * a call site is met costs 0.3 us more, the first time a thread's stack is this deep 0.1 us a page.
 */
#ifndef RT_UNWIND_UNWIND_H
#define RT_UNWIND_UNWIND_H

#include <stddef.h>
#include <stdint.h>

#define RT__STACK_MAX 64 /* frames kept of a stack, the innermost ones */

/* Maps the cache of rules (128 KiB). On the main thread, before others are made; again does nothing. What is called
 * before it returns no frames. */
void rt__unwind_start(void);

/* The stack of the caller, innermost first, without the function that called this one when skip is 1, and so
 * on. Returns how many addresses were written. */
size_t rt__unwind_here(uintptr_t *pcs, size_t max, unsigned skip);

/* The stack of what a signal interrupted; context is the ucontext_t that the handler was given. */
size_t rt__unwind_context(const void *context, uintptr_t *pcs, size_t max);

/* Forgets cached rules. To be called when objects may have been unloaded (dlclose). */
void rt__unwind_forget(void);

#endif
