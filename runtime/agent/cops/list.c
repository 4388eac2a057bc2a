/* list.c - cops: the processes that use the runtime, a line each, in columns as gops has them. */
#include "runtime/agent/cops/processes.h"

#include <errno.h>
#include <string.h>
#include "runtime/agent/cops/options.h"
#include "runtime/agent/cops/text.h"
#include "runtime/stats/json_text.h"

static size_t wider(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t digits_of(int n)
{
    return (size_t)snprintf(NULL, 0, "%d", n);
}

static void put_padded(FILE *out, const char *text, size_t width, char behind)
{
    size_t len = strlen(text);
    cops_put_clean(out, text, len);
    fprintf(out, "%*s%c", (int)(width > len ? width - len : 0), "", behind);
}

void cops_list_print(FILE *out, const struct cops_processes *processes)
{
    size_t pid = 0, ppid = 0, name = 0, version = 0;
    for (size_t i = 0; i < processes->n; i++) {
        const struct cops_proc *p = &processes->all[i];
        pid = wider(pid, digits_of(p->pid));
        ppid = wider(ppid, digits_of(p->ppid));
        name = wider(name, strlen(p->name));
        version = wider(version, strlen(p->version));
    }
    for (size_t i = 0; i < processes->n; i++) {
        const struct cops_proc *p = &processes->all[i];
        fprintf(out, "%-*d %-*d ", (int)pid, p->pid, (int)ppid, p->ppid);
        put_padded(out, p->name, name, p->agent[0] ? '*' : ' ');
        fputc(' ', out);
        put_padded(out, p->version, version, ' ');
        cops_put_clean(out, p->path, strlen(p->path));
        fputc('\n', out);
    }
}

void cops_process_members(FILE *out, const struct cops_proc *p)
{
    fprintf(out, "\"pid\":%d,\"ppid\":%d,\"name\":", p->pid, p->ppid);
    rt__json_cstring(out, p->name);
    fputs(",\"agent\":", out);
    if (p->agent[0])
        rt__json_cstring(out, p->agent);
    else
        fputs("null", out);
    fputs(",\"version\":", out);
    rt__json_cstring(out, p->version);
    fputs(",\"path\":", out);
    rt__json_cstring(out, p->path);
}

void cops_list_print_json(FILE *out, const struct cops_processes *processes)
{
    fputc('[', out);
    for (size_t i = 0; i < processes->n; i++) {
        fputs(i > 0 ? ",\n{" : "\n{", out);
        cops_process_members(out, &processes->all[i]);
        fputc('}', out);
    }
    fputs(processes->n > 0 ? "\n]\n" : "]\n", out);
}

int cops_processes_show(const struct cops_options *options, cops_processes_print *print,
                        cops_processes_print *print_json)
{
    struct cops_processes found;
    struct cops_error error;
    if (!cops_processes_find(&found)) {
        cops_error(&error, "cannot read /proc: %s", strerror(errno));
        return cops_fail(&error);
    }
    (options->given & COPS_OPT_JSON ? print_json : print)(stdout, &found);
    cops_processes_free(&found);
    return COPS_OK;
}

int cops_list(const struct cops_options *options)
{
    return cops_processes_show(options, cops_list_print, cops_list_print_json);
}
