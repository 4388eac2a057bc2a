/* cpu_shares.c - uses CPU time in known shares under a CPU profile, which is written to a file.
 *
 * Three functions use 60, 30 and 10 % of the time, in three threads: the main one, one of pthread_create's and one of
 * rt_thread_start's, each in another order. How much each has used is measured by its own CPU clock.
 *
 * usage: cpu_shares FILE [MS_PER_THREAD]
 */
#include <errno.h>
#include <fcntl.h>
#include "check.h"

static uint64_t per_thread_ns;

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static NOINLINE void spend_sixty(void)
{
    for (uint64_t end = cpu_ns() + per_thread_ns / 10 * 6; cpu_ns() < end;) {
        for (volatile int i = 0; i < 20000; i++) {
        }
    }
}

static NOINLINE void spend_thirty(void)
{
    for (uint64_t end = cpu_ns() + per_thread_ns / 10 * 3; cpu_ns() < end;) {
        for (volatile int i = 0; i < 20000; i++) {
        }
    }
}

static NOINLINE void spend_ten(void)
{
    for (uint64_t end = cpu_ns() + per_thread_ns / 10; cpu_ns() < end;) {
        for (volatile int i = 0; i < 20000; i++) {
        }
    }
}

static void *spend(void *first)
{
    static void (*const functions[3])(void) = {spend_sixty, spend_thirty, spend_ten};
    const struct rt_labels *labels = rt_labels_new((const char *[]){"turn", (const char *)first}, 1);
    rt_labels_set(labels);
    for (int i = 0; i < 3; i++) {
        functions[(*(const char *)first - '0' + i) % 3]();
    }
    rt_labels_set(NULL);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t plain, ours;
    if (argc < 2) {
        fputs("usage: cpu_shares FILE [MS_PER_THREAD]\n", stderr);
        return 2;
    }
    per_thread_ns = (uint64_t)check_number(argc, argv, 2, 1234) * 1000000u;
    int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    CHECK_EQUAL(rt_cpu_profile_stop(), -EINVAL, "stop before start");
    CHECK_EQUAL(rt_cpu_profile_start(fd), 0, "start");
    CHECK_EQUAL(rt_cpu_profile_start(fd), -EBUSY, "a second start");
    CHECK_EQUAL(pthread_create(&plain, NULL, spend, "1"), 0, "pthread_create");
    CHECK_EQUAL(rt_thread_start(&ours, NULL, "shares-2", spend, "2"), 0, "rt_thread_start");
    spend("0");
    pthread_join(plain, NULL);
    pthread_join(ours, NULL);
    CHECK_EQUAL(rt_cpu_profile_stop(), 0, "stop");
    CHECK_EQUAL(rt_cpu_profile_stop(), -EINVAL, "a second stop");
    close(fd);
    return check_done();
}
