/* token.h - JSON web tokens, HS256 and nothing else. Pure: the time is an argument. */
#ifndef APP_AUTH_TOKEN_H
#define APP_AUTH_TOKEN_H

#include "cruntime.h"

#include <stddef.h>
#include <stdint.h>

#define TOKEN_SECRET_BYTES 32
#define TOKEN_LIFE_S (30 * 60)

/* Longer than any that is made here, and not looked into beyond. The longest e-mail (255 bytes) may
 * be six times that as JSON (all control characters); with exp and in base64 that is 2100 bytes,
 * behind 37 of header and ahead of 44 of signature. */
#define TOKEN_MAX_BYTES 2304

/* token_make - a token for the user with that e-mail, which expires TOKEN_LIFE_S after now_s. It is
 * allocated in scope; NULL when it cannot be made. Any thread. */
const char *token_make(const unsigned char secret[TOKEN_SECRET_BYTES], const char *email, int64_t now_s,
                       struct rt_scope *scope);

/* token_check - the e-mail that a valid token carries, allocated in scope; NULL when it is not a
 * token, not signed with secret by HS256, or expired. Takes time in proportion to at most
 * TOKEN_MAX_BYTES, whatever len is. Any thread. */
const char *token_check(const unsigned char secret[TOKEN_SECRET_BYTES], const char *token, size_t len, int64_t now_s,
                        struct rt_scope *scope);

#endif
