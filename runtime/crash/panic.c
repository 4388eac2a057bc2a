/* panic.c - deaths that the program itself has words for: rt_panic, and assertions that fail.
 *
 * They come here by a call and not by a signal, so the stack begins where the program called. Their core, when one is
 * wanted, is that of SIGABRT, as with abort, which itself raises the signal and is heard of there.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "runtime/crash/crash.h"
#include "runtime/cruntime.h"
#include "runtime/unwind/caller.h"

#define MESSAGE_BYTES 1024

static __attribute__((noreturn)) void die(const char *before, const char *message, const void *caller)
{
    uintptr_t pcs[RT__STACK_MAX];
    struct rt__crash_cause cause = {.signal = SIGABRT, .before = before, .message = message};
    rt__crash_die(&cause, pcs, rt__caller_stack(caller, pcs));
}

RT_API void rt_panic(const char *fmt, ...)
{
    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    die("panic: ", message, RT__CALLER);
}

/* libc's own line first, as people know it, then what a traceback begins with. In the place of libc's function for the
 * whole process, as malloc is. */
RT_API void __assert_fail(const char *assertion, const char *file, unsigned line, const char *function) __THROW
    __attribute__((noreturn));

RT_API void __assert_fail(const char *assertion, const char *file, unsigned line, const char *function)
{
    char before[MESSAGE_BYTES];
    const char *program = program_invocation_short_name;
    snprintf(before, sizeof(before), "%s%s%s:%u: %s%sAssertion `%s' failed.\nfatal error: assertion failed: ", program,
             program[0] ? ": " : "", file, line, function ? function : "", function ? ": " : "", assertion);
    die(before, assertion, RT__CALLER);
}
