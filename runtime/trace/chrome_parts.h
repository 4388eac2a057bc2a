/* chrome_parts.h - what the files of Chrome's writer share.
 *
 *   chrome_writer.c   moments as events
 *   chrome_events.c   one event: its head, its stack, its way out
 *   chrome_tasks.c    tasks that have begun or ended, as an event of either needs the other
 *   chrome_json.c     JSON (pure)
 */
#ifndef RT_TRACE_CHROME_PARTS_H
#define RT_TRACE_CHROME_PARTS_H

#include "runtime/trace/chrome_json.h"
#include "runtime/trace/writers.h"

struct rt__chrome {
    struct rt__writer base;
    struct rt__chrome_json event; /* the one being put together */
    bool has_events, has_args;
    uint64_t pid;
    void *stacks, *tasks, *tids; /* trees of tsearch */
    struct rt__chrome_track *tracks;
};

enum rt__chrome_doing { RT__CHROME_RUNS, RT__CHROME_BLOCKED, RT__CHROME_RUNNABLE };

/* What the writer knows of a track. */
struct rt__chrome_track {
    uint64_t tid; /* in the trace; the key: first */
    struct rt__chrome_track *next;
    uintptr_t start_fn;
    char name[16]; /* as the events had it last */
    enum rt__chrome_doing doing;
    enum rt__block reason; /* and since when */
    uint32_t stack;
    uint64_t since_ns;
    unsigned open; /* slices that have begun and not ended */
    bool is_collector, has_ended;
};

/* ---- chrome_events.c ---- */

size_t rt__chrome_places(struct rt__chrome *c, uint32_t ref, uintptr_t start_fn, struct rt__place *out, size_t max);

/* A stack as JSON; NULL when it has no frames. */
struct rt__chrome_stack {
    uint32_t ref; /* the key, with start_fn */
    uintptr_t start_fn;
    char *frames; /* ["function (file:line)",...], innermost first */
    char *name;   /* the innermost function, in quotes */
};
/* Good as long as the writer. NULL: no memory, and the out has failed. */
const struct rt__chrome_stack *rt__chrome_stack(struct rt__chrome *c, uint32_t ref, uintptr_t start_fn);
void rt__chrome_stacks_free(struct rt__chrome *c);

/* {"ph":"X","pid":1,"tid":2,"ts":3.000,"cat":"..." - of an event at ns (of rt__os_now_ns); what was before the trace
 * is put at its begin. An end ("E") has neither category nor name, or viewers compare them with the begin's. */
void rt__chrome_begin(struct rt__chrome *c, const char *phase, uint64_t tid, uint64_t ns, const char *category);
/* The same with a name. */
void rt__chrome_begin_named(struct rt__chrome *c, const char *phase, uint64_t tid, uint64_t ns, const char *category,
                            const char *name);
/* ,"key": - the value is to follow. */
void rt__chrome_key(struct rt__chrome *c, const char *key);
/* The same within the event's args, which come last. */
void rt__chrome_arg(struct rt__chrome *c, const char *key);
void rt__chrome_arg_stack(struct rt__chrome *c, uint32_t ref, uintptr_t start_fn);
/* } - and out it goes. */
void rt__chrome_end(struct rt__chrome *c);
/* A whole event that names a thread, or the process; one that puts a thread into its place in the list. */
void rt__chrome_tell_name(struct rt__chrome *c, uint64_t tid, const char *what, const char *name);
void rt__chrome_tell_order(struct rt__chrome *c, uint64_t tid, uint64_t index);
/* There is no memory: the trace has failed. */
void rt__chrome_fail(struct rt__chrome *c);

/* ---- chrome_tasks.c ---- */

void rt__chrome_task_begin(struct rt__chrome *c, const struct rt__chrome_track *t, const struct rt__moment *m);
void rt__chrome_task_end(struct rt__chrome *c, const struct rt__chrome_track *t, const struct rt__moment *m);
/* Ends all that are open at to_ns. */
void rt__chrome_tasks_finish(struct rt__chrome *c, uint64_t to_ns);
void rt__chrome_tasks_free(struct rt__chrome *c);

#endif
