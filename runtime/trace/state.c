/* state.c - what is recorded at all, and for whom.
 *
 * One word has a bit for each reader of the events: a trace, the flight recorder. Whoever may record looks at it
 * first, and does nothing more when it is 0. The child of a fork records nothing: it has none of the threads that the
 * events are of, and no reader. It may switch recording on like any other process.
 */
#include "runtime/trace/trace.h"

#include <pthread.h>
#include "runtime/trace/figures.h"
#include "runtime/trace/heap_events.h"
#include "runtime/trace/record.h"
#include "runtime/trace/samples.h"
#include "runtime/trace/sites.h"

uint32_t rt__recording;
void (*rt__recording_watcher)(void);

static void tell_watcher(void)
{
    void (*watcher)(void) = __atomic_load_n(&rt__recording_watcher, __ATOMIC_SEQ_CST);
    if (watcher) {
        watcher();
    }
}

/* The clock's rate before anything that asks for it while recording, and a pair from which what comes now counts on:
 * the newest may be hours old. */
void rt__recording_set(uint32_t reader, bool on)
{
    uint32_t before;
    if (on) {
        (void)rt__clock_ticks_per_s();
        rt__clock_sync(true);
        before = __atomic_fetch_or(&rt__recording, reader, __ATOMIC_SEQ_CST);
    } else {
        before = __atomic_fetch_and(&rt__recording, ~reader, __ATOMIC_SEQ_CST);
    }
    if ((before != 0) != (on || (before & ~reader) != 0)) {
        tell_watcher();
    }
}

void rt__trace_counts(struct rt__trace_counts *out)
{
    rt__record_counts(out);
    out->stacks_lost = rt__stacks_lost();
    out->sites_lost = rt__sites_lost();
    out->samples_lost = rt__samples_lost();
}

/* Another thread may have been anywhere: nothing is asked for that it could hold. */
static void after_fork_in_child(void)
{
    uint32_t before = __atomic_exchange_n(&rt__recording, 0, __ATOMIC_SEQ_CST);
    rt__chunks_forget();
    rt__trace_threads_forget();
    if (before != 0) {
        tell_watcher();
    }
}

void rt__trace_start(const struct env_settings *settings)
{
    (void)settings;
    rt__clock_start();
    rt__heap_events_start();
    rt__trace_figures_start();
    (void)rt__trace_self(); /* the main thread's, and the key that all threads' ends are seen by */
    pthread_atfork(NULL, NULL, after_fork_in_child);
}
