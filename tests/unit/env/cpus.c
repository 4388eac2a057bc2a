/* Tests of env/cpus.c: whole trees of files, as containers and machines show them, against the
 * quota that must be found. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_setaffinity */
#endif
#include "env/settings.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct file {
    const char *path, *text;
};

struct tree {
    const char *what;
    const char *cgroup;    /* /proc/self/cgroup; NULL = not there */
    const char *mountinfo; /* /proc/self/mountinfo; NULL = not there */
    struct file files[8];
    int64_t millicpus;
};

static long give(const char *text, char *buf, size_t size)
{
    if (text == NULL)
        return -1;
    return snprintf(buf, size, "%s", text);
}

static long read_tree(const char *path, char *buf, size_t size, void *arg)
{
    const struct tree *t = arg;

    if (strcmp(path, "/proc/self/cgroup") == 0)
        return give(t->cgroup, buf, size);
    if (strcmp(path, "/proc/self/mountinfo") == 0)
        return give(t->mountinfo, buf, size);
    for (size_t i = 0; i < ROWS(t->files) && t->files[i].path != NULL; i++)
        if (strcmp(path, t->files[i].path) == 0)
            return give(t->files[i].text, buf, size);
    return -1;
}

#define ROOT_MOUNT "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
#define V2_MOUNT ROOT_MOUNT "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1_MOUNT                                                                                                       \
    ROOT_MOUNT "31 22 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"                                            \
               "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 master:2 - cgroup cgroup rw,cpu,cpuacct\n"         \
               "33 31 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
#define V1_CPU "/sys/fs/cgroup/cpu,cpuacct"
#define HYBRID_MOUNT V1_MOUNT "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"

