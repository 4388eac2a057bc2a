/* chrome_writer.c - moments as Chrome's trace events, which Perfetto and chrome://tracing read.
 *
 * A thread is a thread; the cycles have a track of their own. Regions are slices (B, E), and so is each time in which a
 * thread was blocked, or could have run and did not (X): a region holds those that fall into it. A thread that runs has
 * no slice: most would lie under a region and say nothing. Tasks are asynchronous events, logs are marks on their task,
 * or on the thread when there is none; the heap's size and goal are counters, CPU samples marks with a stack.
 *
 * The format has no way to say that a slice began before the trace: ends of such regions are passed over. All that is
 * open in the end is ended there. Events are in order of time for each thread, not all together; viewers sort.
 *
 * Nothing that a program names itself can make the file one that is not JSON (chrome_json.c).
 */
#include "runtime/trace/chrome_parts.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "runtime/cruntime.h"
#include "runtime/os/os.h"

/* Threads that have the tid of one before them in the trace get numbers from here on, far above all of the kernel's:
 * viewers would show both as one. */
#define OTHER_TIDS (UINT64_C(1) << 30)

/* ---- names of threads ---------------------------------------------------------------------------- */

/* A thread that was given no name has inherited the program's, which tells nothing: its function does. */
static const char *name_of(struct rt__chrome *c, const struct rt__track *track, struct rt__place *place)
{
    bool is_inherited = strncmp(track->name, rt__os_program(), sizeof(track->name) - 1) == 0;
    if (track->number == RT__TRACK_COLLECTOR) {
        return "collector (cycles)";
    }
    if ((track->name[0] == '\0' || is_inherited) && track->start_fn &&
        rt__chrome_places(c, 0, track->start_fn, place, 1) == 1) {
        return place->function;
    }
    return track->name[0] ? track->name : "thread";
}

static void tell_name(struct rt__chrome *c, const struct rt__track *track, struct rt__chrome_track *t)
{
    struct rt__place place;
    memcpy(t->name, track->name, sizeof(t->name));
    rt__chrome_tell_name(c, t->tid, "thread_name", name_of(c, track, &place));
}

