/* watcher.h - the one thing that heap/ tells gc/: this many bytes more.
 *
 * gc/ sets the two functions at start; until then, and in a thread that is inside the runtime
 * itself, nobody is told. Each is called by the allocating thread before it gets its block, with no
 * lock held, and returns how many bytes the thread may allocate before it looks again.
 */
#ifndef RT_HEAP_WATCHER_H
#define RT_HEAP_WATCHER_H

#include <stdint.h>
#include "runtime/heap/thread.h"

struct rt__watcher {
    int64_t (*process_bytes)(struct rt__thread *t, uint64_t bytes_since_last_look);
    int64_t (*managed_bytes)(struct rt__thread *t);
};
extern struct rt__watcher rt__watcher;

#define RT__LOOK_NOT_BEFORE_INIT (1 << 20)

#endif
