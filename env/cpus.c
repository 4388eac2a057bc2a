/* cpus.c - how many CPUs this process may use: the default of CMAXPROCS.
 *
 * As Go counts since 1.25: the CPUs of the affinity mask, or the CPU quota of the process's cgroup
 * when that is less. A quota binds all groups below it, so the least one from the process's own
 * group up to the mount point counts. /proc/self/cgroup says which group, /proc/self/mountinfo
 * where its hierarchy can be seen: cgroup v2 as one tree, v1 as one tree a controller, and a hybrid
 * machine has both. We look at every mount that shows our group and take the least quota found; a
 * hierarchy without the cpu controller simply has no quota files. What cannot be read or understood
 * counts as "no quota": a wrong guess must never stop a program from starting.
 *
 * Everything is read through an injected reader, so tests feed whole trees of files. Nothing here
 * may allocate: it runs inside the process's first malloc. Hence the buffers on the stack.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getaffinity, strsep */
#endif
#include "env/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* A line of /proc/self/cgroup per v1 controller (some 15) with a path each. */
#define GROUPS_BYTES (16 * 1024)
/* Some hundred mounts. Where there are more (hosts full of containers) the end is not seen; cgroup
 * file systems are mounted at boot and listed early. Larger would strain small thread stacks. */
#define MOUNTS_BYTES (64 * 1024)
#define PATH_BYTES 4096
/* The kernel's own NR_CPUS is at most 8192 today; one call with a mask that no machine outgrows
 * spares the usual loop of growing masks. */
#define AFFINITY_CPUS (64 * 1024)

enum hierarchy { NO_HIERARCHY, CGROUP_V1, CGROUP_V2 };

struct reader {
    env_file_reader read;
    void *arg;
};

struct mount {
    enum hierarchy kind;
    char *root;  /* the group that the mount point shows */
    char *point; /* "" for / */
};

static bool list_has_cpu(const char *list)
{
    for (;;) {
        size_t len = strcspn(list, ",");
        if (len == 3 && memcmp(list, "cpu", 3) == 0)
            return true;
        if (list[len] == '\0')
            return false;
        list += len + 1;
    }
}

/* Takes the next line off *text, NUL-terminated; NULL at the end. */
static char *next_line(char **text)
{
    char *line = strsep(text, "\n");

    return line != NULL && line[0] == '\0' && *text == NULL ? NULL : line;
}

/* Reads a file of lines. A file larger than buf loses the line that was cut in two. */
static bool read_lines(const struct reader *from, const char *path, char *buf, size_t size)
{
    if (from->read(path, buf, size, from->arg) < 0)
        return false;
    if (strlen(buf) + 1 >= size) {
        char *last = strrchr(buf, '\n');
        *(last != NULL ? last : buf) = '\0';
    }
    return true;
}

/* The process's group in v1's hierarchy of the cpu controller and in v2's, from lines
 * `number:controllers:path`; NULL where it has none. */
static void find_groups(char *text, const char **v1, const char **v2)
{
    char *line;

    *v1 = *v2 = NULL;
    while ((line = next_line(&text)) != NULL) {
        char *number = strsep(&line, ":");
        char *controllers = strsep(&line, ":");
        if (line == NULL)
            continue;
        if (strcmp(number, "0") == 0 && controllers[0] == '\0')
            *v2 = line;
        else if (list_has_cpu(controllers))
            *v1 = line;
    }
}

/* mountinfo writes blank, tab, newline and backslash as \ooo. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; to++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' && from[3] >= '0' &&
            from[3] <= '7') {
            *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* A line is `id parent major:minor root point options [tags] - type source superoptions`. */
static struct mount parse_mount(char *line)
{
    struct mount m = {NO_HIERARCHY, NULL, NULL};

    for (int skip = 0; skip < 3; skip++)
        strsep(&line, " ");
    m.root = strsep(&line, " ");
    m.point = strsep(&line, " ");
    while (line != NULL && strcmp(strsep(&line, " "), "-") != 0)
        ;
    char *type = strsep(&line, " ");
    strsep(&line, " ");
    if (line == NULL)
        return m;
    if (strcmp(type, "cgroup2") == 0)
        m.kind = CGROUP_V2;
    else if (strcmp(type, "cgroup") == 0 && list_has_cpu(line))
        m.kind = CGROUP_V1;
    unescape(m.root);
    unescape(m.point);
    if (strcmp(m.point, "/") == 0)
        m.point[0] = '\0';
    return m;
}

/* What of group lies below root ("" or "/" for root itself); NULL when group is elsewhere. Inside a
 * container with its own cgroup namespace both are seen from its root, and a group outside shows as
 * /..; without one both are the host's. */
static const char *below_root(const char *group, const char *root)
{
    size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);

    if (strncmp(group, root, len) != 0 || (group[len] != '/' && group[len] != '\0'))
        return NULL;
    group += len;
    if (strncmp(group, "/..", 3) == 0 && (group[3] == '/' || group[3] == '\0'))
        return NULL;
    return group;
}

/* A positive decimal number at the start of text; 0 for "max", "-1", and what cannot be a time. */
static int64_t parse_us(const char *text, const char **end)
{
    int64_t n = 0;

    for (; *text >= '0' && *text <= '9'; text++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *text - '0', &n))
            return 0;
    *end = text;
    return n;
}

