/* main.c - rt_bench_main: from the command line to the exit status, as a test binary of Go's and `go test` together.
 *
 * What is wrong with the command line is one line on stderr and status 2, before anything has run.
 */
#include "bench/harness/harness.h"

#include <stdio.h>
#include <string.h>
#include "runtime/cruntime.h"

#define ERROR_MAX 1024

static int refuse(const char *program, const char *error)
{
    const char *slash = strrchr(program, '/');
    fprintf(stderr, "%s: %s\n", slash ? slash + 1 : program, error);
    return 2;
}

/* The pattern of a flag; NULL when none was given or it is wrong, which *error tells apart. */
static struct rt__bench_pattern *pattern_of(const char *flag, const char *text, char *error)
{
    char why[200];
    if (text[0] == '\0' || error[0] != '\0') {
        return NULL;
    }
    struct rt__bench_pattern *pattern = rt__bench_pattern_new(text, why, sizeof(why));
    if (!pattern) {
        snprintf(error, ERROR_MAX, "invalid value \"%.400s\" for -%s: %s; expected a POSIX extended regular expression",
                 text, flag, why);
    }
    return pattern;
}

static int run(const char *program, char *error)
{
    const struct rt__bench_flags *flags = &rt__bench_run.flags;
    bool is_good = true;
    if (!rt__bench_profiles_start(flags, error, ERROR_MAX)) {
        return refuse(program, error);
    }
    rt__bench_timeout_start(flags->timeout_ns);
    if (rt__bench_run.bench) {
        rt__bench_run.names = rt__bench_names_new();
        is_good = rt__bench_run_all();
        rt__bench_names_free(rt__bench_run.names);
    } else {
        fputs("testing: warning: no benchmarks to run: -bench=. runs all\n", stderr);
    }
    rt__bench_timeout_stop();
    return rt__bench_profiles_stop() ? !is_good : 2;
}

static void conclude(int status, int64_t begin_ns)
{
    double seconds = (double)(rt__bench_now_ns() - begin_ns) / 1e9;
    if (rt__bench_run.flags.json) {
        return;
    }
    if (status == 0) {
        printf("PASS\nok  \t%s\t%.3fs\n", rt__bench_run.pkg, seconds);
    } else {
        printf("FAIL\nexit status %d\nFAIL\t%s\t%.3fs\n", status, rt__bench_run.pkg, seconds);
    }
    fflush(stdout);
}

int rt_bench_main(int argc, char **argv, const char *pkg)
{
    char error[ERROR_MAX] = "";
    struct rt__bench_flags *flags = &rt__bench_run.flags;
    int64_t begin_ns = rt__bench_now_ns();
    rt__bench_run.pkg = pkg ? pkg : "";
    if (!rt__bench_flags_parse(flags, argc - 1, argv + 1, error, sizeof(error))) {
        return refuse(argv[0], error);
    }
    if (flags->help) {
        rt__bench_flags_usage(stdout);
        return 0;
    }
    if (flags->cpu_count == 0) {
        flags->cpus[flags->cpu_count++] = (unsigned)rt_max_procs();
    }
    struct rt__bench_pattern *list = pattern_of("list", flags->list, error);
    struct rt__bench_pattern *none = pattern_of("run", flags->run, error);
    rt__bench_run.bench = pattern_of("bench", flags->bench, error);
    rt__bench_run.skip = pattern_of("skip", flags->skip, error);
    int status = 0;
    if (error[0] != '\0') {
        status = refuse(argv[0], error);
    } else if (list) {
        rt__bench_list(list);
    } else {
        status = run(argv[0], error);
        if (error[0] == '\0') {
            conclude(status, begin_ns);
        }
    }
    rt__bench_pattern_free(list);
    rt__bench_pattern_free(none);
    rt__bench_pattern_free(rt__bench_run.bench);
    rt__bench_pattern_free(rt__bench_run.skip);
    return status;
}
