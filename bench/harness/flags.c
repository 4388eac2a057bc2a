/* flags.c - the command line of a benchmark program, with the flags of `go test` that concern benchmarks.
 *
 * Pure: words in, struct or one sentence out. -name=value, -name value, --name and -test.name are the same, and a flag
 * that is on or off takes its value after `=` only, as in Go. Nothing is passed over in silence: a word that
 * is no flag is an error, for it is mostly a value whose flag was forgotten.
 */
#include "bench/harness/flags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, SWITCH, WHOLE, DURATION, BENCHTIME, CPUS };

struct flag {
    const char *name;
    enum kind kind;
    size_t offset;   /* in struct rt__bench_flags */
    int64_t least;   /* of a WHOLE */
    const char *arg; /* of the usage */
    const char *help;
};

#define AT(member) offsetof(struct rt__bench_flags, member)

static const struct flag all[] = {
    {"bench", TEXT, AT(bench), 0, "REGEX", "run these benchmarks, one expression a level: -bench=Pool/parallel"},
    {"benchmem", SWITCH, AT(benchmem), 0, "", "print B/op and allocs/op of all"},
    {"benchtime", BENCHTIME, 0, 0, "TIME", "run each for this long, or this often: 1s, 200ms, 100x (default 1s)"},
    {"blockprofile", TEXT, AT(blockprofile), 0, "FILE", "write the profile of blocking at the end"},
    {"blockprofilerate", WHOLE, AT(blockprofilerate), 0, "NS", "its rate (default 1: all)"},
    {"count", WHOLE, AT(count), 1, "N", "run each this often; benchstat wants 6 at least (default 1)"},
    {"cpu", CPUS, 0, 0, "LIST", "numbers of processors, 1,2,4: a run for each (default CMAXPROCS)"},
    {"cpuprofile", TEXT, AT(cpuprofile), 0, "FILE", "write a CPU profile of the whole run"},
    {"failfast", SWITCH, AT(failfast), 0, "", "end after the first benchmark that fails"},
    {"help", SWITCH, AT(help), 0, "", "this list"},
    {"json", SWITCH, AT(json), 0, "", "print one JSON object a result and nothing else"},
    {"list", TEXT, AT(list), 0, "REGEX", "print the names of these benchmarks and end"},
    {"memprofile", TEXT, AT(memprofile), 0, "FILE", "write the profile of allocations at the end"},
    {"memprofilerate", WHOLE, AT(memprofilerate), 0, "BYTES", "bytes between its samples (default as CDEBUG says)"},
    {"mutexprofile", TEXT, AT(mutexprofile), 0, "FILE", "write the profile of contended locks at the end"},
    {"mutexprofilefraction", WHOLE, AT(mutexprofilefraction), 0, "N", "one unlock in N of them (default 1)"},
    {"outputdir", TEXT, AT(outputdir), 0, "DIR", "where the files of profiles and the trace go"},
    {"run", TEXT, AT(run), 0, "REGEX", "accepted: there are no tests"},
    {"skip", TEXT, AT(skip), 0, "REGEX", "leave these benchmarks out"},
    {"timeout", DURATION, AT(timeout_ns), 0, "TIME", "panic when all takes longer (default 0: never)"},
    {"trace", TEXT, AT(trace), 0, "FILE", "write an execution trace of the whole run"},
    {"v", SWITCH, AT(verbose), 0, "", "print the name of each as it begins, and why one is skipped"},
};

#define COUNT (sizeof(all) / sizeof(all[0]))

void rt__bench_flags_usage(FILE *out)
{
    fputs("Benchmarks, run and printed as `go test -bench` does it. Nothing runs without -bench: -bench=. is all.\n",
          out);
    for (size_t i = 0; i < COUNT; i++) {
        char name[40];
        snprintf(name, sizeof(name), "-%s%s%s", all[i].name, all[i].arg[0] ? "=" : "", all[i].arg);
        fprintf(out, "  %-26s  %s\n", name, all[i].help);
    }
}

static const struct flag *find(const char *name, size_t length)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (strlen(all[i].name) == length && memcmp(all[i].name, name, length) == 0) {
            return &all[i];
        }
    }
    return length == 1 && *name == 'h' ? find("help", 4) : NULL;
}

static bool parse_whole(const char *text, int64_t least, int64_t *out)
{
    char *end;
    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *out = value;
    return errno == 0 && *end == '\0' && value >= least;
}

static bool parse_switch(const char *text, bool *out)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *out = strcmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

static int64_t unit_ns(const char *text, size_t length)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"ns", 1},           {"us", 1000},       {"\u00b5s", 1000},       {"\u03bcs", 1000},
                 {"ms", 1000 * 1000}, {"s", 1000000000L}, {"m", 60 * 1000000000L}, {"h", 3600 * 1000000000L}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].name) == length && memcmp(units[i].name, text, length) == 0) {
            return units[i].ns;
        }
    }
    return 0;
}

