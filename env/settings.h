/* settings.h - what the user asked for, as values, each with where it came from.
 *
 * The table of knobs (knobs.def) is the only place where a name, a range, a default, a unit and a
 * sentence of help are written; the parser, `--help-env`, docs/variables.md and the tests are all
 * made from it. This folder turns text into a struct env_settings and knows nothing of what the
 * runtime does with it. It is pure but for env_settings_load's getenv and env_cpus_default's file
 * reads, never allocates (it runs before main, inside the first malloc's shadow), and never
 * prints: an error is returned as one sentence for the caller to print.
 */
#ifndef ENV_SETTINGS_H
#define ENV_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "env/address.h"

enum env_source { ENV_DEFAULT, ENV_ENVIRONMENT, ENV_CALL };

enum env_traceback { ENV_TB_NONE, ENV_TB_SINGLE, ENV_TB_ALL, ENV_TB_SYSTEM, ENV_TB_CRASH, ENV_TB_WER };
enum env_allocator { ENV_ALLOC_BOEHM, ENV_ALLOC_MIMALLOC, ENV_ALLOC_LIBC };

#define ENV_GC_PERCENT_OFF (-1)
#define ENV_MEMORY_LIMIT_OFF INT64_MAX
#define ENV_PATH_MAX 256

/* Which knob a value belongs to; also the order in which they are listed. */
enum env_knob {
    ENV_CGC,
    ENV_CMEMLIMIT,
    ENV_CMAXPROCS,
    ENV_CTRACEBACK,
    ENV_CALLOCATOR,
    ENV_CAGENT,
    ENV_CDEBUG, /* as a whole; the keys follow */
    ENV_GCTRACE,
    ENV_GCPACERTRACE,
    ENV_SCAVTRACE,
    ENV_INITTRACE,
    ENV_MEMPROFILERATE,
    ENV_MUTEXPROFILEFRACTION,
    ENV_BLOCKPROFILERATE,
    ENV_SCHEDTRACE,
    ENV_MADVDONTNEED,
    ENV_GCSTRESS,
    ENV_SIGQUIT,
    ENV_HEAPDUMPDIR,
    ENV_AGENTREMOTE,
    ENV_KNOBS
};

struct env_settings {
    int32_t gc_percent;         /* CGC; ENV_GC_PERCENT_OFF = off */
    int64_t memory_limit_bytes; /* CMEMLIMIT; ENV_MEMORY_LIMIT_OFF = off */
    int32_t max_procs;          /* CMAXPROCS */
    enum env_traceback traceback;
    enum env_allocator allocator;
    char agent[ENV_ADDRESS_MAX]; /* "" = the program says, "off", or host:port */
    int32_t gctrace;             /* 0, 1, 2 */
    int32_t gcpacertrace;
    int32_t scavtrace;
    int32_t inittrace;
    int64_t memprofilerate_bytes;
    int32_t mutexprofilefraction; /* 0 = off */
    int64_t blockprofilerate_ns;  /* 0 = off */
    int32_t schedtrace_ms;        /* 0 = off */
    int32_t madvdontneed;
    int64_t gcstress; /* a cycle at every Nth managed allocation; 0 = off */
    bool sigquit_continue;
    char heapdumpdir[ENV_PATH_MAX]; /* "" = none */
    int32_t agentremote;
    enum env_source source[ENV_KNOBS];
};

/* One sentence, e.g. `CGC=abc: want an integer percentage or "off"`; long values are cut with
 * "..." and bytes that are not printable ASCII are shown as ?, so it is always one line. */
struct env_error {
    char text[352];
};

typedef const char *(*env_getter)(const char *name, void *arg);

/* env_settings_default - every knob's default, with the CPU count that the caller found out. */
void env_settings_default(struct env_settings *s, int default_procs);

/* env_settings_load - defaults, then every variable that get returns. Returns 0, or -1 with *err
 * filled at the first malformed variable. An empty variable counts as not set, as in Go. */
int env_settings_load(struct env_settings *s, int default_procs, env_getter get, void *arg, struct env_error *err);

/* Parsers of one value; text is NUL-terminated. Return 0, or -1 (no message: see env_want). */
int env_parse_percent(const char *text, int32_t *percent);
int env_parse_bytes(const char *text, int64_t *bytes);
int env_parse_traceback(const char *text, enum env_traceback *level);
int env_parse_allocator(const char *text, enum env_allocator *which);

/* Whether text is what CAGENT takes: off, or an address; is_remote: one beyond loopback. */
bool env_agent_is_valid(const char *text, bool *is_remote);

/* env_want - what is wanted of a knob, as a clause: `want an integer percentage or "off"`. */
const char *env_want(enum env_knob knob);

/* env_knob_* - the table, for printing. For CDEBUG's keys the name is the key alone. */
const char *env_knob_name(enum env_knob knob);
const char *env_knob_unit(enum env_knob knob);
const char *env_knob_help(enum env_knob knob);
bool env_knob_is_debug_key(enum env_knob knob);
/* env_knob_pending - true while no module of this version obeys the knob (see knobs.def). The
 * runtime says so on stderr when such a knob is set: a knob that only looks obeyed is worse than
 * none. */
bool env_knob_pending(enum env_knob knob);
/* env_knob_value - the knob's value as text that its variable would take ("100", "off", "64MiB"
 * is written in plain bytes). Returns the length as snprintf. */
int env_knob_value(const struct env_settings *s, enum env_knob knob, char *buf, size_t size);
const char *env_source_name(enum env_source source);

/* env_help_text - the table for a terminal; env_help_markdown - the same as docs/variables.md. */
void env_help_text(FILE *out);
void env_help_markdown(FILE *out);

/* ---- cpus.c: CMAXPROCS's default ------------------------------------------------------------- */

/* Reads a file whole: fills buf (NUL-terminated, cut at size), returns its length or -1. */
typedef long (*env_file_reader)(const char *path, char *buf, size_t size, void *arg);

/* env_cpus_quota - the CPU limit of the process's cgroup in thousandths of a CPU (1500 = 1.5), the
 * least of the v1 or v2 quotas of its group and all ancestors up to the mount point; 0 = none.
 * Reads /proc/self/cgroup, /proc/self/mountinfo, cpu.max or cpu.cfs_{quota,period}_us by read. */
int64_t env_cpus_quota(env_file_reader read, void *arg);

/* env_cpus_combine - Go's rule: min(CPUs of the affinity mask, quota rounded up but at least 2). */
int env_cpus_combine(int affinity_cpus, int64_t quota_millicpus);

/* env_cpus_default - both, asked of this machine. Does not allocate. */
int env_cpus_default(void);

#endif
