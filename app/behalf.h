/* behalf.h - on whose behalf a thread works: the labels that profiles show, and the task that traces show.
 *
 * Work that is put off, or handed to another thread, keeps what behalf_get says and is done between
 *
 *     struct behalf before = behalf_set(kept);
 *     ...
 *     behalf_set(before);
 */
#ifndef APP_BEHALF_H
#define APP_BEHALF_H

#include "cruntime.h"

struct behalf {
    const struct rt_labels *labels;
    rt_task task;
};

#define BEHALF_NOBODY ((struct behalf){NULL, 0})

struct behalf behalf_get(void);
/* behalf_set - returns what was set before. */
struct behalf behalf_set(struct behalf behalf);

/* behalf_part - whoever does a part of the present task elsewhere: the present labels, and a new task of that (static)
 * name, begun now as a part of the present one, which stays. To be ended by rt_trace_task_end when the part is done. */
struct behalf behalf_part(const char *name);

#endif
