/* text.c - the words of a traceback, as Go has them.
 *
 * Into a buffer of the caller's, which is cut where it is full. Pure, and by hand: snprintf looks at the locale, and
 * a program that is dying may have broken that, too. What stands in a message or a name was the program's: a newline in
 * a message is followed by a tab, as in Go, so that no message can look like a traceback.
 */
#include "runtime/crash/crash.h"

#include <string.h>

/* Go's bound for a nil pointer: a field of an object at address 0. */
#define NIL_PAGE 4096u
/* How far below the stack pointer a function may touch its stack first, and how large a frame may be that has just been
 * made: its lowest word is touched before, or after, the stack pointer has come there. */
#define BELOW_SP ((uintptr_t)64 << 10)
#define LARGEST_FRAME ((uintptr_t)1 << 20)

static void add_bytes(struct rt__text *t, const char *s, size_t n)
{
    size_t room = t->size - 1 - t->len;
    n = n < room ? n : room;
    memcpy(t->buf + t->len, s, n);
    t->len += n;
    t->buf[t->len] = '\0';
}

void rt__text_add(struct rt__text *t, const char *s)
{
    add_bytes(t, s, strlen(s));
}

static void add_digits(struct rt__text *t, uint64_t n, unsigned base)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = "0123456789abcdef"[n % base];
        n /= base;
    } while (n > 0);
    add_bytes(t, digits + at, sizeof(digits) - at);
}

void rt__text_add_hex(struct rt__text *t, uint64_t n)
{
    rt__text_add(t, "0x");
    add_digits(t, n, 16);
}

void rt__text_add_number(struct rt__text *t, uint64_t n)
{
    add_digits(t, n, 10);
}

/* ---- signals --------------------------------------------------------------------------------------- */

static const struct signal_words {
    int signal;
    const char *name, *meaning; /* Go's */
} words[] = {
    {SIGSEGV, "SIGSEGV", "segmentation violation"},
    {SIGBUS, "SIGBUS", "bus error"},
    {SIGFPE, "SIGFPE", "floating-point exception"},
    {SIGILL, "SIGILL", "illegal instruction"},
    {SIGABRT, "SIGABRT", "abort"},
    {SIGQUIT, "SIGQUIT", "quit"},
};

static const struct signal_words *words_of(int signal)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (words[i].signal == signal) {
            return &words[i];
        }
    }
    return NULL;
}

void rt__text_add_signal_name(struct rt__text *t, int signal)
{
    const struct signal_words *w = words_of(signal);
    rt__text_add(t, w ? w->name : "signal ");
    if (!w) {
        rt__text_add_number(t, (uint64_t)signal);
    }
}

void rt__text_add_signal(struct rt__text *t, int signal, int code, uintptr_t addr, uintptr_t pc)
{
    const struct signal_words *w = words_of(signal);
    rt__text_add(t, "[signal ");
    rt__text_add_signal_name(t, signal);
    rt__text_add(t, w ? ": " : "");
    rt__text_add(t, w ? w->meaning : "");
    rt__text_add(t, " code=");
    rt__text_add_hex(t, (uint64_t)code); /* of a sent one negative, with all the bits, as in Go */
    rt__text_add(t, " addr=");
    rt__text_add_hex(t, addr);
    rt__text_add(t, " pc=");
    rt__text_add_hex(t, pc);
    rt__text_add(t, "]");
}

/* ---- the reason ------------------------------------------------------------------------------------ */

static bool was_sent(const struct rt__crash_cause *c)
{
    return c->code <= 0;
}

static void add_sent(struct rt__text *t, const struct rt__crash_cause *c)
{
    rt__text_add(t, "fatal error: ");
    if (c->signal == SIGABRT && c->is_own) {
        rt__text_add(t, "abort");
        return;
    }
    rt__text_add_signal_name(t, c->signal);
    if (c->is_own) {
        rt__text_add(t, " was sent by the program itself");
    } else {
        rt__text_add(t, " was sent by process ");
        rt__text_add_number(t, (uint64_t)c->sender);
    }
}

