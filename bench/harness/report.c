/* report.c - what goes to stdout, in the words of `go test -bench`, or as JSON.
 *
 * A result's name is printed before it is measured, so that who waits sees for what; everything is flushed at once, as
 * a benchmark may crash. Nothing here runs while a timer does.
 */
#include "bench/harness/harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "bench/harness/cpu.h"
#include "runtime/cruntime.h"

#if defined(__x86_64__)
#define ARCH "amd64"
#elif defined(__i386__)
#define ARCH "386"
#elif defined(__aarch64__)
#define ARCH "arm64"
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH "riscv64"
#endif

#if defined(__x86_64__) || defined(__i386__)
#define CPU_WITH_MHZ false
#else
#define CPU_WITH_MHZ true
#endif

#define CONFIG_MAX 16

static struct {
    const char *key, *value;
} config[CONFIG_MAX];
static size_t config_count;

struct head {
    char arch[72];
    char cpu[256]; /* "": not known */
};

void rt_bench_config(const char *key, const char *value)
{
    if (config_count == CONFIG_MAX) {
        rt_panic("rt_bench_config: \"%s\" is the %dth line", key, CONFIG_MAX + 1);
    }
    config[config_count].key = key;
    config[config_count++].value = value;
}

static void read_head(struct head *head)
{
    char text[4096] = "";
    int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t length = read(fd, text, sizeof(text) - 1);
        text[length > 0 ? length : 0] = '\0';
        close(fd);
    }
    if (!rt__bench_cpu_name(text, CPU_WITH_MHZ, head->cpu, sizeof(head->cpu))) {
        head->cpu[0] = '\0';
    }
#ifdef ARCH
    strcpy(head->arch, ARCH);
#else
    struct utsname u;
    snprintf(head->arch, sizeof(head->arch), "%s", uname(&u) == 0 ? u.machine : "unknown");
#endif
}

static const struct head *head(void)
{
    static struct head head;
    if (head.arch[0] == '\0') {
        read_head(&head);
    }
    return &head;
}

void rt__bench_report_head(void)
{
    static bool is_done;
    if (is_done || rt__bench_run.flags.json) {
        return;
    }
    is_done = true;
    printf("goos: linux\ngoarch: %s\n", head()->arch);
    if (rt__bench_run.pkg[0]) {
        printf("pkg: %s\n", rt__bench_run.pkg);
    }
    if (head()->cpu[0]) {
        printf("cpu: %s\n", head()->cpu);
    }
    for (size_t i = 0; i < config_count; i++) {
        printf("%s: %s\n", config[i].key, config[i].value);
    }
}

static const char *printed_name(const struct rt_bench *b, bool with_procs)
{
    static char name[RT__BENCH_NAME_MAX + 16];
    rt__bench_line_name(name, sizeof(name), b->name, with_procs ? b->procs : 1);
    return name;
}

static void json_string_member(const char *key, const char *value)
{
    printf("\"%s\":", key);
    rt__bench_json_string(stdout, value);
    putchar(',');
}

/* What every object begins with. */
static void json_begin(const struct rt_bench *b)
{
    putchar('{');
    json_string_member("goos", "linux");
    json_string_member("goarch", head()->arch);
    json_string_member("pkg", rt__bench_run.pkg);
    json_string_member("cpu", head()->cpu);
    for (size_t i = 0; i < config_count; i++) {
        json_string_member(config[i].key, config[i].value);
    }
    json_string_member("name", printed_name(b, true));
    printf("\"procs\":%u,", b->procs);
}

static void json_end(const struct rt_bench *b)
{
    if (b->log_length > 0) {
        char log[RT__BENCH_LOG_MAX + 1];
        memcpy(log, b->log, b->log_length);
        log[b->log_length] = '\0';
        fputs(",\"log\":", stdout);
        rt__bench_json_string(stdout, log);
    }
    puts("}");
    fflush(stdout);
}

void rt__bench_report_begin(const struct rt_bench *b)
{
    if (rt__bench_run.flags.verbose && !rt__bench_run.flags.json) {
        rt__bench_report_head();
        puts(b->name);
        fflush(stdout);
    }
}

void rt__bench_report_wait(const struct rt_bench *b)
{
    if (!rt__bench_run.flags.verbose && !rt__bench_run.flags.json) {
        rt__bench_line_pad(stdout, printed_name(b, true), rt__bench_run.name_width);
        fflush(stdout);
    }
}

void rt__bench_report_result(const struct rt_bench *b)
{
    static struct rt__bench_result result;
    bool with_allocs = rt__bench_run.flags.benchmem || b->show_allocs;
    rt__bench_result(b, &result);
    if (rt__bench_run.flags.json) {
        json_begin(b);
        rt__bench_json_write(stdout, &result, with_allocs);
        json_end(b);
        return;
    }
    if (rt__bench_run.flags.verbose) {
        rt__bench_line_pad(stdout, printed_name(b, true), rt__bench_run.name_width);
    }
    rt__bench_line_write(stdout, &result, with_allocs);
    putchar('\n');
    if (b->log_length > 0) {
        rt__bench_report_end(b, RT__BENCH_LOG, true);
    }
    fflush(stdout);
}

void rt__bench_report_end(const struct rt_bench *b, enum rt__bench_end end, bool with_procs)
{
    static const char *const words[] = {"FAIL", "SKIP", "BENCH"};
    if (rt__bench_run.flags.json) {
        if (end != RT__BENCH_LOG) {
            json_begin(b);
            fputs(end == RT__BENCH_FAIL ? "\"failed\":true" : "\"skipped\":true", stdout);
            json_end(b);
        }
        return;
    }
    printf("--- %s: %s\n", words[end], printed_name(b, with_procs));
    /* Why it failed is worth its length. */
    size_t length = end == RT__BENCH_FAIL ? b->log_length : rt__bench_log_trim(b->log, b->log_length);
    fwrite(b->log, 1, length, stdout);
    if (length < b->log_length) {
        fputs("\n\t... [output truncated]\n", stdout);
    }
    fflush(stdout);
}
