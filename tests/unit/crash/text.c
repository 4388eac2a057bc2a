/* The words of a traceback: Go's lines, cut where the buffer ends, and no line that the program could forge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "runtime/crash/crash.h"

static char buf[512];

static struct rt__text *text(void)
{
    static struct rt__text t;
    t = (struct rt__text){.buf = buf, .size = sizeof(buf)};
    buf[0] = '\0';
    return &t;
}

static void numbers_are_written_in_full(void **state)
{
    struct rt__text *t = text();
    (void)state;
    rt__text_add_number(t, 0);
    rt__text_add(t, " ");
    rt__text_add_number(t, UINT64_MAX);
    rt__text_add(t, " ");
    rt__text_add_hex(t, 0);
    rt__text_add(t, " ");
    rt__text_add_hex(t, UINT64_C(0xfedcba9876543210));
    assert_string_equal(buf, "0 18446744073709551615 0x0 0xfedcba9876543210");
    assert_int_equal(t->len, strlen(buf));
}

static void what_does_not_fit_is_cut_and_nothing_is_written_beyond(void **state)
{
    char small[12];
    struct rt__text t = {.buf = small, .size = 8};
    (void)state;
    memset(small, '#', sizeof(small));
    rt__text_add(&t, "abcde");
    rt__text_add(&t, "fghij");
    rt__text_add_number(&t, 12345);
    assert_string_equal(small, "abcdefg");
    assert_int_equal(t.len, 7);
    assert_memory_equal(small + 8, "####", 4);
}

/* ---- reasons ---- */

struct reason {
    struct rt__crash_cause cause;
    const char *text;
};

static void check_reasons(const struct reason *reasons, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rt__text_add_cause(text(), &reasons[i].cause);
        assert_string_equal(buf, reasons[i].text);
    }
}
#define CHECK(reasons) check_reasons(reasons, sizeof(reasons) / sizeof(*(reasons)))

static void faults_are_told_as_go_tells_them(void **state)
{
    static const struct reason reasons[] = {
        {{.signal = SIGSEGV, .code = SEGV_MAPERR, .addr = 0, .pc = 0x401136},
         "panic: runtime error: invalid memory address or nil pointer dereference\n"
         "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x401136]\n"},
        {{.signal = SIGSEGV, .code = SEGV_ACCERR, .addr = 4095, .pc = 1},
         "panic: runtime error: invalid memory address or nil pointer dereference\n"
         "[signal SIGSEGV: segmentation violation code=0x2 addr=0xfff pc=0x1]\n"},
        {{.signal = SIGSEGV, .code = SEGV_MAPERR, .addr = 4096, .pc = 1},
         "unexpected fault address 0x1000\nfatal error: fault\n"
         "[signal SIGSEGV: segmentation violation code=0x1 addr=0x1000 pc=0x1]\n"},
        {{.signal = SIGBUS, .code = BUS_ADRERR, .addr = 0x7f0000001000, .pc = 1},
         "unexpected fault address 0x7f0000001000\nfatal error: fault\n"
         "[signal SIGBUS: bus error code=0x2 addr=0x7f0000001000 pc=0x1]\n"},
        {{.signal = SIGSEGV, .code = SEGV_ACCERR, .addr = 0x7f0000001000, .pc = 1, .is_overflow = true},
         "fatal error: stack overflow\n"
         "[signal SIGSEGV: segmentation violation code=0x2 addr=0x7f0000001000 pc=0x1]\n"},
        {{.signal = SIGFPE, .code = FPE_INTDIV, .addr = 1, .pc = 1},
         "panic: runtime error: integer divide by zero\n"
         "[signal SIGFPE: floating-point exception code=0x1 addr=0x1 pc=0x1]\n"},
        {{.signal = SIGFPE, .code = FPE_FLTINV, .addr = 1, .pc = 1},
         "panic: runtime error: floating point error\n"
         "[signal SIGFPE: floating-point exception code=0x7 addr=0x1 pc=0x1]\n"},
        {{.signal = SIGILL, .code = ILL_ILLOPN, .addr = 1, .pc = 1},
         "fatal error: illegal instruction\n[signal SIGILL: illegal instruction code=0x2 addr=0x1 pc=0x1]\n"},
    };
    (void)state;
    CHECK(reasons);
}

static void a_fault_without_an_address_does_not_claim_one(void **state)
{
    static const struct reason reasons[] = {
        {{.signal = SIGSEGV, .code = SI_KERNEL, .addr = 0, .pc = 1},
         "unexpected fault, its address is not known\nfatal error: fault\n"
         "[signal SIGSEGV: segmentation violation code=0x80 addr=0x0 pc=0x1]\n"},
    };
    (void)state;
    CHECK(reasons);
}

