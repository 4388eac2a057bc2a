/* sites.h - names together with the places that used them, each pair once; and stacks, each once.
 *
 * Both tables only grow, up to a bound, and are read without a lock; adding is safe in any context, signal
 * handlers included. What does not fit gets id 0, and is counted. Ids fit an event's argument.
 */
#ifndef RT_TRACE_SITES_H
#define RT_TRACE_SITES_H

#include <stddef.h>
#include <stdint.h>

#define RT__SITE_NAME_MOST 127 /* bytes; longer names are cut */

/* The id of a name used by the call that returns to pc: the same for equal names, whatever their address. name may
 * be NULL (""). Some 10 ns. */
uint32_t rt__site(const char *name, const void *pc);
/* Of an id; id 0 has the name "(too many names)" and pc 0. pc is for looking up: within the calling instruction. */
const char *rt__site_name(uint32_t site);
uintptr_t rt__site_pc(uint32_t site);

/* stacks.c: the id of a stack, innermost first; of 0 frames it is 0. */
uint32_t rt__stack_id(const uintptr_t *pcs, size_t depth);
/* Its frames, at most max; 0 of them for id 0. */
size_t rt__stack_frames(uint32_t id, uintptr_t *pcs, size_t max);

/* How many bytes of a text are kept when at most `most` are: a character of several bytes is not cut through. */
size_t rt__text_cut(const char *text, size_t most);

uint64_t rt__sites_lost(void);
uint64_t rt__stacks_lost(void);

#endif
