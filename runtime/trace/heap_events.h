/* heap_events.h - the heap's size and goal as they go up and down, for the curves of a trace. See heap_events.c. */
#ifndef RT_TRACE_HEAP_EVENTS_H
#define RT_TRACE_HEAP_EVENTS_H

#include <stdbool.h>

/* Asks gc/ to be told when the heap may have changed. Again does nothing. */
void rt__heap_events_start(void);
/* Records how the heap stands, when something is recorded and the last time is RT__HEAP_EVENT_NS ago, or when forced.
 * Within malloc as well; takes some microseconds. */
void rt__heap_event(bool is_forced);
#define RT__HEAP_EVENT_NS 10000000u

#endif
