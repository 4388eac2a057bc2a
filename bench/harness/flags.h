/* flags.h - the command line of a benchmark program: pure. */
#ifndef RT_BENCH_FLAGS_H
#define RT_BENCH_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define RT__BENCH_CPUS_MAX 64

struct rt__bench_flags {
    const char *bench; /* "": none */
    const char *run;
    const char *skip;
    const char *list;
    int64_t time_ns; /* -benchtime; 0 when times is meant */
    int64_t times;
    int64_t count;
    unsigned cpus[RT__BENCH_CPUS_MAX];
    size_t cpu_count; /* 0: CMAXPROCS alone */
    int64_t timeout_ns;
    bool benchmem;
    bool failfast;
    bool verbose;
    bool json;
    bool help;
    const char *outputdir; /* "": where the program runs */
    const char *cpuprofile, *memprofile, *blockprofile, *mutexprofile, *trace;
    int64_t memprofilerate; /* 0: as it is */
    int64_t blockprofilerate;
    int64_t mutexprofilefraction;
};

/* argv without the program's name. False: error says in one line what is wrong and what was expected. */
bool rt__bench_flags_parse(struct rt__bench_flags *flags, int argc, char *const *argv, char *error, size_t error_size);

/* What -help prints. */
void rt__bench_flags_usage(FILE *out);

/* A duration as Go writes them: 1s, 1.5h, 2m30s, 100us. False when it is none. */
bool rt__bench_duration_parse(const char *text, int64_t *ns);

#endif
