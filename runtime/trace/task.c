/* task.c - tasks, regions and logs: what a program records itself.
 *
 * All that a thread has open is in its record, and is kept right while nothing is recorded, too, once a thread has a
 * record: recording may be switched on between a begin and its end. A change of the task that nobody recorded
 * meanwhile is told before the next event that is about a task. A region that began unrecorded has its place, so that
 * its end is not taken for another's.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include "runtime/cruntime.h"
#include "runtime/trace/record.h"
#include "runtime/trace/sites.h"
#include "runtime/unwind/caller.h"

/* Threads take so many ids at a time: the counter of all is then no place where they meet. */
#define IDS_AT_ONCE 64u

/* In a record's regions: one that began while nothing was recorded. No id of a site is that large. */
#define UNRECORDED UINT32_MAX

static uint64_t ids_taken;
static __thread uint64_t next_id, end_of_ids;
static __thread bool is_untold; /* the thread's task changed and no event says so */

/* The calling thread's record while something is recorded, else NULL. */
static struct rt__trace_thread *recorder(void)
{
    return rt__is_recording() ? rt__trace_self() : NULL;
}

static uint64_t new_id(void)
{
    if (next_id == end_of_ids) {
        next_id = 1 + __atomic_fetch_add(&ids_taken, IDS_AT_ONCE, __ATOMIC_RELAXED);
        end_of_ids = next_id + IDS_AT_ONCE;
    }
    return next_id++;
}

/* The thread works for the task from here on. The record is changed after the event: a chunk that begins with the
 * event still has the task before in its head. */
static void set_task(struct rt__trace_thread *t, uint64_t task)
{
    is_untold = false;
    rt__record(t, rt__ticks(), RT__EV_TASK_SET, 0, &task, 1);
    t->task = task;
}

static void tell_task(struct rt__trace_thread *t)
{
    if (__builtin_expect(is_untold, 0)) {
        set_task(t, t->task);
    }
}

RT_API bool rt_trace_is_enabled(void)
{
    return rt__is_recording();
}

/* ---- tasks ------------------------------------------------------------------------------------ */

/* While nothing is recorded: what the thread works for, without an event. Returns what it was. */
static uint64_t set_untold(uint64_t task)
{
    struct rt__trace_thread *t = rt__trace_self_ptr;
    if (!t) {
        return 0;
    }
    uint64_t old = t->task;
    is_untold |= old != task;
    t->task = task;
    return old;
}

RT_API rt_task rt_trace_task_begin(const char *name, rt_task parent)
{
    struct rt__trace_thread *t = recorder();
    if (!t) {
        set_untold(0); /* of the new task nothing is known, but it is not the old one */
        return 0;
    }
    uint32_t site = rt__site(name, RT__CALLER);
    uint64_t words[2] = {new_id(), parent};
    is_untold = false;
    rt__record(t, rt__ticks(), RT__EV_TASK_BEGIN, site, words, 2);
    t->task = words[0];
    return words[0];
}

RT_API void rt_trace_task_end(rt_task task)
{
    if (task == 0) {
        return;
    }
    struct rt__trace_thread *t = recorder();
    if (!t) {
        if (rt_trace_task_get() == task) {
            set_untold(0);
        }
        return;
    }
    tell_task(t);
    rt__record(t, rt__ticks(), RT__EV_TASK_END, rt__site("", RT__CALLER), &task, 1);
    if (t->task == task) {
        t->task = 0;
    }
}

RT_API rt_task rt_trace_task_set(rt_task task)
{
    struct rt__trace_thread *t = recorder();
    if (!t) {
        return set_untold(task);
    }
    uint64_t old = t->task;
    if (task != old || is_untold) {
        set_task(t, task);
    }
    return old;
}

RT_API rt_task rt_trace_task_get(void)
{
    struct rt__trace_thread *t = rt__trace_self_ptr;
    return t ? t->task : 0;
}

/* ---- regions ---------------------------------------------------------------------------------- */

static void region_begin(const char *name, const void *caller)
{
    struct rt__trace_thread *t = recorder();
    uint32_t site = UNRECORDED;
    if (!t) {
        t = rt__trace_self_ptr; /* a thread without a record has nothing that could be mixed up */
    } else if (t->depth < RT__REGIONS_MOST) {
        site = rt__site(name, caller);
        tell_task(t);
        rt__record_short(t, rt__ticks(), RT__EV_REGION_BEGIN, site);
    }
    if (!t) {
        return;
    }
    if (t->depth < RT__REGIONS_MOST) {
        t->regions[t->depth] = site;
    }
    t->depth++;
}

static void region_end(void)
{
    struct rt__trace_thread *t = rt__trace_self_ptr;
    if (!t || t->depth == 0) {
        return;
    }
    t->depth--;
    uint32_t site = t->depth < RT__REGIONS_MOST ? t->regions[t->depth] : UNRECORDED;
    if (site != UNRECORDED && rt__is_recording()) {
        tell_task(t);
        rt__record_short(t, rt__ticks(), RT__EV_REGION_END, site);
    }
}

RT_API void rt_trace_region_begin(const char *name)
{
    region_begin(name, RT__CALLER);
}

RT_API void rt_trace_region_end(void)
{
    region_end();
}

RT_API void rt_trace_with_region(const char *name, void (*fn)(void *arg), void *arg)
{
    region_begin(name, RT__CALLER);
    fn(arg);
    region_end();
}

/* ---- logs ------------------------------------------------------------------------------------- */

static void log_text(struct rt__trace_thread *t, const char *category, const char *text, const void *caller)
{
    uint32_t site = rt__site(category, caller);
    tell_task(t);
    rt__record_log(t, rt__ticks(), site, text, rt__text_cut(text, RT__LOG_MOST));
}

RT_API void rt_trace_log(const char *category, const char *message)
{
    struct rt__trace_thread *t = recorder();
    if (t) {
        log_text(t, category, message ? message : "", RT__CALLER);
    }
}

/* The buffer is longer than what is kept, so that the cut is seen to be one. */
RT_API void rt_trace_logf(const char *category, const char *fmt, ...)
{
    char text[RT__LOG_MOST + 8];
    struct rt__trace_thread *t = recorder();
    if (!t) {
        return;
    }
    int saved_errno = errno;
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    errno = saved_errno;
    /* Below 0: a conversion that does not go, such as of a wide character. The log is made all the same. */
    log_text(t, category, len >= 0 ? text : fmt, RT__CALLER);
}
