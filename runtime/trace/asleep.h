/* asleep.h - threads that were blocked before recording began. Pure. */
#ifndef RT_TRACE_ASLEEP_H
#define RT_TRACE_ASLEEP_H

#include <stdbool.h>
#include "runtime/os/os.h"
#include "runtime/trace/event.h"

/* Whether a thread waits for something, and what its system call says that this is. */
bool rt__asleep(const struct rt__os_task *task, enum rt__block *reason);

#endif
