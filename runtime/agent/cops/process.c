/* process.c - cops PID [duration]: what /proc tells of a process, in gops' words.
 *
 * Any process will do. What may not be read of somebody else's is left out.
 */
#include "runtime/agent/cops/cops.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "runtime/agent/cops/duration.h"
#include "runtime/agent/cops/options.h"
#include "runtime/agent/cops/proc.h"
#include "runtime/agent/cops/sockets.h"
#include "runtime/stats/json_text.h"

struct info {
    int pid;
    struct cops_stat stat;
    double memory_percent, cpu_percent, period_percent;
    uint64_t period_ns; /* 0: not asked for */
    uint64_t elapsed_ms;
    char user[64];
    struct cops_text cmdline; /* with NULs between and behind */
    struct cops_sockets sockets;
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double seconds_of(uint64_t ticks)
{
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static void read_user(struct info *info)
{
    struct cops_text status = {0};
    uint64_t uid;
    if (cops_proc_read(info->pid, "status", &status) && cops_parse_field(status.bytes, "Uid", &uid)) {
        struct passwd *user = getpwuid((uid_t)uid);
        if (user)
            snprintf(info->user, sizeof info->user, "%s", user->pw_name);
        else
            snprintf(info->user, sizeof info->user, "%ju", (uintmax_t)uid);
    }
    cops_text_free(&status);
}

/* Both shares are of the time that the process has been there, or of the machine. */
static void read_shares(struct info *info)
{
    struct cops_text meminfo = {0};
    uint64_t total_kb;
    double age = (double)clock_ns(CLOCK_BOOTTIME) / 1e9 - seconds_of(info->stat.start_ticks);
    info->elapsed_ms = age > 0 ? (uint64_t)(age * 1e3) : 0;
    if (age > 0)
        info->cpu_percent = 100 * seconds_of(info->stat.cpu_ticks) / age;
    if (cops_read_file("/proc/meminfo", 65536, &meminfo) && cops_parse_field(meminfo.bytes, "MemTotal", &total_kb) &&
        total_kb > 0)
        info->memory_percent =
            100.0 * (double)info->stat.rss_pages * (double)sysconf(_SC_PAGESIZE) / 1024 / (double)total_kb;
    cops_text_free(&meminfo);
}

static bool watch_cpu(struct info *info, struct cops_error *error)
{
    struct cops_stat after;
    struct timespec left = {(time_t)(info->period_ns / 1000000000), (long)(info->period_ns % 1000000000)};
    uint64_t begin = clock_ns(CLOCK_MONOTONIC);
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
    if (!cops_proc_stat(info->pid, &after) || after.start_ticks != info->stat.start_ticks)
        return cops_error(error, "process %d has ended meanwhile", info->pid);
    double seconds = (double)(clock_ns(CLOCK_MONOTONIC) - begin) / 1e9;
    info->period_percent = 100 * seconds_of(after.cpu_ticks - info->stat.cpu_ticks) / seconds;
    return true;
}

static bool read_info(struct info *info, struct cops_error *error)
{
    if (!cops_proc_stat(info->pid, &info->stat))
        return cops_error(error, "no process has the PID %d", info->pid);
    read_shares(info);
    if (info->period_ns > 0 && !watch_cpu(info, error))
        return false;
    read_user(info);
    if (!cops_proc_read(info->pid, "cmdline", &info->cmdline))
        info->cmdline.len = 0;
    cops_sockets_of(info->pid, &info->sockets);
    return true;
}

static void print_cmdline(const struct cops_text *cmdline)
{
    size_t len = cmdline->len;
    while (len > 0 && cmdline->bytes[len - 1] == '\0')
        len--;
    for (size_t i = 0; i < len;) {
        size_t n = strnlen(cmdline->bytes + i, len - i);
        if (i > 0)
            putchar(' ');
        cops_put_clean(stdout, cmdline->bytes + i, n);
        i += n + 1;
    }
}

static void print_info(const struct info *info)
{
    char text[COPS_DURATION_TEXT], local[COPS_ENDPOINT_TEXT], remote[COPS_ENDPOINT_TEXT];
    printf("parent PID:\t%d\n", info->stat.ppid);
    printf("threads:\t%ju\n", (uintmax_t)info->stat.threads);
    printf("memory usage:\t%.3f%%\n", info->memory_percent);
    printf("cpu usage:\t%.3f%%\n", info->cpu_percent);
    if (info->period_ns > 0)
        printf("cpu usage (%s):\t%.3f%%\n", cops_duration_text(text, info->period_ns), info->period_percent);
    if (info->user[0])
        printf("username:\t%s\n", info->user);
    fputs("cmd+args:\t", stdout);
    print_cmdline(&info->cmdline);
    printf("\nelapsed time:\t%s\n", cops_elapsed_text(text, info->elapsed_ms / 1000));
    for (size_t i = 0; i < info->sockets.n; i++) {
        const struct cops_socket *s = &info->sockets.all[i];
        printf("local/remote:\t%s <-> %s (%s)\n", cops_endpoint_text(local, &s->local),
               cops_endpoint_text(remote, &s->remote), cops_state_name(s->state));
    }
}

static void print_json_double(const char *before, double value)
{
    char number[RT__DOUBLE_TEXT];
    printf("%s%s", before, rt__json_double(number, value));
}

static void print_json_cmdline(const struct cops_text *cmdline)
{
    fputs(",\"cmdline\":[", stdout);
    for (size_t i = 0; i < cmdline->len;) {
        size_t n = strnlen(cmdline->bytes + i, cmdline->len - i);
        if (i > 0)
            putchar(',');
        rt__json_string(stdout, cmdline->bytes + i, n);
        i += n + 1;
    }
    putchar(']');
}

static void print_json(const struct info *info)
{
    char local[COPS_ENDPOINT_TEXT], remote[COPS_ENDPOINT_TEXT];
    printf("{\"pid\":%d,\"ppid\":%d,\"name\":", info->pid, info->stat.ppid);
    rt__json_cstring(stdout, info->stat.name);
    printf(",\"threads\":%ju", (uintmax_t)info->stat.threads);
    print_json_double(",\"memory_percent\":", info->memory_percent);
    print_json_double(",\"cpu_percent\":", info->cpu_percent);
    if (info->period_ns > 0) {
        print_json_double(",\"period_seconds\":", (double)info->period_ns / 1e9);
        print_json_double(",\"period_cpu_percent\":", info->period_percent);
    }
    fputs(",\"username\":", stdout);
    rt__json_cstring(stdout, info->user);
    print_json_cmdline(&info->cmdline);
    print_json_double(",\"elapsed_seconds\":", (double)info->elapsed_ms / 1e3);
    fputs(",\"sockets\":[", stdout);
    for (size_t i = 0; i < info->sockets.n; i++) {
        const struct cops_socket *s = &info->sockets.all[i];
        printf("%s{\"local\":\"%s\",\"remote\":\"%s\",\"state\":\"%s\"}", i > 0 ? "," : "",
               cops_endpoint_text(local, &s->local), cops_endpoint_text(remote, &s->remote), cops_state_name(s->state));
    }
    puts("]}");
}

int cops_process_info(const struct cops_options *options)
{
    struct cops_error error;
    struct info info = {0};
    uint64_t pid;
    if (!cops_parse_number(options->args[0], INT_MAX, &pid) || pid == 0) {
        cops_error(&error, "%.100s: want a PID", options->args[0]);
        cops_fail(&error);
        return COPS_USAGE;
    }
    info.pid = (int)pid;
    if (options->argc > 1 && !cops_duration_parse(options->args[1], &info.period_ns)) {
        cops_error(&error, "%.100s: want a duration, such as 2s or 500ms", options->args[1]);
        cops_fail(&error);
        return COPS_USAGE;
    }
    int status = COPS_OK;
    if (!read_info(&info, &error))
        status = cops_fail(&error);
    else if (options->given & COPS_OPT_JSON)
        print_json(&info);
    else
        print_info(&info);
    cops_text_free(&info.cmdline);
    cops_sockets_free(&info.sockets);
    return status;
}
