/* idle.c - does nothing until its input ends, for those that look at it from outside.
 *
 *     idle [PROGRAM ARGUMENT...]
 *
 * Prints `ready` first; with a PROGRAM starts that as its child before, and ends after it.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cruntime.h"

int main(int argc, char **argv)
{
    pid_t child = argc > 1 ? fork() : -1;
    if (child == 0) {
        execv(argv[1], argv + 1);
        _exit(127);
    }
    /* Whatever of the runtime is called makes this a user of it. */
    rt_gc();
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return child > 0 && waitpid(child, NULL, 0) != child;
}
