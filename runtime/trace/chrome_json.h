/* chrome_json.h - JSON as Chrome's trace events need it, put together in memory. Pure, but for malloc.
 *
 * Whatever bytes a program gives for names and messages, what comes out is valid JSON in valid UTF-8. When there is no
 * memory the text has failed, and what is in it is not to be used.
 */
#ifndef RT_TRACE_CHROME_JSON_H
#define RT_TRACE_CHROME_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt__chrome_json {
    char *text; /* malloc'd; not ended by a NUL */
    size_t len, room;
    bool failed;
};
void rt__chrome_json_release(struct rt__chrome_json *j);

void rt__chrome_raw(struct rt__chrome_json *j, const char *text);
/* A string with its quotes; what is not UTF-8 in it becomes U+FFFD. */
void rt__chrome_quoted(struct rt__chrome_json *j, const char *text, size_t len);
void rt__chrome_number(struct rt__chrome_json *j, uint64_t value);
/* An id: a string in hex. Numbers of 64 bits lose bits in JavaScript. */
void rt__chrome_id(struct rt__chrome_json *j, uint64_t id);
/* Nanoseconds as microseconds with three decimals: 1234.567 */
void rt__chrome_us(struct rt__chrome_json *j, uint64_t ns);

#endif
