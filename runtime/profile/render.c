/* render.c - a profile as bytes to be sent, with the symbols of this process. */
#include "runtime/profile/snapshot.h"

#include <errno.h>
#include "runtime/symbols/symbols.h"

static void write_gzipped(const struct rt__profile *p, const struct rt__symbol_source *source, struct rt__bytes *out)
{
    struct rt__bytes proto = {0};
    rt__proto_write(p, source, &proto);
    if (proto.failed)
        out->failed = true;
    else
        rt__gzip(proto.data, proto.len, out);
    rt__bytes_release(&proto);
}

int rt__profile_render(const struct rt__profile *p, int debug, struct rt__bytes *out)
{
    struct rt__symbols *session = p->failed ? NULL : rt__symbols_open();
    if (session == NULL)
        return -ENOMEM;
    const struct rt__symbol_source source = {
        .session = session,
        .find = rt__symbols_find,
        .function_start = rt__symbols_function_start,
        .mappings = rt__symbols_mappings,
    };
    if (debug > 0)
        rt__text_write(p, debug, &source, out);
    else
        write_gzipped(p, &source, out);
    rt__symbols_close(session);
    if (!out->failed)
        return 0;
    rt__bytes_release(out);
    return -ENOMEM;
}
