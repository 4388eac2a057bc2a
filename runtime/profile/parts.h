/* parts.h - what Go's texts of profiles are put together from: stacks, labels, quoted strings, MemStats. */
#ifndef RT_PROFILE_PARTS_H
#define RT_PROFILE_PARTS_H

#include "runtime/profile/frames.h"
#include "runtime/profile/snapshot.h"

struct rt_memstats;

/* text in quotes, as Go's %q has it. */
void rt__part_quoted(struct rt__bytes *out, const char *text);
/* `# labels: {"key":"value", ...}` sorted by key, when there are any. */
void rt__part_labels(struct rt__bytes *out, const struct rt_labels *labels);
/* ` 0x... 0x...`, the rest of the line that begins a stack, and its end. */
void rt__part_addresses(struct rt__bytes *out, const uintptr_t *pcs, uint32_t depth);
/* `#	0x...	function+0x...	file:line`, a line for each function, and an empty line. */
void rt__part_stack(struct rt__bytes *out, struct rt__frames *frames, const uintptr_t *pcs, uint32_t depth);
/* `function(...)` and `	file:line +0x...`, two lines for each function. */
void rt__part_traceback(struct rt__bytes *out, struct rt__frames *frames, const uintptr_t *pcs, uint32_t depth);
/* `# runtime.MemStats` and a line for each of its fields. */
void rt__part_memstats(struct rt__bytes *out, const struct rt_memstats *ms);

#endif
