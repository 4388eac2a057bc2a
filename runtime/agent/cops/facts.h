/* facts.h - the agent's lines "name: value" (memstats, stats) as a JSON object. Pure.
 *
 * A size is the number of its bytes ("4.38MB (4590944 bytes)" is 4590944, and so is what stands behind "when
 * heap-alloc >="), a number is itself, true and false are those; the rest (times, durations) stays text. "-", for what
 * there is not, is null.
 */
#ifndef COPS_FACTS_H
#define COPS_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* False, and nothing written, when a line is no fact. */
bool cops_facts_write_json(FILE *out, const char *text, size_t len);

#endif
