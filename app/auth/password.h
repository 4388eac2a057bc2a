/* password.h - passwords as crypt(3) keeps them. Takes some 20 ms and 16 MiB a call, which is what makes
 * a stolen table of hashes hard to use; so it is never called on an event loop. */
#ifndef APP_AUTH_PASSWORD_H
#define APP_AUTH_PASSWORD_H

#include <stdbool.h>

#define PASSWORD_MAX_BYTES 511 /* libxcrypt takes no more */
#define PASSWORD_HASH_SIZE 384

/* password_hash - with a salt of its own. Returns 0, or -1 when the system gave no random bytes or
 * memory. Any thread. */
int password_hash(const char *password, char hash[PASSWORD_HASH_SIZE]);

/* password_matches - compared in constant time. hash NULL stands for a user that does not exist: it
 * takes as long as the others and is always false. Any thread. */
bool password_matches(const char *password, const char *hash);

#endif
