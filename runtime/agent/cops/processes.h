/* processes.h - the processes that use the runtime. */
#ifndef COPS_PROCESSES_H
#define COPS_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "runtime/agent/cops/elf_note.h"
#include "runtime/agent/cops/proc_text.h"
#include "runtime/agent/cops/target.h"

struct cops_proc {
    int pid, ppid;
    char name[COPS_NAME_TEXT];
    char version[COPS_VERSION_TEXT];
    char agent[COPS_AGENT_TEXT]; /* where its agent listens; "": nowhere */
    char *path;
};

struct cops_processes {
    struct cops_proc *all; /* by PID */
    size_t n;
};

/* False with errno when there is no /proc. */
bool cops_processes_find(struct cops_processes *out);
void cops_processes_free(struct cops_processes *processes);

/* list.c, tree.c: how they are shown; pure. */
typedef void cops_processes_print(FILE *out, const struct cops_processes *processes);
void cops_list_print(FILE *out, const struct cops_processes *processes);
void cops_list_print_json(FILE *out, const struct cops_processes *processes);
void cops_tree_print(FILE *out, const struct cops_processes *processes);
void cops_tree_print_json(FILE *out, const struct cops_processes *processes);

/* list.c: finds them and shows them in one of two ways. Returns the exit status. */
struct cops_options;
int cops_processes_show(const struct cops_options *options, cops_processes_print *print,
                        cops_processes_print *print_json);

/* The members of a process's JSON object, without its braces. */
void cops_process_members(FILE *out, const struct cops_proc *p);

#endif
