/* wire.h - protocol buffers, as much as profile.proto needs: numbers, packed numbers, texts, messages.
 *
 * Fields are appended to bytes; a message is begun, filled and ended, messages within messages too. Numbers that
 * are 0 are left out where the format lets them (rt__wire_number_opt). Pure, but for malloc.
 */
#ifndef RT_PROFILE_WIRE_H
#define RT_PROFILE_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include "runtime/profile/snapshot.h"

void rt__wire_number(struct rt__bytes *b, unsigned field, uint64_t value);
void rt__wire_number_opt(struct rt__bytes *b, unsigned field, uint64_t value);
void rt__wire_packed(struct rt__bytes *b, unsigned field, const uint64_t *values, size_t n);
void rt__wire_text(struct rt__bytes *b, unsigned field, const char *text);

/* What is added between begin and end is the message; end takes what begin returned. */
size_t rt__wire_begin(const struct rt__bytes *b);
void rt__wire_end(struct rt__bytes *b, unsigned field, size_t begun);

#endif
