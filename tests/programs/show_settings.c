/* show_settings.c - prints the knobs as the runtime took them, then as calls changed them.
 *
 *     show_settings [GC_PERCENT MEMORY_LIMIT TRACEBACK]
 *
 * One line a knob, `NAME VALUE SOURCE`, then, with arguments, a line `changed` and all again. That
 * main is reached at all tells that the variables were well-formed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "cruntime.h"

static void show(void)
{
    struct rt_setting s;
    for (unsigned i = 0; rt_setting_get(i, &s); i++) {
        printf("%s %s %s\n", s.name, s.value[0] ? s.value : "-", s.source);
    }
    printf("allocator %s\nprocs %d\nlimit %" PRId64 "\n", rt_allocator(), rt_max_procs(), rt_set_memory_limit(-1));
}

int main(int argc, char **argv)
{
    show();
    if (argc == 4) {
        int percent = rt_set_gc_percent(atoi(argv[1]));
        int64_t limit = rt_set_memory_limit(strtoll(argv[2], NULL, 10));
        int traceback = rt_set_traceback(argv[3]);
        printf("changed\nwas_percent %d\nwas_limit %" PRId64 "\ntraceback %d\n", percent, limit, traceback);
        show();
    }
    return 0;
}