bool rt__bench_duration_parse(const char *text, int64_t *ns)
{
    double total = 0;
    if (strcmp(text, "0") == 0) {
        *ns = 0;
        return true;
    }
    if (*text == '\0') {
        return false;
    }
    while (*text) {
        size_t digits = strspn(text, "0123456789."), name = strcspn(text + digits, "0123456789.");
        char *end;
        double value = strtod(text, &end);
        int64_t unit = unit_ns(text + digits, name);
        if (digits == 0 || (digits == 1 && *text == '.') || end != text + digits || unit == 0) {
            return false;
        }
        total += value * (double)unit;
        text += digits + name;
    }
    if (total >= 9.2e18) { /* 292 years */
        return false;
    }
    *ns = (int64_t)(total + 0.5);
    return true;
}

static bool parse_benchtime(const char *text, struct rt__bench_flags *flags)
{
    size_t length = strlen(text);
    char digits[24];
    flags->time_ns = flags->times = 0;
    if (length > 0 && length < sizeof(digits) && text[length - 1] == 'x') {
        memcpy(digits, text, length - 1);
        digits[length - 1] = '\0';
        return parse_whole(digits, 1, &flags->times);
    }
    return rt__bench_duration_parse(text, &flags->time_ns) && flags->time_ns > 0;
}

static bool parse_cpus(const char *text, struct rt__bench_flags *flags)
{
    flags->cpu_count = 0;
    for (;;) {
        char one[8];
        int64_t cpus;
        text += strspn(text, " ");
        size_t field = strcspn(text, ","), length = field;
        while (length > 0 && text[length - 1] == ' ') {
            length--;
        }
        if (length >= sizeof(one)) {
            return false;
        }
        memcpy(one, text, length);
        one[length] = '\0';
        if (length > 0) {
            if (!parse_whole(one, 1, &cpus) || cpus > 1024 || flags->cpu_count == RT__BENCH_CPUS_MAX) {
                return false;
            }
            flags->cpus[flags->cpu_count++] = (unsigned)cpus;
        }
        text += field;
        if (*text++ == '\0') {
            return true;
        }
    }
}

static bool set(struct rt__bench_flags *flags, const struct flag *flag, const char *value)
{
    char *member = (char *)flags + flag->offset;
    switch (flag->kind) {
    case TEXT:
        memcpy(member, &value, sizeof(value));
        return true;
    case SWITCH:
        return parse_switch(value, (bool *)member);
    case WHOLE:
        return parse_whole(value, flag->least, (int64_t *)(void *)member);
    case DURATION:
        return rt__bench_duration_parse(value, (int64_t *)(void *)member);
    case BENCHTIME:
        return parse_benchtime(value, flags);
    case CPUS:
        return parse_cpus(value, flags);
    }
    return false;
}

static const char *expected(const struct flag *flag)
{
    switch (flag->kind) {
    case TEXT:
        break;
    case SWITCH:
        return "true or false";
    case WHOLE:
        return flag->least == 1 ? "a whole number, 1 or more" : "a whole number, 0 or more";
    case DURATION:
        return "a duration such as 90s or 10m, or 0";
    case BENCHTIME:
        return "a duration such as 1s or 200ms, or a number of times such as 100x, more than 0";
    case CPUS:
        return "a list such as 1,2,4 of numbers from 1 to 1024, at most 64";
    }
    return "a value";
}

static void set_defaults(struct rt__bench_flags *flags)
{
    memset(flags, 0, sizeof(*flags));
    flags->time_ns = 1000000000;
    flags->count = 1;
    flags->blockprofilerate = flags->mutexprofilefraction = 1;
    for (size_t i = 0; i < COUNT; i++) {
        if (all[i].kind == TEXT) {
            set(flags, &all[i], "");
        }
    }
}

/* One flag at argv[*at], and its value, which may be the word after it. */
static bool parse_one(struct rt__bench_flags *flags, int argc, char *const *argv, int *at, char *error, size_t size)
{
    const char *word = argv[*at];
    const char *name = word + (strncmp(word, "--", 2) == 0 ? 2 : 1);
    if (word[0] != '-' || *name == '\0') {
        snprintf(error, size, "\"%s\" is not a flag; expected -bench=REGEX and others (see -help)", word);
        return false;
    }
    name += strncmp(name, "test.", 5) == 0 ? 5 : 0;
    size_t length = strcspn(name, "=");
    const struct flag *flag = find(name, length);
    if (!flag) {
        snprintf(error, size, "-%.*s is not a flag; expected -bench=REGEX and others (see -help)", (int)length, name);
        return false;
    }
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    if (!value && flag->kind == SWITCH) {
        value = "true";
    } else if (!value && ++*at < argc) {
        value = argv[*at];
    } else if (!value) {
        snprintf(error, size, "-%s has no value; expected %s", flag->name, expected(flag));
        return false;
    }
    if (!set(flags, flag, value)) {
        snprintf(error, size, "invalid value \"%s\" for -%s; expected %s", value, flag->name, expected(flag));
        return false;
    }
    return true;
}

bool rt__bench_flags_parse(struct rt__bench_flags *flags, int argc, char *const *argv, char *error, size_t error_size)
{
    set_defaults(flags);
    for (int i = 0; i < argc; i++) {
        if (!parse_one(flags, argc, argv, &i, error, error_size)) {
            return false;
        }
    }
    return true;
}
