/* chrome_tasks.c - tasks as asynchronous events: a "b" where one begins, an "e" with the same id where it ends.
 *
 * Viewers want both or neither. Threads are told of one after the other, so the end by one thread may come before the
 * begin by another: it is kept until then. A task that began before the trace is never heard to begin, and its end is
 * passed over; one that is still open in the end is ended there.
 */
#include "runtime/trace/chrome_parts.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#define CATEGORY "task"

/* A task of which one half is known. */
struct task {
    uint64_t id;      /* the key: first */
    const char *name; /* NULL: it has ended, and not yet begun */
    uint64_t tid;
    uint64_t ns; /* of the half */
};

static int compare_tasks(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static struct task *find_task(struct rt__chrome *c, uint64_t id)
{
    struct task **known = tfind(&id, &c->tasks, compare_tasks);
    return known ? *known : NULL;
}

static void add_task(struct rt__chrome *c, const struct task *task)
{
    struct task *kept = malloc(sizeof(*kept));
    if (kept) {
        *kept = *task;
    }
    if (!kept || !tsearch(kept, &c->tasks, compare_tasks)) {
        rt__chrome_fail(c);
        free(kept);
    }
}

static void remove_task(struct rt__chrome *c, struct task *task)
{
    tdelete(task, &c->tasks, compare_tasks);
    free(task);
}

static void write_half(struct rt__chrome *c, const char *phase, uint64_t tid, uint64_t ns, const char *name,
                       uint64_t id)
{
    rt__chrome_begin_named(c, phase, tid, ns, CATEGORY, name);
    rt__chrome_key(c, "id");
    rt__chrome_id(&c->event, id);
}

static void write_end(struct rt__chrome *c, uint64_t tid, uint64_t ns, const char *name, uint64_t id)
{
    write_half(c, "e", tid, ns, name, id);
    rt__chrome_end(c);
}

static void write_begin(struct rt__chrome *c, const struct rt__chrome_track *t, const struct rt__moment *m)
{
    write_half(c, "b", t->tid, m->ns, m->name, m->task);
    if (m->parent) {
        rt__chrome_arg(c, "parent");
        rt__chrome_id(&c->event, m->parent);
    }
    rt__chrome_arg_stack(c, m->stack, t->start_fn);
    rt__chrome_end(c);
}

void rt__chrome_task_begin(struct rt__chrome *c, const struct rt__chrome_track *t, const struct rt__moment *m)
{
    struct task *ended = find_task(c, m->task);
    if (ended && ended->name) {
        return; /* it has begun already */
    }
    write_begin(c, t, m);
    if (ended) {
        /* The clocks of two processors may differ by some nanoseconds. */
        write_end(c, ended->tid, ended->ns > m->ns ? ended->ns : m->ns, m->name, m->task);
        remove_task(c, ended);
    } else {
        add_task(c, &(struct task){.id = m->task, .name = m->name, .tid = t->tid, .ns = m->ns});
    }
}

void rt__chrome_task_end(struct rt__chrome *c, const struct rt__chrome_track *t, const struct rt__moment *m)
{
    struct task *task = find_task(c, m->task);
    if (!task) {
        add_task(c, &(struct task){.id = m->task, .tid = t->tid, .ns = m->ns});
    } else if (task->name) {
        write_end(c, t->tid, m->ns > task->ns ? m->ns : task->ns, task->name, task->id);
        remove_task(c, task);
    }
}

/* By taking the root again and again: a walk cannot remove what it meets. A node begins with what it holds. */
void rt__chrome_tasks_finish(struct rt__chrome *c, uint64_t to_ns)
{
    while (c->tasks) {
        struct task *task = *(struct task **)c->tasks;
        if (task->name) {
            write_end(c, task->tid, to_ns > task->ns ? to_ns : task->ns, task->name, task->id);
        }
        remove_task(c, task);
    }
}

void rt__chrome_tasks_free(struct rt__chrome *c)
{
    tdestroy(c->tasks, free);
    c->tasks = NULL;
}