/* Rounded up, so that rounding up to whole CPUs later gives what it would have given at once. */
static int64_t millicpus(int64_t quota_us, int64_t period_us)
{
    int64_t scaled;

    if (quota_us <= 0 || period_us <= 0 || __builtin_mul_overflow(quota_us, 1000, &scaled))
        return 0;
    return scaled / period_us + (scaled % period_us != 0);
}

static int64_t read_us(const struct reader *from, const char *group, const char *file)
{
    char path[PATH_BYTES + 32];
    char text[64];
    const char *end;

    if (snprintf(path, sizeof(path), "%s/%s", group, file) >= (int)sizeof(path))
        return 0;
    if (from->read(path, text, sizeof(text), from->arg) < 0)
        return 0;
    return parse_us(text, &end);
}

/* The quota of the group whose folder is given; 0 = none. v2 has `quota period` in one file. */
static int64_t group_quota(const struct reader *from, enum hierarchy kind, const char *group)
{
    char path[PATH_BYTES + 32];
    char text[64];
    const char *rest = "";

    if (kind == CGROUP_V1)
        return millicpus(read_us(from, group, "cpu.cfs_quota_us"), read_us(from, group, "cpu.cfs_period_us"));
    if (snprintf(path, sizeof(path), "%s/cpu.max", group) >= (int)sizeof(path))
        return 0;
    if (from->read(path, text, sizeof(text), from->arg) < 0)
        return 0;
    int64_t quota_us = parse_us(text, &rest);
    if (quota_us == 0 || *rest != ' ')
        return 0;
    return millicpus(quota_us, parse_us(rest + 1, &rest));
}

static int64_t least(int64_t a, int64_t b)
{
    if (a == 0 || b == 0)
        return a + b; /* 0 is "none", not "little" */
    return a < b ? a : b;
}

/* The least quota from the process's group up to the mount point, both included. */
static int64_t mount_quota(const struct reader *from, const struct mount *m, const char *group)
{
    char path[PATH_BYTES];
    const char *below = below_root(group, m->root);
    size_t point_len = strlen(m->point);
    int64_t quota = 0;

    if (below == NULL || snprintf(path, sizeof(path), "%s%s", m->point, below) >= (int)sizeof(path))
        return 0;
    for (;;) {
        quota = least(quota, group_quota(from, m->kind, path));
        if (strlen(path) <= point_len)
            return quota;
        *strrchr(path, '/') = '\0';
    }
}

int64_t env_cpus_quota(env_file_reader read_file, void *arg)
{
    struct reader from = {read_file, arg};
    char groups[GROUPS_BYTES];
    char mounts[MOUNTS_BYTES];
    const char *v1, *v2;
    char *rest = mounts, *line;
    int64_t quota = 0;

    if (!read_lines(&from, "/proc/self/cgroup", groups, sizeof(groups)) ||
        !read_lines(&from, "/proc/self/mountinfo", mounts, sizeof(mounts)))
        return 0;
    find_groups(groups, &v1, &v2);
    while ((line = next_line(&rest)) != NULL) {
        struct mount m = parse_mount(line);
        const char *group = m.kind == CGROUP_V1 ? v1 : v2;
        if (m.kind != NO_HIERARCHY && group != NULL)
            quota = least(quota, mount_quota(&from, &m, group));
    }
    return quota;
}

/* Why at least 2: with one, a program that is stopped by its quota has nothing to run the collector
 * beside it, and quotas of less than 2 are mostly meant as shares. Go argues the same. */
int env_cpus_combine(int affinity_cpus, int64_t quota_millicpus)
{
    int64_t cpus = affinity_cpus > 1 ? affinity_cpus : 1;

    if (quota_millicpus > 0) {
        int64_t quota = quota_millicpus / 1000 + (quota_millicpus % 1000 != 0);
        if (quota < 2)
            quota = 2;
        if (quota < cpus)
            cpus = quota;
    }
    return (int)cpus;
}

/* ---- this machine ----------------------------------------------------------------------------- */

static long read_real_file(const char *path, char *buf, size_t size, void *arg)
{
    size_t used = 0;

    (void)arg;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    while (used + 1 < size) {
        ssize_t n = read(fd, buf + used, size - 1 - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            close(fd);
            return -1;
        }
        if (n == 0)
            break;
        used += (size_t)n;
    }
    close(fd);
    buf[used] = '\0';
    return (long)used;
}

static int affinity_cpus(void)
{
    union {
        cpu_set_t set; /* the type that glibc wants; the mask goes on behind it */
        unsigned long words[AFFINITY_CPUS / 8 / sizeof(unsigned long)];
    } mask;

    if (sched_getaffinity(0, sizeof(mask), &mask.set) != 0)
        return 1;
    return CPU_COUNT_S(sizeof(mask), &mask.set);
}

/* errno is kept: the caller may be the first malloc, which must not change it when it succeeds. */
int env_cpus_default(void)
{
    int saved_errno = errno;
    int cpus = env_cpus_combine(affinity_cpus(), env_cpus_quota(read_real_file, NULL));

    errno = saved_errno;
    return cpus;
}
