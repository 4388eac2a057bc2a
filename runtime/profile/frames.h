/* frames.h - the addresses of a profile, each looked up once.
 *
 * Looking up an address in debug information is by far the dearest part of writing a profile, and the
 * same few thousand addresses come back in every stack.
 */
#ifndef RT_PROFILE_FRAMES_H
#define RT_PROFILE_FRAMES_H

#include "runtime/profile/ids.h"
#include "runtime/profile/snapshot.h"
#include "runtime/symbols/symbols.h"

#define RT__INLINE_MAX 64 /* functions at one address; compilers stop inlining long before */

struct rt__frame {
    uintptr_t pc;
    const struct rt__symbol *symbols; /* n of them, innermost first; at least 1 */
    uint32_t n;
    bool is_runtime;      /* all of them are the runtime's */
    uint32_t location_id; /* proto.c's; 0 at first */
    bool has_start;
    uintptr_t start; /* rt__frames_start */
};

struct rt__frames {
    const struct rt__symbol_source *source;
    struct rt__frame **all; /* in the order in which they were first asked for */
    size_t count, room;
    struct rt__ids ids;
    void *kept;
    bool failed;
};

void rt__frames_begin(struct rt__frames *f, const struct rt__symbol_source *source);
void rt__frames_release(struct rt__frames *f);

/* NULL (and failed) when there is no memory; good until rt__frames_release. */
struct rt__frame *rt__frames_find(struct rt__frames *f, uintptr_t pc);
/* Where the frame's function begins. */
uintptr_t rt__frames_start(struct rt__frames *f, struct rt__frame *frame);

/* How many innermost frames of the stack are to be left out: those of the runtime's that it begins with, when the kind
 * wants that; none when no other would be left. */
uint32_t rt__frames_hidden(struct rt__frames *f, const struct rt__profile_kind *kind, const uintptr_t *pcs,
                           uint32_t depth);

#endif
