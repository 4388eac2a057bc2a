/* behalf.c - see behalf.h. */
#include "app/behalf.h"

struct behalf behalf_get(void)
{
    return (struct behalf){rt_labels_get(), rt_trace_task_get()};
}

struct behalf behalf_set(struct behalf behalf)
{
    struct behalf before = {rt_labels_set(behalf.labels), rt_trace_task_set(behalf.task)};

    return before;
}

struct behalf behalf_part(const char *name)
{
    rt_task whole = rt_trace_task_get();
    struct behalf part = {rt_labels_get(), rt_trace_task_begin(name, whole)};

    rt_trace_task_set(whole);
    return part;
}
