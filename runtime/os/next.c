/* next.c - see os.h. For an executable and for libcruntime.so alike "next" is after the object that this is in. */
#include "runtime/os/os.h"

#include <dlfcn.h>

void *rt__os_next(const char *name, const char *version)
{
    void *found = version ? dlvsym(RTLD_NEXT, name, version) : dlsym(RTLD_NEXT, name);
    if (!found) {
        rt__os_die(1, "libc has no %s%s%s", name, version ? " of version " : "", version ? version : "");
    }
    return found;
}