static void add_fault(struct rt__text *t, const struct rt__crash_cause *c)
{
    bool has_address = c->signal == SIGBUS || c->code == SEGV_MAPERR || c->code == SEGV_ACCERR;
    if (c->is_overflow) {
        rt__text_add(t, "fatal error: stack overflow");
    } else if (c->signal == SIGSEGV && has_address && c->addr < NIL_PAGE) {
        rt__text_add(t, "panic: runtime error: invalid memory address or nil pointer dereference");
    } else if (has_address) {
        rt__text_add(t, "unexpected fault address ");
        rt__text_add_hex(t, c->addr);
        rt__text_add(t, "\nfatal error: fault");
    } else { /* no address at all: the processor refused the instruction */
        rt__text_add(t, "unexpected fault, its address is not known\nfatal error: fault");
    }
}

static void add_arithmetic(struct rt__text *t, const struct rt__crash_cause *c)
{
    rt__text_add(t, "panic: runtime error: ");
    rt__text_add(t, c->code == FPE_INTDIV   ? "integer divide by zero"
                    : c->code == FPE_INTOVF ? "integer overflow"
                                            : "floating point error");
}

static void add_reason(struct rt__text *t, const struct rt__crash_cause *c)
{
    if (was_sent(c)) {
        add_sent(t, c);
    } else if (c->signal == SIGSEGV || c->signal == SIGBUS) {
        add_fault(t, c);
    } else if (c->signal == SIGFPE) {
        add_arithmetic(t, c);
    } else {
        const struct signal_words *w = words_of(c->signal);
        rt__text_add(t, "fatal error: ");
        rt__text_add(t, w ? w->meaning : "unexpected signal");
    }
    rt__text_add(t, "\n");
}

static void add_message(struct rt__text *t, const struct rt__crash_cause *c)
{
    rt__text_add(t, c->before);
    for (const char *s = c->message; *s;) {
        size_t line = strcspn(s, "\n");
        add_bytes(t, s, line);
        s += line;
        if (*s) {
            rt__text_add(t, "\n\t");
            s++;
        }
    }
    rt__text_add(t, "\n");
}

/* Go's m0 is its main thread, and the others' numbers mean nothing outside of Go: ours are the system's. */
static void add_quit(struct rt__text *t, const struct rt__crash_cause *c)
{
    rt__text_add(t, "SIGQUIT: quit\nPC=");
    rt__text_add_hex(t, c->pc);
    rt__text_add(t, " m=");
    rt__text_add_number(t, c->is_main ? 0 : (uint64_t)c->tid);
    rt__text_add(t, " sigcode=");
    rt__text_add_number(t, (uint64_t)c->code);
    rt__text_add(t, "\n");
}

void rt__text_add_cause(struct rt__text *t, const struct rt__crash_cause *c)
{
    if (c->message) {
        add_message(t, c);
    } else if (c->signal == SIGQUIT) {
        add_quit(t, c);
    } else {
        add_reason(t, c);
        rt__text_add_signal(t, c->signal, c->code, was_sent(c) ? 0 : c->addr, c->pc);
        rt__text_add(t, "\n");
    }
}

/* The stack is whole from sp, or a little above it, to its base: where nothing is to be read is below it. */
bool rt__crash_is_below_stack(uintptr_t addr, uintptr_t sp, uintptr_t base)
{
    uintptr_t low = sp > BELOW_SP ? sp - BELOW_SP : 0;
    return addr >= low && addr < base && (addr < sp || addr - sp < LARGEST_FRAME);
}

/* ---- threads --------------------------------------------------------------------------------------- */

/* A name may hold anything; what would end the quotes, or the line, is shown as a question mark. */
static void add_name(struct rt__text *t, const char *name, size_t size)
{
    for (size_t i = 0; i < size && name[i]; i++) {
        bool plain = (unsigned char)name[i] >= ' ' && name[i] != '"' && name[i] != 0x7f;
        add_bytes(t, plain ? &name[i] : "?", 1);
    }
}

void rt__text_add_thread(struct rt__text *t, const struct rt__crash_thread *thread)
{
    rt__text_add(t, "thread ");
    rt__text_add_number(t, (uint64_t)thread->tid);
    rt__text_add(t, " [");
    rt__text_add(t, thread->note);
    if (thread->name[0]) {
        rt__text_add(t, ", \"");
        add_name(t, thread->name, sizeof(thread->name));
        rt__text_add(t, "\"");
    }
    rt__text_add(t, "]:");
}
