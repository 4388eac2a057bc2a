/* json_text.h - strings and numbers as Go's encoding/json writes them.
 *
 * What /debug shows is read by tools that were written for Go programs, so the text is Go's to
 * the byte: HTML's special characters are escaped, bytes that are not UTF-8 become \ufffd, a float
 * is the shortest text that reads back as the same number. Pure; the program's locale plays no
 * part. Writers never fail themselves: an error stays in the FILE for its owner to see.
 */
#ifndef RT_STATS_JSON_TEXT_H
#define RT_STATS_JSON_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* Room for any double and its NUL (the longest is -0.000001 with 16 more digits). */
#define RT__DOUBLE_TEXT 40

/* Length in bytes of the well-formed UTF-8 sequence that text begins with (left bytes of it may
 * be looked at), 0 when there is none: overlong forms, surrogates and cut sequences are none. */
size_t rt__utf8_sequence(const char *text, size_t left);

/* A JSON string with its quotes. */
void rt__json_string(FILE *out, const char *text, size_t len);
void rt__json_cstring(FILE *out, const char *text); /* NULL is written as "" */

/* value as encoding/json writes a float64; NaN and infinities, which JSON lacks, as 0. buf holds
 * RT__DOUBLE_TEXT bytes. Returns buf. */
const char *rt__json_double(char *buf, double value);
/* The same number as Go's %v prints it. */
const char *rt__fmt_double(char *buf, double value);

#endif
