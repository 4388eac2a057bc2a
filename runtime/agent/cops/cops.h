/* cops.h - the command that asks: what gops does for Go programs, for programs that use this runtime.
 *
 *   main.c commands.c options.c error.c   which command, its help, its options (options.c is pure)
 *   list.c tree.c process.c       cops, cops tree, cops PID: from /proc, nobody is asked
 *   ask.c save.c                  stack gc setgc memstats version stats; pprof-heap pprof-cpu trace: gops' protocol
 *   settings.c gctrace.c top.c    what gops lacks, over HTTP on the same port
 *   processes.c sockets.c proc.c proc_text.c elf_note.c   /proc and the note in a program's file
 *   target.c net.c http.c         from PID or host:port to an answer
 *   facts.c figures.c view.c terminal.c json.c duration.c text.c   what answers hold and how it is shown
 *
 * A program of its own, which links nothing of the runtime but the text of JSON (runtime/stats/json_text.c): it is
 * there to look at programs in trouble, and must not share it. Must never: end without one clear line on stderr when
 * something failed (status 1) or was asked wrongly (status 2), leave a terminal other than it found it, or stop at a
 * process that it may not look at.
 */
#ifndef COPS_COPS_H
#define COPS_COPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COPS_OK = 0, COPS_FAILED = 1, COPS_USAGE = 2 };

/* Why something failed: one clause, without "cops: " and without a newline. */
struct cops_error {
    char text[512];
};

/* Fills it and returns false, so that a function can fail and say so in one line. */
bool cops_error(struct cops_error *error, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "cops: " and the clause on stderr; returns COPS_FAILED. */
int cops_fail(const struct cops_error *error);

struct cops_options;

/* A command's work; its status is the program's. */
typedef int cops_command(const struct cops_options *options);

/* list.c tree.c process.c ask.c save.c settings.c gctrace.c top.c */
cops_command cops_list, cops_tree, cops_process_info, cops_stack, cops_gc, cops_setgc, cops_memstats, cops_stats,
    cops_version, cops_pprof_heap, cops_pprof_cpu, cops_trace, cops_settings, cops_gctrace, cops_top;

#endif
