/* utf8.h - whether bytes from outside are text. */
#ifndef APP_UTF8_H
#define APP_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* utf8_is_valid - by the Unicode standard's table of well-formed sequences: no overlong forms, no
 * surrogates, nothing above U+10FFFF. A NUL is as valid as any other character. */
bool utf8_is_valid(const char *text, size_t len);

#endif
