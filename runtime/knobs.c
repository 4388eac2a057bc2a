/* knobs.c - the knobs while the program runs: read, changed, and shown with their source.
 *
 * The settings that env/ parsed are kept here under a lock; a change goes to the module that obeys
 * it and into this copy, so that what is shown is what is in force.
 */
#include "runtime/knobs.h"

#include <errno.h>
#include <pthread.h>
#include "env/settings.h"
#include "runtime/crash/crash.h"
#include "runtime/cruntime.h"
#include "runtime/gc/cycle.h"
#include "runtime/heap/sample.h"
#include "runtime/profile/contention.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct env_settings now;

void rt__knobs_start(const struct env_settings *settings)
{
    now = *settings;
}

RT_API int rt_set_gc_percent(int percent)
{
    pthread_mutex_lock(&lock);
    int old = rt__gc_set_percent(percent);
    now.gc_percent = percent < 0 ? ENV_GC_PERCENT_OFF : percent;
    now.source[ENV_CGC] = ENV_CALL;
    pthread_mutex_unlock(&lock);
    return old;
}

RT_API int64_t rt_set_memory_limit(int64_t limit_bytes)
{
    if (limit_bytes < 0) {
        return rt__gc_limit();
    }
    pthread_mutex_lock(&lock);
    int64_t old = rt__gc_set_limit(limit_bytes);
    now.memory_limit_bytes = limit_bytes;
    now.source[ENV_CMEMLIMIT] = ENV_CALL;
    pthread_mutex_unlock(&lock);
    rt__scavenger_wake();
    return old;
}

RT_API int64_t rt_set_mem_profile_rate(int64_t rate_bytes)
{
    if (rate_bytes < 0) {
        return rt__sample_rate();
    }
    pthread_mutex_lock(&lock);
    int64_t old = rt__sample_set_rate(rate_bytes);
    now.memprofilerate_bytes = rate_bytes;
    now.source[ENV_MEMPROFILERATE] = ENV_CALL;
    pthread_mutex_unlock(&lock);
    return old;
}

RT_API int rt_max_procs(void)
{
    return now.max_procs;
}

RT_API int rt_set_traceback(const char *level)
{
    enum env_traceback parsed;
    if (!level || env_parse_traceback(level, &parsed) != 0) {
        return -EINVAL;
    }
    pthread_mutex_lock(&lock);
    rt__crash_set_level(parsed);
    now.traceback = parsed;
    now.source[ENV_CTRACEBACK] = ENV_CALL;
    pthread_mutex_unlock(&lock);
    return 0;
}

RT_API int rt_set_mutex_profile_fraction(int rate)
{
    if (rate < 0) {
        return rt__contention_set_mutex_fraction(rate);
    }
    pthread_mutex_lock(&lock);
    int old = rt__contention_set_mutex_fraction(rate);
    now.mutexprofilefraction = rate;
    now.source[ENV_MUTEXPROFILEFRACTION] = ENV_CALL;
    pthread_mutex_unlock(&lock);
    return old;
}

RT_API int64_t rt_set_block_profile_rate(int64_t rate_ns)
{
    if (rate_ns < 0) {
        return rt__contention_set_block_rate(rate_ns);
    }
    pthread_mutex_lock(&lock);
    int64_t old = rt__contention_set_block_rate(rate_ns);
    now.blockprofilerate_ns = rate_ns;
    now.source[ENV_BLOCKPROFILERATE] = ENV_CALL;
    pthread_mutex_unlock(&lock);
    return old;
}

RT_API bool rt_setting_get(unsigned index, struct rt_setting *out)
{
    static __thread char value[ENV_PATH_MAX + 64];
    if (index >= ENV_KNOBS) {
        return false;
    }
    pthread_mutex_lock(&lock);
    env_knob_value(&now, index, value, sizeof(value));
    out->source = env_source_name(now.source[index]);
    pthread_mutex_unlock(&lock);
    out->name = env_knob_name(index);
    out->value = value;
    out->unit = env_knob_unit(index);
    out->help = env_knob_help(index);
    return true;
}

RT_API void rt_env_help(FILE *out)
{
    env_help_text(out);
}
