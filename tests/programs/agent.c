/* agent.c - a program that does with its agent what it is told, a line of standard input at a time.
 *
 *     start [ADDRESS [DIR]]   rt_agent_start; prints its result. - is NULL
 *     start-remote ADDRESS    the same with may_be_remote
 *     stop                    rt_agent_stop; prints stopped
 *     fork                    a child that waits until it is killed; prints its pid
 *     fork-exit               a child that ends by exit; prints its status
 *     fork-start              a child that starts an agent of its own and waits; prints its pid and the result
 *     chdir DIR               prints 0
 *     umask OCTAL             prints 0
 *     cpu-profile, trace      begins one, into the void; prints the result. end-... ends it
 *     gc-percent              prints it
 *     cycles                  prints how many were forced
 *     _exit, abort            ends so. The end of the input ends it by exit, with status 0
 *
 * First of all it prints `ready`.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cruntime.h"

static int start(const char *address, const char *dir, bool may_be_remote)
{
    struct rt_agent_options options = {.may_be_remote = may_be_remote};
    if (address[0] && strcmp(address, "-") != 0) {
        options.address = address;
    }
    if (dir[0]) {
        options.config_dir = dir;
    }
    return rt_agent_start(&options);
}

static int in_child(bool exits, bool starts)
{
    pid_t child = fork();
    if (child == 0) {
        if (exits) {
            exit(7);
        }
        if (starts) {
            printf("%d %d\n", getpid(), rt_agent_start(NULL));
            fflush(stdout);
        }
        for (;;) {
            pause();
        }
    }
    int status = 0;
    if (exits) {
        waitpid(child, &status, 0);
        return WEXITSTATUS(status);
    }
    return child;
}

static int forced_cycles(void)
{
    struct rt_memstats ms;
    rt_read_memstats(&ms);
    return (int)ms.NumForcedGC;
}

static int gc_percent(void)
{
    int percent = rt_set_gc_percent(100);
    rt_set_gc_percent(percent);
    return percent;
}

static int into_the_void(void)
{
    return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

/* Whether the command is one that prints a number. */
static bool number_of(const char *command, const char *first, const char *second, int *result)
{
    if (strcmp(command, "start") == 0) {
        *result = start(first, second, false);
    } else if (strcmp(command, "start-remote") == 0) {
        *result = start(first, second, true);
    } else if (strcmp(command, "fork") == 0) {
        *result = in_child(false, false);
    } else if (strcmp(command, "fork-exit") == 0) {
        *result = in_child(true, false);
    } else if (strcmp(command, "chdir") == 0) {
        *result = chdir(first);
    } else if (strcmp(command, "umask") == 0) {
        umask((mode_t)strtol(first, NULL, 8));
        *result = 0;
    } else if (strcmp(command, "cpu-profile") == 0) {
        *result = rt_cpu_profile_start(into_the_void());
    } else if (strcmp(command, "end-cpu-profile") == 0) {
        *result = rt_cpu_profile_stop();
    } else if (strcmp(command, "trace") == 0) {
        *result = rt_trace_start(into_the_void());
    } else if (strcmp(command, "end-trace") == 0) {
        *result = rt_trace_stop();
    } else if (strcmp(command, "gc-percent") == 0) {
        *result = gc_percent();
    } else if (strcmp(command, "cycles") == 0) {
        *result = forced_cycles();
    } else {
        return false;
    }
    return true;
}

static void obey(const char *line)
{
    char command[32] = "", first[300] = "", second[300] = "";
    int result;
    sscanf(line, "%31s %299s %299s", command, first, second);
    if (number_of(command, first, second, &result)) {
        printf("%d\n", result);
    } else if (strcmp(command, "stop") == 0) {
        rt_agent_stop();
        puts("stopped");
    } else if (strcmp(command, "fork-start") == 0) {
        in_child(false, true); /* the child prints */
    } else if (strcmp(command, "_exit") == 0) {
        _exit(3);
    } else if (strcmp(command, "abort") == 0) {
        abort();
    } else {
        printf("what is %s\n", command);
    }
    fflush(stdout);
}

int main(void)
{
    char line[700];
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        obey(line);
    }
    return 0;
}
