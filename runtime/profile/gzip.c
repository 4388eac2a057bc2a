/* gzip.c - gzip of a whole, as `go tool pprof` wants profile.proto.
 *
 * Level 1, as Go: a profile is full of repetitions, so that level 9 gains a few percent for several times
 * the time. The header holds no time and no name, so equal profiles are equal bytes.
 */
#include "runtime/profile/snapshot.h"

#include <errno.h>
#include <zlib.h>
#include "runtime/profile/memory.h"

#define WINDOW_BITS (15 + 16) /* the largest window; 16: gzip's header instead of zlib's */
#define MEMORY_LEVEL 8        /* zlib's default */
#define OUTPUT_STEP 16384
#define INPUT_STEP ((size_t)1 << 30) /* zlib counts in 32 bits */

/* All that zlib has to say now. */
static void drain(z_stream *z, int flush, struct rt__bytes *out)
{
    do {
        char *room = rt__bytes_room(out, OUTPUT_STEP);
        if (room == NULL)
            return;
        z->next_out = (Bytef *)room;
        z->avail_out = OUTPUT_STEP;
        deflate(z, flush);
        out->len += OUTPUT_STEP - z->avail_out;
    } while (z->avail_out == 0);
}

int rt__gzip(const char *data, size_t len, struct rt__bytes *out)
{
    z_stream z = {0};
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        out->failed = true;
        return -ENOMEM;
    }
    size_t done = 0;
    do {
        size_t step = len - done < INPUT_STEP ? len - done : INPUT_STEP;
        z.next_in = (Bytef *)(uintptr_t)(data + done); /* zlib's interface has no const; it does not write there */
        z.avail_in = (uInt)step;
        done += step;
        drain(&z, done == len ? Z_FINISH : Z_NO_FLUSH, out);
    } while (done < len && !out->failed);
    deflateEnd(&z);
    return out->failed ? -ENOMEM : 0;
}