static int compare_tids(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* False when there is no memory. */
static bool take_tid(struct rt__chrome *c, const struct rt__track *track, struct rt__chrome_track *t)
{
    t->is_collector = track->number == RT__TRACK_COLLECTOR;
    t->tid = t->is_collector ? RT__TID_COLLECTOR : (uint64_t)track->tid;
    struct rt__chrome_track **holder = tsearch(t, &c->tids, compare_tids);
    if (holder && *holder != t) {
        t->tid = OTHER_TIDS + track->number;
    }
    return holder != NULL;
}

static struct rt__chrome_track *new_track(struct rt__chrome *c, struct rt__track *track)
{
    struct rt__chrome_track *t = calloc(1, sizeof(*t));
    if (!t || !take_tid(c, track, t)) {
        rt__chrome_fail(c);
        free(t);
        return NULL;
    }
    t->start_fn = track->start_fn;
    t->next = c->tracks;
    c->tracks = track->of_sink = t;
    tell_name(c, track, t);
    /* In the order in which they came to be; the cycles, whose number is the largest, last. */
    rt__chrome_tell_order(c, t->tid, track->number < INT32_MAX ? track->number : INT32_MAX);
    return t;
}

/* ---- slices of a thread -------------------------------------------------------------------------- */

static void write_duration(struct rt__chrome *c, const struct rt__chrome_track *t, uint64_t ns)
{
    uint64_t from_ns = c->base.writing.from_ns;
    uint64_t since_ns = t->since_ns > from_ns ? t->since_ns : from_ns;
    rt__chrome_key(c, "dur");
    rt__chrome_us(&c->event, ns > since_ns ? ns - since_ns : 0);
}

/* The thread does something else from ns on; what it did until then becomes a slice. (The collector does nothing
 * between cycles, which shows.) */
static void change(struct rt__chrome *c, struct rt__chrome_track *t, enum rt__chrome_doing doing, uint64_t ns)
{
    static const char *const blocked[RT__BLOCK_REASONS] = {
        [RT__BLOCK_NETWORK] = "blocked: network",     [RT__BLOCK_MUTEX] = "blocked: mutex",
        [RT__BLOCK_COND] = "blocked: condition",      [RT__BLOCK_RWLOCK] = "blocked: rwlock",
        [RT__BLOCK_SEMAPHORE] = "blocked: semaphore", [RT__BLOCK_SLEEP] = "blocked: sleep",
        [RT__BLOCK_FILE] = "blocked: file",           [RT__BLOCK_IDLE] = "idle",
    };
    if (t->doing == RT__CHROME_BLOCKED && !t->is_collector) {
        rt__chrome_begin_named(c, "X", t->tid, t->since_ns, "block",
                               t->reason < RT__BLOCK_REASONS ? blocked[t->reason] : "blocked");
        write_duration(c, t, ns);
        rt__chrome_arg_stack(c, t->stack, t->start_fn);
        rt__chrome_end(c);
    } else if (t->doing == RT__CHROME_RUNNABLE && !t->is_collector && ns > t->since_ns) {
        rt__chrome_begin_named(c, "X", t->tid, t->since_ns, "sched", "runnable");
        write_duration(c, t, ns);
        rt__chrome_end(c);
    }
    t->doing = doing;
    t->since_ns = ns;
}

static void block(struct rt__chrome *c, struct rt__chrome_track *t, const struct rt__moment *m)
{
    change(c, t, RT__CHROME_BLOCKED, m->ns);
    t->reason = m->reason;
    t->stack = m->stack;
}

static void open_slice(struct rt__chrome *c, struct rt__chrome_track *t, uint64_t ns, const char *category,
                       const char *name)
{
    t->open++;
    rt__chrome_begin_named(c, "B", t->tid, ns, category, name);
}

static void close_slice(struct rt__chrome *c, struct rt__chrome_track *t, uint64_t ns)
{
    if (t->open > 0) {
        t->open--;
        rt__chrome_begin(c, "E", t->tid, ns, NULL);
        rt__chrome_end(c);
    }
}

static void end_track(struct rt__chrome *c, struct rt__chrome_track *t, uint64_t ns)
{
    change(c, t, RT__CHROME_RUNS, ns);
    while (t->open > 0) {
        close_slice(c, t, ns);
    }
    t->has_ended = true;
}

static void begin_region(struct rt__chrome *c, struct rt__chrome_track *t, const struct rt__moment *m)
{
    open_slice(c, t, m->ns, "region", m->name);
    if (m->task) {
        rt__chrome_arg(c, "task");
        rt__chrome_id(&c->event, m->task);
    }
    rt__chrome_arg_stack(c, m->stack, t->start_fn);
    rt__chrome_end(c);
}

static void begin_cycle(struct rt__chrome *c, struct rt__chrome_track *t, const struct rt__moment *m)
{
    open_slice(c, t, m->ns, "gc", "GC");
    rt__chrome_arg(c, "cycle");
    rt__chrome_number(&c->event, m->value);
    rt__chrome_end(c);
}

static void begin_stop(struct rt__chrome *c, struct rt__chrome_track *t, const struct rt__moment *m)
{
    open_slice(c, t, m->ns, "gc", "stop-the-world");
    rt__chrome_end(c);
}

/* ---- marks and counters -------------------------------------------------------------------------- */

static void begin_mark(struct rt__chrome *c, const struct rt__chrome_track *t, uint64_t ns, const char *category)
{
    rt__chrome_begin(c, "i", t->tid, ns, category);
    rt__chrome_key(c, "s");
    rt__chrome_raw(&c->event, "\"t\"");
    rt__chrome_key(c, "name");
}

/* The stack of a thread's creation is of the thread that made it, whose function is not known here. */
static void mark_thread(struct rt__chrome *c, const struct rt__chrome_track *t, const struct rt__moment *m,
                        const char *quoted)
{
    begin_mark(c, t, m->ns, "thread");
    rt__chrome_raw(&c->event, quoted);
    rt__chrome_arg_stack(c, m->stack, 0);
    rt__chrome_end(c);
}

static void mark_sample(struct rt__chrome *c, const struct rt__chrome_track *t, const struct rt__moment *m)
{
    const struct rt__chrome_stack *stack = rt__chrome_stack(c, m->stack, t->start_fn);
    begin_mark(c, t, m->ns, "cpu");
    rt__chrome_raw(&c->event, stack && stack->name ? stack->name : "\"unknown\"");
    rt__chrome_arg_stack(c, m->stack, t->start_fn);
    rt__chrome_end(c);
}

static void write_log(struct rt__chrome *c, const struct rt__chrome_track *t, const struct rt__moment *m)
{
    if (m->task) {
        rt__chrome_begin(c, "n", t->tid, m->ns, "task");
        rt__chrome_key(c, "id");
        rt__chrome_id(&c->event, m->task);
        rt__chrome_key(c, "name");
    } else {
        begin_mark(c, t, m->ns, "log");
    }
    rt__chrome_quoted(&c->event, m->name, strlen(m->name));
    rt__chrome_arg(c, "message");
    rt__chrome_quoted(&c->event, m->text, m->len);
    rt__chrome_arg_stack(c, m->stack, t->start_fn);
    rt__chrome_end(c);
}

/* Two counters, as threads are told of one after the other: one event with both would pair figures of two times. */
static void count(struct rt__chrome *c, const struct rt__chrome_track *t, const struct rt__moment *m, const char *name)
{
    rt__chrome_begin_named(c, "C", t->tid, m->ns, "heap", name);
    rt__chrome_arg(c, "bytes");
    rt__chrome_number(&c->event, m->value);
    rt__chrome_end(c);
}

/* ---- the sink ------------------------------------------------------------------------------------ */

/* How a thread comes, runs and goes. False: the moment is of another kind. */
static bool move(struct rt__chrome *c, struct rt__chrome_track *t, const struct rt__moment *m)
{
    switch (m->kind) {
    case RT__MOMENT_EXISTS_RUNNING:
    case RT__MOMENT_RUN:
        change(c, t, RT__CHROME_RUNS, m->ns);
        return true;
    case RT__MOMENT_EXISTS_WAITING:
    case RT__MOMENT_WAITING:
        block(c, t, m);
        return true;
    case RT__MOMENT_CREATED:
        mark_thread(c, t, m, "\"thread created\"");
        change(c, t, RT__CHROME_RUNNABLE, m->ns);
        return true;
    case RT__MOMENT_UNBLOCK:
        change(c, t, RT__CHROME_RUNNABLE, m->ns);
        return true;
    case RT__MOMENT_END:
        end_track(c, t, m->ns);
        mark_thread(c, t, m, "\"thread ended\"");
        return true;
    default:
        return false;
    }
}

/* What a thread, or the collector, tells of. */
static void tell(struct rt__chrome *c, struct rt__chrome_track *t, const struct rt__moment *m)
{
    switch (m->kind) {
    case RT__MOMENT_TASK_BEGIN:
        rt__chrome_task_begin(c, t, m);
        break;
    case RT__MOMENT_TASK_END:
        rt__chrome_task_end(c, t, m);
        break;
    case RT__MOMENT_REGION_BEGIN:
        begin_region(c, t, m);
        break;
    case RT__MOMENT_GC_BEGIN:
        begin_cycle(c, t, m);
        break;
    case RT__MOMENT_STW_BEGIN:
        begin_stop(c, t, m);
        break;
    case RT__MOMENT_REGION_END:
    case RT__MOMENT_STW_END:
    case RT__MOMENT_GC_END:
        close_slice(c, t, m->ns);
        break;
    case RT__MOMENT_LOG:
        write_log(c, t, m);
        break;
    case RT__MOMENT_HEAP_ALLOC:
        count(c, t, m, "heap allocated");
        break;
    case RT__MOMENT_HEAP_GOAL:
        count(c, t, m, "heap goal");
        break;
    case RT__MOMENT_SAMPLE:
        mark_sample(c, t, m);
        break;
    default:
        break;
    }
}

static void on_moment(void *sink, struct rt__track *track, const struct rt__moment *m)
{
    struct rt__chrome *c = sink;
    struct rt__chrome_track *t = track->of_sink ? track->of_sink : new_track(c, track);
    if (!t) {
        return;
    }
    if (track->name[0] && memcmp(t->name, track->name, sizeof(t->name)) != 0) {
        tell_name(c, track, t);
    }
    t->start_fn = track->start_fn;
    if (!move(c, t, m)) {
        tell(c, t, m);
    }
}

/* ---- the file ------------------------------------------------------------------------------------ */

static void write_other_data(struct rt__chrome *c, uint64_t to_ns, const struct rt__timeline_losses *losses)
{
    char text[320];
    int n = snprintf(text, sizeof text,
                     "\n],\"otherData\":{\"source\":\"cruntime %s\",\"cmaxprocs\":%u,\"duration_ns\":%llu,"
                     "\"lost_events\":%llu,\"lost_chunks\":%llu,\"is_whole\":%s}}\n",
                     RT_VERSION, c->base.writing.procs, (unsigned long long)(to_ns - c->base.writing.from_ns),
                     (unsigned long long)losses->events, (unsigned long long)losses->gaps,
                     losses->no_memory || losses->events || losses->gaps ? "false" : "true");
    rt__out_write(c->base.writing.out, text, (size_t)n);
}

static void finish(struct rt__writer *self, uint64_t to_ns, const struct rt__timeline_losses *losses)
{
    struct rt__chrome *c = (struct rt__chrome *)self;
    for (struct rt__chrome_track *t = c->tracks; t; t = t->next) {
        if (!t->has_ended) {
            end_track(c, t, to_ns);
        }
    }
    rt__chrome_tasks_finish(c, to_ns);
    write_other_data(c, to_ns, losses);
}

/* Tracks are freed by their list. */
static void keep(void *track)
{
    (void)track;
}

static void free_writer(struct rt__writer *self)
{
    struct rt__chrome *c = (struct rt__chrome *)self;
    tdestroy(c->tids, keep);
    for (struct rt__chrome_track *t = c->tracks, *next; t; t = next) {
        next = t->next;
        free(t);
    }
    rt__chrome_tasks_free(c);
    rt__chrome_stacks_free(c);
    rt__chrome_json_release(&c->event);
    free(c);
}

struct rt__writer *rt__chrome_writer_new(const struct rt__writing *w)
{
    static const char header[] = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[";
    struct rt__chrome *c = calloc(1, sizeof(*c));
    if (!c) {
        return NULL;
    }
    c->base = (struct rt__writer){.moment = on_moment, .finish = finish, .free = free_writer, .writing = *w};
    c->pid = (uint64_t)getpid();
    rt__out_write(w->out, header, sizeof header - 1);
    rt__chrome_tell_name(c, c->pid, "process_name", rt__os_program());
    return &c->base;
}
