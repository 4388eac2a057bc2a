/* query.c - query strings, and what a day in one must be. */
#include "tests/fuzz/fuzz.h"

#include "app/rooms/day.h"
#include "app/web/web.h"

#include <string.h>

void fuzz_query(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"day_to_book", "", "a b"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char small[DAY_LEN + 2];
        char large[4096];
        ptrdiff_t len = web_query_find((const char *)data, size, names[i], small, sizeof(small));

        fuzz_require(len >= -1 && len <= (ptrdiff_t)size);
        fuzz_require(web_query_find((const char *)data, size, names[i], large, sizeof(large)) == len);
        if (len < 0)
            continue;
        fuzz_require(memchr(small, '\0', sizeof(small)) != NULL);
        if ((size_t)len < sizeof(small))
            fuzz_require(memcmp(small, large, (size_t)len + 1) == 0);
        if (day_is_real(small, (size_t)len))
            fuzz_require(len == DAY_LEN && strspn(small, "0123456789-") == DAY_LEN);
    }
}
