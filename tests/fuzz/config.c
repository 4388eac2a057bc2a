/* config.c - the reader of configuration files. */
#include "tests/fuzz/fuzz.h"

#include "app/config/config.h"

#include <string.h>

void fuzz_config(const uint8_t *data, size_t size)
{
    struct config config;
    struct failure err = {""};

    memset(&config, 0, sizeof(config));
    if (config_parse(&config, "file", (const char *)data, size, &err) == 0) {
        fuzz_require(config.secret_key == NULL || strlen(config.secret_key) == 32);
        fuzz_require(config.dsn == NULL || config.dsn[0] != '\0');
    } else {
        fuzz_require(strncmp(err.text, "file: ", 6) == 0);
        fuzz_require(strchr(err.text, '\n') == NULL);
    }
    config_release(&config);
}
