/* save.c - pprof-heap, pprof-cpu, trace: what the agent sends goes into a file, and the line that shows it is said.
 *
 * The file is made once all has come, so a broken connection leaves none; an answer that is no profile and no trace is
 * the agent's word on why there is none.
 */
#include "runtime/agent/cops/gops.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "runtime/agent/cops/net.h"
#include "runtime/agent/cops/options.h"
#include "runtime/stats/json_text.h"

struct kind {
    enum cops_request request;
    const char *what, *begins, *name, *suffix, *command;
    unsigned seconds; /* how long it takes the agent */
};

static const struct kind heap = {COPS_ASK_HEAP, "heap profile", "\x1f\x8b", "heap", ".pb.gz", "go tool pprof", 0};
static const struct kind cpu = {COPS_ASK_CPU, "CPU profile", "\x1f\x8b", "cpu", ".pb.gz", "go tool pprof", 30};
static const struct kind trace = {COPS_ASK_TRACE, "execution trace", "go 1.", "trace", ".trace", "go tool trace", 5};

static bool ask(const struct kind *kind, const char *whom, struct cops_text *answer, struct cops_error *error)
{
    struct cops_target target;
    unsigned char byte = (unsigned char)kind->request;
    if (!cops_target_find(whom, &target, error))
        return false;
    if (kind->seconds > 0 && isatty(STDERR_FILENO))
        fprintf(stderr, "cops: the %s takes %u s\n", kind->what, kind->seconds);
    if (!cops_net_ask(&target, &byte, 1, kind->seconds + COPS_PATIENCE_S, answer, error))
        return false;
    if (answer->len == 0)
        return cops_error(error, "%s: closed without a %s", target.name, kind->what);
    if (strncmp(answer->bytes, kind->begins, strlen(kind->begins)) != 0)
        return cops_error(error, "%s: no %s: %.*s", target.name, kind->what, (int)strcspn(answer->bytes, "\n"),
                          answer->bytes);
    return true;
}

static bool write_all(int fd, const struct cops_text *bytes)
{
    for (size_t done = 0; done < bytes->len;) {
        ssize_t n = write(fd, bytes->bytes + done, bytes->len - done);
        if (n < 0 && errno != EINTR)
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Opens options' file or a new one; its name is in path. */
static int open_file(const struct kind *kind, const struct cops_options *options, char path[PATH_MAX])
{
    if (options->output) {
        snprintf(path, PATH_MAX, "%s", options->output);
        return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    }
    const char *folder = getenv("TMPDIR");
    int n =
        snprintf(path, PATH_MAX, "%s/cops-%s-XXXXXX%s", folder && *folder ? folder : "/tmp", kind->name, kind->suffix);
    if (n >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return mkostemps(path, (int)strlen(kind->suffix), O_CLOEXEC);
}

static bool put_file(const struct kind *kind, const struct cops_options *options, const struct cops_text *bytes,
                     char path[PATH_MAX], struct cops_error *error)
{
    int fd = open_file(kind, options, path);
    if (fd < 0)
        return cops_error(error, "cannot make %.300s: %s", path, strerror(errno));
    bool ok = write_all(fd, bytes);
    int why = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        why = errno;
    }
    return ok || cops_error(error, "cannot write %.300s: %s", path, strerror(why));
}

/* A path as a shell reads it back. */
static void print_quoted(const char *path)
{
    if (path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+:@%")] == '\0') {
        fputs(path, stdout);
        return;
    }
    putchar('\'');
    for (; *path; path++) {
        if (*path == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*path);
    }
    putchar('\'');
}

static void tell(const struct kind *kind, bool in_json, const char *path, size_t len)
{
    if (in_json) {
        fputs("{\"file\":", stdout);
        rt__json_cstring(stdout, path);
        printf(",\"bytes\":%zu,\"command\":\"%s\"}\n", len, kind->command);
        return;
    }
    printf("%s: ", kind->what);
    cops_put_clean(stdout, path, strlen(path));
    printf("\nshow it:  %s ", kind->command);
    print_quoted(path);
    putchar('\n');
}

static int save(const struct kind *kind, const struct cops_options *options)
{
    struct cops_error error;
    struct cops_text bytes = {0};
    char path[PATH_MAX];
    bool in_json = options->given & COPS_OPT_JSON;
    bool to_stdout = options->output && strcmp(options->output, "-") == 0;
    if (to_stdout && in_json) {
        cops_error(&error, "--output - and --json cannot both have standard output");
        cops_fail(&error);
        return COPS_USAGE;
    }
    bool ok = ask(kind, options->args[0], &bytes, &error);
    if (ok && to_stdout)
        ok = write_all(STDOUT_FILENO, &bytes) ||
             cops_error(&error, "cannot write to standard output: %s", strerror(errno));
    else if (ok && (ok = put_file(kind, options, &bytes, path, &error)))
        tell(kind, in_json, path, bytes.len);
    cops_text_free(&bytes);
    return ok ? COPS_OK : cops_fail(&error);
}

int cops_pprof_heap(const struct cops_options *options)
{
    return save(&heap, options);
}

int cops_pprof_cpu(const struct cops_options *options)
{
    return save(&cpu, options);
}

int cops_trace(const struct cops_options *options)
{
    return save(&trace, options);
}
