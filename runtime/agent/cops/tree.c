/* tree.c - cops tree: the processes that use the runtime below their parents, drawn as gops draws them.
 *
 * At the top stand the parents that do not use the runtime themselves, by PID. Unlike in gops it plays no part
 * whether a parent's PID is larger than its child's.
 */
#include "runtime/agent/cops/processes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/agent/cops/options.h"
#include "runtime/agent/cops/text.h"

#define LINK "│   "
#define BRANCH "├── "
#define LAST "└── "
#define NOTHING "    "

static bool is_listed(const struct cops_processes *processes, int pid)
{
    for (size_t i = 0; i < processes->n; i++) {
        if (processes->all[i].pid == pid)
            return true;
    }
    return false;
}

static int by_size(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* The parents that are not in the list, each once, malloc'd. */
static int *find_roots(const struct cops_processes *processes, size_t *n)
{
    int *roots = cops_grow(NULL, processes->n * sizeof *roots);
    size_t all = 0;
    for (size_t i = 0; i < processes->n; i++) {
        if (!is_listed(processes, processes->all[i].ppid))
            roots[all++] = processes->all[i].ppid;
    }
    qsort(roots, all, sizeof *roots, by_size);
    *n = 0;
    for (size_t i = 0; i < all; i++) {
        if (i == 0 || roots[i] != roots[*n - 1])
            roots[(*n)++] = roots[i];
    }
    return roots;
}

/* The first child of ppid from index i on, or processes->n. */
static size_t next_child(const struct cops_processes *processes, int ppid, size_t i)
{
    while (i < processes->n && processes->all[i].ppid != ppid)
        i++;
    return i;
}

static void print_children(FILE *out, const struct cops_processes *processes, int ppid, struct cops_text *before)
{
    size_t next;
    for (size_t i = next_child(processes, ppid, 0); i < processes->n; i = next) {
        const struct cops_proc *p = &processes->all[i];
        next = next_child(processes, ppid, i + 1);
        bool is_last = next == processes->n;
        fprintf(out, "%s%s%s%d (", before->bytes, is_last ? LAST : BRANCH, p->agent[0] ? "[*]  " : "", p->pid);
        cops_put_clean(out, p->name, strlen(p->name));
        fprintf(out, ") {%s}\n", p->version);
        size_t len = before->len;
        cops_text_puts(before, is_last ? NOTHING : LINK);
        print_children(out, processes, p->pid, before);
        before->bytes[before->len = len] = '\0';
    }
}

void cops_tree_print(FILE *out, const struct cops_processes *processes)
{
    size_t n;
    int *roots = find_roots(processes, &n);
    fputs("...\n", out);
    for (size_t i = 0; i < n; i++) {
        struct cops_text before = {0};
        bool is_last = i + 1 == n;
        fprintf(out, "%s%d\n", is_last ? LAST : BRANCH, roots[i]);
        cops_text_puts(&before, is_last ? NOTHING : LINK);
        print_children(out, processes, roots[i], &before);
        cops_text_free(&before);
    }
    fputc('\n', out);
    free(roots);
}

static void print_json_children(FILE *out, const struct cops_processes *processes, int ppid)
{
    const char *before = "\"children\":[";
    size_t first = next_child(processes, ppid, 0);
    if (first == processes->n)
        fputs(before, out);
    for (size_t i = first; i < processes->n; i = next_child(processes, ppid, i + 1)) {
        fprintf(out, "%s{", before);
        cops_process_members(out, &processes->all[i]);
        fputc(',', out);
        print_json_children(out, processes, processes->all[i].pid);
        fputc('}', out);
        before = ",";
    }
    fputc(']', out);
}

void cops_tree_print_json(FILE *out, const struct cops_processes *processes)
{
    size_t n;
    int *roots = find_roots(processes, &n);
    fputc('[', out);
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "%s{\"pid\":%d,", i > 0 ? ",\n" : "\n", roots[i]);
        print_json_children(out, processes, roots[i]);
        fputc('}', out);
    }
    fputs(n > 0 ? "\n]\n" : "]\n", out);
    free(roots);
}

int cops_tree(const struct cops_options *options)
{
    return cops_processes_show(options, cops_tree_print, cops_tree_print_json);
}
