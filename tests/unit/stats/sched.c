/* The line of CDEBUG=schedtrace. */
#include "runtime/stats/sched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void each_scenario_has_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        struct rt__sched s;
        const char *line;
    } rows[] = {
        {"all sleep: all processors are idle",
         {.elapsed_ns = 1004999999, .max_procs = 2, .threads = 13},
         "SCHED 1004ms: gomaxprocs=2 idleprocs=2 threads=13 spinningthreads=0 needspinning=0 idlethreads=13 "
         "runqueue=0\n"},
        {"what runs takes a processor each",
         {.max_procs = 4, .threads = 5, .runnable = 3},
         "SCHED 0ms: gomaxprocs=4 idleprocs=1 threads=5 spinningthreads=0 needspinning=0 idlethreads=2 runqueue=0\n"},
        {"what could run beyond the processors waits for one",
         {.max_procs = 2, .threads = 9, .runnable = 7},
         "SCHED 0ms: gomaxprocs=2 idleprocs=0 threads=9 spinningthreads=0 needspinning=0 idlethreads=2 runqueue=5\n"},
        {"who waits for a device is neither idle nor on a processor",
         {.max_procs = 2, .threads = 4, .runnable = 1, .waiting = 1},
         "SCHED 0ms: gomaxprocs=2 idleprocs=1 threads=4 spinningthreads=0 needspinning=0 idlethreads=2 runqueue=0\n"},
        {"states that are read one after the other may not add up",
         {.max_procs = 1, .threads = 1, .runnable = 2},
         "SCHED 0ms: gomaxprocs=1 idleprocs=0 threads=1 spinningthreads=0 needspinning=0 idlethreads=0 runqueue=1\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[256];
        int len = rt__sched_format(line, sizeof line, &rows[i].s);
        if (strcmp(line, rows[i].line) != 0)
            fail_msg("%s: %s", rows[i].why, line);
        assert_int_equal(len, strlen(line));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_scenario_has_its_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
