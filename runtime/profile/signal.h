/* signal.h - SIGPROF, by which the profiler reaches into a thread and looks at its stack.
 *
 * Two modules use it: cpu.c by timers, goroutine.c at once. Each signal carries a word that says whose it is,
 * which of the module's slots it is for, and in which life of that slot; so one that arrives late, after
 * its slot went to another thread, is told from a good one.
 *
 * The handler stays once it is installed, as a signal may still be on its way when a profile has ended, and
 * the default action would end the program. A SIGPROF that is not ours goes to whoever had the signal before.
 * A program that takes SIGPROF with sigwait or a signalfd sees ours there, too.
 */
#ifndef RT_PROFILE_SIGNAL_H
#define RT_PROFILE_SIGNAL_H

#include <stdint.h>
#include <sys/types.h>

enum rt__signal_use { RT__SIGNAL_CPU, RT__SIGNAL_STACK, RT__SIGNAL_USES };

#define RT__SIGNAL_SLOTS 65536u

/* Never 0. */
uint64_t rt__signal_word(enum rt__signal_use use, uint32_t life, unsigned slot);
unsigned rt__signal_slot(uint64_t word);

/* What the handler of a use is: weight is 1, and more when a timer ran out again before it was heard. context
 * is the ucontext_t of what was interrupted. Runs inside anything: may only look and write to memory of its own. */
typedef void rt__signal_fn(uint64_t word, uint32_t weight, const void *context);

/* To be called before signals of that use are sent, each time: a program may have put a handler of its own
 * in the place of ours meanwhile, which then gets what is not ours. */
void rt__signal_hear(enum rt__signal_use use, rt__signal_fn *fn);

/* Lets the calling thread be signalled. */
void rt__signal_unblock(void);

/* 0 or -errno: the timer, and the signal at once; see os.h. */
int rt__signal_each(int *alarm, pid_t tid, uint64_t word, uint64_t first_ns, uint64_t period_ns);
int rt__signal_now(pid_t tid, uint64_t word);

#endif
