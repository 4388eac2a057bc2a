/* config.c - the reader of configuration files. */
#include "tests/fuzz/fuzz.h"

#include "app/auth/token.h"
#include "app/config/config.h"

#include <string.h>

/* The secret may hold any bytes, a NUL too: there must be as many as a key takes, which ASan sees. */
static void use_secret(const char *secret)
{
    unsigned char copy[TOKEN_SECRET_BYTES];

    memcpy(copy, secret, sizeof(copy));
    fuzz_require(memcmp(copy, secret, sizeof(copy)) == 0);
}

void fuzz_config(const uint8_t *data, size_t size)
{
    struct config config;
    struct failure err = {""};

    memset(&config, 0, sizeof(config));
    if (config_parse(&config, "file", (const char *)data, size, &err) == 0) {
        if (config.secret_key != NULL)
            use_secret(config.secret_key);
        fuzz_require(config.dsn == NULL || config.dsn[0] != '\0');
    } else {
        fuzz_require(strncmp(err.text, "file: ", 6) == 0);
        fuzz_require(strchr(err.text, '\n') == NULL);
    }
    config_release(&config);
}
