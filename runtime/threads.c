/* threads.c - threads that both heaps know from their first instruction on (rt_thread_start), and what
 * one of them may do without being waited for (rt_thread_block). */
#include <errno.h>
#include <string.h>
#include "runtime/cruntime.h"
#include "runtime/heap/backend.h"
#include "runtime/heap/managed.h"
#include "runtime/profile/threadcreate.h"

struct launch {
    void *(*fn)(void *arg);
    void *arg; /* may be managed: the launch record is memory that the collector looks into */
    char name[16];
};

/* The record goes back before fn runs, so a thread that never ends holds nothing. */
static void *run(void *record)
{
    struct rt__thread *t = rt__self();
    if (t) {
        rt__backend->thread_start(t);
    }
    struct launch launch = *(struct launch *)record;
    rt__root_free(record);
    if (launch.name[0]) {
        pthread_setname_np(pthread_self(), launch.name);
    }
    return launch.fn(launch.arg);
}

RT_API int rt_thread_start(pthread_t *thread, const pthread_attr_t *attr, const char *name, void *(*fn)(void *),
                           void *arg)
{
    struct launch *launch = rt__root_alloc(sizeof(*launch));
    launch->fn = fn;
    launch->arg = arg;
    if (name) {
        strncpy(launch->name, name, sizeof(launch->name) - 1);
    }
    int error = rt__thread_make(thread, attr, run, launch, fn);
    if (error != 0) {
        rt__root_free(launch);
    }
    return -error;
}

RT_API void *rt_thread_block(void *(*fn)(void *arg), void *arg)
{
    struct rt__thread *t = rt__self();
    return t && rt__backend->block ? rt__backend->block(t, fn, arg) : fn(arg);
}
