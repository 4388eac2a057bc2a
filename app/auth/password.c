/* password.c - see password.h.
 *
 * New hashes are yescrypt at libxcrypt's own cost, which rises with its versions; old ones keep
 * matching, since a hash names its method and cost. libxcrypt's working struct (32 KiB) is too
 * large for a thread's stack and holds what follows from the password, so it is malloc'd and wiped.
 * The library wipes the 16 MiB that it maps itself.
 */
#include "app/auth/password.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(PASSWORD_MAX_BYTES < CRYPT_MAX_PASSPHRASE_SIZE, "libxcrypt takes every password that is let in");
_Static_assert(PASSWORD_HASH_SIZE >= CRYPT_OUTPUT_SIZE, "every hash of libxcrypt's fits");

/* What a password is compared with when nobody has that name: a hash of 32 random bytes that nobody
 * kept, at the cost of the others, so that the time of a refusal does not tell which names exist. */
static const char nobodys_hash[] = "$y$j9T$Vj8FPmm9lwXV.wDoD8Bbq/$zIoniHYNvHItPbfQSLGdtL9Ae.chOZv8P/cGyqvsGS9";

static void wipe(struct crypt_data *data)
{
    explicit_bzero(data, sizeof(*data));
    free(data);
}

int password_hash(const char *password, char hash[PASSWORD_HASH_SIZE])
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data *data;
    const char *made;

    if (crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof(setting)) == NULL)
        return -1;
    data = calloc(1, sizeof(*data));
    if (data == NULL)
        return -1;
    made = crypt_rn(password, setting, data, sizeof(*data));
    if (made != NULL)
        memcpy(hash, made, strlen(made) + 1);
    wipe(data);
    return made != NULL ? 0 : -1;
}

bool password_matches(const char *password, const char *hash)
{
    const char *expected = hash != NULL ? hash : nobodys_hash;
    struct crypt_data *data = calloc(1, sizeof(*data));
    const char *made;
    bool same = false;

    if (data == NULL)
        return false;
    made = crypt_rn(password, expected, data, sizeof(*data)); /* NULL when the hash is malformed */
    if (made != NULL && strlen(made) == strlen(expected))
        same = CRYPTO_memcmp(made, expected, strlen(made)) == 0;
    wipe(data);
    return same && hash != NULL;
}