static const struct tree trees[] = {
    /* ---- v2 ---- */
    {.what = "v2: the group's own quota",
     .cgroup = "0::/app.slice\n",
     .mountinfo = V2_MOUNT,
     .files = {{"/sys/fs/cgroup/app.slice/cpu.max", "150000 100000\n"}},
     .millicpus = 1500},
    {.what = "v2: max is no quota",
     .cgroup = "0::/app.slice\n",
     .mountinfo = V2_MOUNT,
     .files = {{"/sys/fs/cgroup/app.slice/cpu.max", "max 100000\n"}},
     .millicpus = 0},
    {.what = "v2: an ancestor's smaller quota binds",
     .cgroup = "0::/a/b/c\n",
     .mountinfo = V2_MOUNT,
     .files = {{"/sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n"},
               {"/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"},
               {"/sys/fs/cgroup/a/cpu.max", "300000 100000\n"}},
     .millicpus = 3000},
    {.what = "v2: an ancestor's larger quota does not widen",
     .cgroup = "0::/a/b\n",
     .mountinfo = V2_MOUNT,
     .files = {{"/sys/fs/cgroup/a/b/cpu.max", "200000 100000\n"}, {"/sys/fs/cgroup/a/cpu.max", "900000 100000\n"}},
     .millicpus = 2000},
    {.what = "v2: the mount point's own file counts too (a container's cgroup namespace)",
     .cgroup = "0::/\n",
     .mountinfo = V2_MOUNT,
     .files = {{"/sys/fs/cgroup/cpu.max", "250000 50000\n"}},
     .millicpus = 5000},
    {.what = "v2: nothing above the mount point is read",
     .cgroup = "0::/a\n",
     .mountinfo = V2_MOUNT,
     .files = {{"/sys/fs/cgroup/a/cpu.max", "400000 100000\n"},
               {"/sys/fs/cpu.max", "100000 100000\n"},
               {"/cpu.max", "100000 100000\n"}},
     .millicpus = 4000},
    {.what = "v2: a group without cpu.max (controller not enabled) leaves it to its ancestors",
     .cgroup = "0::/a/b\n",
     .mountinfo = V2_MOUNT,
     .files = {{"/sys/fs/cgroup/a/cpu.max", "350000 100000\n"}},
     .millicpus = 3500},
    {.what = "v2: a fraction of a thousandth is rounded up, never away",
     .cgroup = "0::/a\n",
     .mountinfo = V2_MOUNT,
     .files = {{"/sys/fs/cgroup/a/cpu.max", "2000001 1000000\n"}},
     .millicpus = 2001},
    {.what = "v2: the mount shows the container's group, /proc/self/cgroup the host's path",
     .cgroup = "0::/docker/abc/inner\n",
     .mountinfo = "30 22 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
     .files = {{"/sys/fs/cgroup/inner/cpu.max", "max 100000\n"}, {"/sys/fs/cgroup/cpu.max", "600000 100000\n"}},
     .millicpus = 6000},
    {.what = "v2: a mount root that only begins alike shows another group",
     .cgroup = "0::/docker/abcdef\n",
     .mountinfo = "30 22 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
     .files = {{"/sys/fs/cgroup/cpu.max", "600000 100000\n"}, {"/sys/fs/cgroupdef/cpu.max", "100000 100000\n"}},
     .millicpus = 0},
    {.what = "v2: of two mounts, the one that shows our group",
     .cgroup = "0::/b\n",
     .mountinfo = "30 22 0:26 /a /mnt/a rw - cgroup2 cgroup rw\n31 22 0:26 /b /mnt/b rw - cgroup2 cgroup rw\n",
     .files = {{"/mnt/a/cpu.max", "100000 100000\n"}, {"/mnt/b/cpu.max", "700000 100000\n"}},
     .millicpus = 7000},
    {.what = "v2: a group outside the namespace is not looked for below it",
     .cgroup = "0::/../other\n",
     .mountinfo = V2_MOUNT,
     .files = {{"/sys/fs/cgroup/../other/cpu.max", "100000 100000\n"}, {"/sys/fs/cgroup/cpu.max", "100000 100000\n"}},
     .millicpus = 0},
    {.what = "v2: a group whose name begins with two dots is an ordinary one",
     .cgroup = "0::/..x\n",
     .mountinfo = V2_MOUNT,
     .files = {{"/sys/fs/cgroup/..x/cpu.max", "400000 100000\n"}},
     .millicpus = 4000},
    {.what = "v2: blanks and backslashes in root and mount point are octal in mountinfo",
     .cgroup = "0::/my group\\x/in\n",
     .mountinfo = "30 22 0:26 /my\\040group\\134x /sys/fs/c\\040g\\011t rw - cgroup2 cgroup rw\n",
     .files = {{"/sys/fs/c g\tt/in/cpu.max", "450000 100000\n"}},
     .millicpus = 4500},
    {.what = "v2: a colon in the path belongs to it",
     .cgroup = "0::/a:b:c\n",
     .mountinfo = V2_MOUNT,
     .files = {{"/sys/fs/cgroup/a:b:c/cpu.max", "400000 100000\n"}},
     .millicpus = 4000},
    {.what = "v2: mounted at / itself",
     .cgroup = "0::/a\n",
     .mountinfo = "30 22 0:26 / / rw - cgroup2 cgroup rw\n",
     .files = {{"/a/cpu.max", "400000 100000\n"}, {"/cpu.max", "300000 100000\n"}},
     .millicpus = 3000},
    {.what = "v2: files without a final newline",
     .cgroup = "0::/a",
     .mountinfo = "30 22 0:26 / /c rw - cgroup2 cgroup rw",
     .files = {{"/c/a/cpu.max", "400000 100000"}},
     .millicpus = 4000},
    /* ---- v1 ---- */
    {.what = "v1: quota over period",
     .cgroup = "5:cpuset:/x\n4:cpu,cpuacct:/app\n1:name=systemd:/y\n",
     .mountinfo = V1_MOUNT,
     .files = {{V1_CPU "/app/cpu.cfs_quota_us", "250000\n"}, {V1_CPU "/app/cpu.cfs_period_us", "100000\n"}},
     .millicpus = 2500},
    {.what = "v1: a quota of -1 is none",
     .cgroup = "4:cpu,cpuacct:/app\n",
     .mountinfo = V1_MOUNT,
     .files = {{V1_CPU "/app/cpu.cfs_quota_us", "-1\n"}, {V1_CPU "/app/cpu.cfs_period_us", "100000\n"}},
     .millicpus = 0},
    {.what = "v1: an ancestor binds",
     .cgroup = "4:cpuacct,cpu:/kube/pod/c\n",
     .mountinfo = V1_MOUNT,
     .files = {{V1_CPU "/kube/pod/c/cpu.cfs_quota_us", "-1\n"},
               {V1_CPU "/kube/pod/c/cpu.cfs_period_us", "100000\n"},
               {V1_CPU "/kube/pod/cpu.cfs_quota_us", "300000\n"},
               {V1_CPU "/kube/pod/cpu.cfs_period_us", "100000\n"},
               {V1_CPU "/kube/cpu.cfs_quota_us", "800000\n"},
               {V1_CPU "/kube/cpu.cfs_period_us", "100000\n"}},
     .millicpus = 3000},
    {.what = "v1: container, host's path, mount root",
     .cgroup = "4:cpu,cpuacct:/docker/abc\n",
     .mountinfo = "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n",
     .files = {{"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "350000\n"},
               {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
     .millicpus = 3500},
    {.what = "v1: cpuset and cpuacct are not cpu",
     .cgroup = "4:cpuset:/a\n3:cpuacct:/a\n",
     .mountinfo = "33 31 0:30 / /c rw - cgroup cgroup rw,cpuset\n34 31 0:31 / /d rw - cgroup cgroup rw,cpuacct\n",
     .files = {{"/c/a/cpu.cfs_quota_us", "100000\n"},
               {"/c/a/cpu.cfs_period_us", "100000\n"},
               {"/d/a/cpu.cfs_quota_us", "100000\n"},
               {"/d/a/cpu.cfs_period_us", "100000\n"}},
     .millicpus = 0},
    {.what = "v1: no period, no quota",
     .cgroup = "4:cpu:/a\n",
     .mountinfo = V1_MOUNT,
     .files = {{V1_CPU "/a/cpu.cfs_quota_us", "250000\n"}},
     .millicpus = 0},
    /* ---- hybrid ---- */
    {.what = "hybrid: the cpu controller in v1",
     .cgroup = "4:cpu,cpuacct:/a\n0::/b\n",
     .mountinfo = HYBRID_MOUNT,
     .files = {{V1_CPU "/a/cpu.cfs_quota_us", "500000\n"}, {V1_CPU "/a/cpu.cfs_period_us", "100000\n"}},
     .millicpus = 5000},
    {.what = "hybrid: the cpu controller in v2",
     .cgroup = "4:cpuset:/a\n0::/b\n",
     .mountinfo = HYBRID_MOUNT,
     .files = {{"/sys/fs/cgroup/unified/b/cpu.max", "300000 100000\n"}},
     .millicpus = 3000},
    {.what = "hybrid: each path is looked up in its own hierarchy",
     .cgroup = "0::/b\n4:cpu,cpuacct:/a\n",
     .mountinfo = HYBRID_MOUNT,
     .files = {{V1_CPU "/a/cpu.cfs_quota_us", "500000\n"},
               {V1_CPU "/a/cpu.cfs_period_us", "100000\n"},
               {V1_CPU "/b/cpu.cfs_quota_us", "100000\n"},
               {V1_CPU "/b/cpu.cfs_period_us", "100000\n"},
               {"/sys/fs/cgroup/unified/a/cpu.max", "100000 100000\n"}},
     .millicpus = 5000},
    /* ---- nothing usable: no quota, and no crash ---- */
    {.what = "no /proc/self/cgroup",
     .cgroup = NULL,
     .mountinfo = V2_MOUNT,
     .files = {{"/sys/fs/cgroup/cpu.max", "100000 100000\n"}},
     .millicpus = 0},
    {.what = "no /proc/self/mountinfo",
     .cgroup = "0::/\n",
     .mountinfo = NULL,
     .files = {{"/sys/fs/cgroup/cpu.max", "100000 100000\n"}},
     .millicpus = 0},
    {.what = "empty files", .cgroup = "", .mountinfo = "", .millicpus = 0},
    {.what = "torn lines are stepped over",
     .cgroup = "\n0\n0:\n::\nx:y\n0::relative\n7:cpu\n0::/a\n",
     .mountinfo = "\n30\n30 22 0:26 /\n30 22 0:26 / /c rw\n30 22 0:26 / /c rw -\n30 22 0:26 / /c rw - cgroup2\n"
                  "30 22 0:26 / /c rw - cgroup2 x\n" V2_MOUNT,
     .files = {{"/c/a/cpu.max", "100000 100000\n"}, {"/sys/fs/cgroup/a/cpu.max", "400000 100000\n"}},
     .millicpus = 4000},
    {.what = "quotas that are no numbers, are zero or overflow",
     .cgroup = "0::/a/b/c/d/e/f\n",
     .mountinfo = V2_MOUNT,
     .files = {{"/sys/fs/cgroup/a/b/c/d/e/f/cpu.max", ""},
               {"/sys/fs/cgroup/a/b/c/d/e/cpu.max", "junk\n"},
               {"/sys/fs/cgroup/a/b/c/d/cpu.max", "0 100000\n"},
               {"/sys/fs/cgroup/a/b/c/cpu.max", "100000 0\n"},
               {"/sys/fs/cgroup/a/b/cpu.max", "100000\n"},
               {"/sys/fs/cgroup/a/cpu.max", "99999999999999999999 100000\n"},
               {"/sys/fs/cgroup/cpu.max", "9223372036854775807 1\n"}},
     .millicpus = 0},
};

static void the_quota_of_each_tree_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(trees); i++) {
        int64_t got = env_cpus_quota(read_tree, (void *)&trees[i]);
        if (got != trees[i].millicpus)
            fail_msg("%s: %lld instead of %lld", trees[i].what, (long long)got, (long long)trees[i].millicpus);
    }
}

/* A host full of containers: more mounts than the buffer holds. The cut must not invent a mount. */
static void a_mount_table_that_is_too_long_is_used_as_far_as_it_was_read(void **state)
{
    size_t size = 256 * 1024;
    char *mountinfo = malloc(size);
    struct tree t = {.cgroup = "0::/a\n", .files = {{"/sys/fs/cgroup/a/cpu.max", "400000 100000\n"}}};

    (void)state;
    assert_non_null(mountinfo);
    strcpy(mountinfo, V2_MOUNT);
    for (size_t used = strlen(mountinfo); used + 128 < size; used = strlen(mountinfo))
        strcpy(mountinfo + used, "99 22 0:99 / /var/lib/containers/merged rw - overlay overlay rw,lowerdir=/x:/y\n");
    t.mountinfo = mountinfo;
    assert_int_equal(env_cpus_quota(read_tree, &t), 4000);
    free(mountinfo);
}

/* The line that the end of the buffer cuts would be a valid mount of another place: at every
 * possible cut, either the whole line was read or none of it. */
static void a_mount_that_the_buffer_cut_in_two_is_not_used(void **state)
{
    static const char line[] = "30 22 0:26 / /c rw - cgroup2 none rw,abcdefghijklmnop\n";
    enum { BUFFER = 64 * 1024 };
    char *mountinfo = malloc(BUFFER + sizeof(line));
    struct tree t = {.cgroup = "0::/a\n", .files = {{"/c/a/cpu.max", "400000 100000\n"}}};

    (void)state;
    assert_non_null(mountinfo);
    for (size_t cut = 1; cut < sizeof(line) - 1; cut++) { /* bytes of the line that fit */
        size_t filler = BUFFER - 1 - cut;
        memset(mountinfo, 'x', filler - 1);
        mountinfo[filler - 1] = '\n';
        strcpy(mountinfo + filler, line);
        t.mountinfo = mountinfo;
        assert_int_equal(env_cpus_quota(read_tree, &t), 0);
    }
    free(mountinfo);
}

static void a_path_longer_than_any_path_is_no_quota(void **state)
{
    char group[8192];
    struct tree t = {.cgroup = group, .mountinfo = V2_MOUNT, .files = {{"/sys/fs/cgroup/cpu.max", "100000 100000\n"}}};

    (void)state;
    memset(group, 'a', sizeof(group));
    memcpy(group, "0::/", 4);
    strcpy(group + sizeof(group) - 2, "\n");
    assert_int_equal(env_cpus_quota(read_tree, &t), 0);
}

static void affinity_and_quota_combine_as_in_go(void **state)
{
    static const struct {
        const char *what;
        int affinity;
        int64_t millicpus;
        int procs;
    } rows[] = {
        {"no quota: the mask", 8, 0, 8},
        {"a quota above the mask does not widen it", 4, 16000, 4},
        {"a whole quota", 8, 3000, 3},
        {"a fraction is rounded up", 8, 3001, 4},
        {"one and a half is two", 8, 1500, 2},
        {"less than two is two", 8, 500, 2},
        {"the least quota there is, is two", 8, 1, 2},
        {"one CPU stays one, whatever the quota", 1, 500, 1},
        {"one CPU stays one with a large quota", 1, 64000, 1},
        {"a huge quota is no overflow", 8, INT64_MAX, 8},
        {"an unknown mask is one CPU", 0, 0, 1},
        {"a failed mask is one CPU", -1, 4000, 1},
        {"more CPUs than a cpu_set_t holds", 2048, 0, 2048},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        int got = env_cpus_combine(rows[i].affinity, rows[i].millicpus);
        if (got != rows[i].procs)
            fail_msg("%s: %d instead of %d", rows[i].what, got, rows[i].procs);
    }
}

static void this_machines_default_is_within_its_affinity_mask_and_keeps_errno(void **state)
{
    cpu_set_t mask;

    (void)state;
    if (sched_getaffinity(0, sizeof(mask), &mask) != 0)
        skip(); /* more CPUs than a cpu_set_t holds */
    errno = ENOTTY;
    int procs = env_cpus_default();
    assert_int_equal(errno, ENOTTY);
    assert_in_range(procs, CPU_COUNT(&mask) >= 2 ? 2 : 1, CPU_COUNT(&mask));
}

static void a_process_bound_to_one_cpu_gets_one_thread(void **state)
{
    cpu_set_t before, one;
    int cpu = 0;

    (void)state;
    if (sched_getaffinity(0, sizeof(before), &before) != 0)
        skip();
    while (!CPU_ISSET(cpu, &before))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    int procs = env_cpus_default();
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
    assert_int_equal(procs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_quota_of_each_tree_is_found),
        cmocka_unit_test(a_mount_table_that_is_too_long_is_used_as_far_as_it_was_read),
        cmocka_unit_test(a_mount_that_the_buffer_cut_in_two_is_not_used),
        cmocka_unit_test(a_path_longer_than_any_path_is_no_quota),
        cmocka_unit_test(affinity_and_quota_combine_as_in_go),
        cmocka_unit_test(this_machines_default_is_within_its_affinity_mask_and_keeps_errno),
        cmocka_unit_test(a_process_bound_to_one_cpu_gets_one_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