static void a_signal_that_was_sent_is_told_with_its_sender(void **state)
{
    static const struct reason reasons[] = {
        {{.signal = SIGSEGV, .code = SI_USER, .sender = 4711, .pc = 1},
         "fatal error: SIGSEGV was sent by process 4711\n"
         "[signal SIGSEGV: segmentation violation code=0x0 addr=0x0 pc=0x1]\n"},
        {{.signal = SIGBUS, .code = SI_TKILL, .is_own = true, .pc = 1},
         "fatal error: SIGBUS was sent by the program itself\n"
         "[signal SIGBUS: bus error code=0xfffffffffffffffa addr=0x0 pc=0x1]\n"},
        {{.signal = SIGABRT, .code = SI_TKILL, .is_own = true, .pc = 1},
         "fatal error: abort\n[signal SIGABRT: abort code=0xfffffffffffffffa addr=0x0 pc=0x1]\n"},
        {{.signal = SIGABRT, .code = SI_USER, .sender = 4711, .pc = 1},
         "fatal error: SIGABRT was sent by process 4711\n[signal SIGABRT: abort code=0x0 addr=0x0 pc=0x1]\n"},
    };
    (void)state;
    CHECK(reasons);
}

static void a_quit_is_told_with_the_thread_that_got_it(void **state)
{
    static const struct reason reasons[] = {
        {{.signal = SIGQUIT, .code = SI_USER, .pc = 0x1f, .is_main = true, .tid = 12},
         "SIGQUIT: quit\nPC=0x1f m=0 sigcode=0\n"},
        {{.signal = SIGQUIT, .code = SI_KERNEL, .pc = 0x1f, .tid = 12}, "SIGQUIT: quit\nPC=0x1f m=12 sigcode=128\n"},
    };
    (void)state;
    CHECK(reasons);
}

static void a_message_has_no_line_of_its_own_but_the_first(void **state)
{
    static const struct reason reasons[] = {
        {{.signal = SIGABRT, .before = "panic: ", .message = "no room"}, "panic: no room\n"},
        {{.signal = SIGABRT, .before = "panic: ", .message = "a\n\nthread 1 [running]:\n"},
         "panic: a\n\t\n\tthread 1 [running]:\n\t\n"},
        {{.signal = SIGABRT, .before = "prog: line\nfatal error: ", .message = ""}, "prog: line\nfatal error: \n"},
    };
    (void)state;
    CHECK(reasons);
}

static void a_signal_without_a_name_has_its_number(void **state)
{
    (void)state;
    rt__text_add_signal(text(), SIGSYS, 1, 2, 3);
    assert_string_equal(buf, "[signal signal 31 code=0x1 addr=0x2 pc=0x3]");
}

/* ---- stacks ---- */

static void a_fault_just_below_the_stack_is_one_of_a_stack_that_ran_over(void **state)
{
    const uintptr_t base = 0x7f0000800000, sp = 0x7f0000001010;
    (void)state;
    assert_true(rt__crash_is_below_stack(sp - 8, sp, base));
    assert_true(rt__crash_is_below_stack(sp - (60 << 10), sp, base));
    assert_true(
        rt__crash_is_below_stack(sp + (512 << 10), sp, base)); /* a large frame was made, and touched above sp */
}

static void a_fault_elsewhere_is_not(void **state)
{
    const uintptr_t base = 0x7f0000800000, sp = 0x7f0000001010;
    (void)state;
    assert_false(rt__crash_is_below_stack(0, sp, base));
    assert_false(rt__crash_is_below_stack(sp - (1 << 20), sp, base));
    assert_false(rt__crash_is_below_stack(base, base - 16, base));
    assert_false(rt__crash_is_below_stack(sp + (2 << 20), sp, base));
    assert_false(rt__crash_is_below_stack(8, 16, 0));
}

/* ---- threads ---- */

static void a_thread_has_its_number_its_state_and_its_name(void **state)
{
    struct rt__crash_thread thread = {.tid = 3, .note = "epoll_wait, 2 minutes", .name = "loop 1"};
    (void)state;
    rt__text_add_thread(text(), &thread);
    assert_string_equal(buf, "thread 3 [epoll_wait, 2 minutes, \"loop 1\"]:");
    thread.name[0] = '\0';
    rt__text_add_thread(text(), &thread);
    assert_string_equal(buf, "thread 3 [epoll_wait, 2 minutes]:");
}

static void a_name_cannot_end_the_quotes_or_the_line(void **state)
{
    struct rt__crash_thread thread = {.tid = 3, .note = "running"};
    (void)state;
    memcpy(thread.name, "a\"]:\n\tb 16 bytes", sizeof(thread.name)); /* no NUL either */
    rt__text_add_thread(text(), &thread);
    assert_string_equal(buf, "thread 3 [running, \"a?]:??b 16 bytes\"]:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_in_full),
        cmocka_unit_test(what_does_not_fit_is_cut_and_nothing_is_written_beyond),
        cmocka_unit_test(faults_are_told_as_go_tells_them),
        cmocka_unit_test(a_fault_without_an_address_does_not_claim_one),
        cmocka_unit_test(a_signal_that_was_sent_is_told_with_its_sender),
        cmocka_unit_test(a_quit_is_told_with_the_thread_that_got_it),
        cmocka_unit_test(a_message_has_no_line_of_its_own_but_the_first),
        cmocka_unit_test(a_signal_without_a_name_has_its_number),
        cmocka_unit_test(a_fault_just_below_the_stack_is_one_of_a_stack_that_ran_over),
        cmocka_unit_test(a_fault_elsewhere_is_not),
        cmocka_unit_test(a_thread_has_its_number_its_state_and_its_name),
        cmocka_unit_test(a_name_cannot_end_the_quotes_or_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
