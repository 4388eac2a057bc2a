/* progress.c - see progress.h. */
#include "bench/load/progress.h"

#include "bench/load/clock.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#define WIDTH 40
#define PAUSE_NS (100 * NS_PER_MS)

static bool shown;

void progress_show(const char *what, uint64_t done, uint64_t all)
{
    static const char full[] = "########################################";
    static uint64_t last_ns;
    uint64_t now_ns = clock_ns();
    int width = all == 0 ? 0 : (int)(done * WIDTH / all);

    if (now_ns - last_ns < PAUSE_NS || !isatty(STDERR_FILENO))
        return;
    last_ns = now_ns;
    shown = true;
    fprintf(stderr, "\r%s [%-*.*s] %" PRIu64 " of %" PRIu64 " ", what, WIDTH, width, full, done, all);
    fflush(stderr);
}

void progress_hide(void)
{
    if (shown)
        fputs("\r\033[K", stderr);
    shown = false;
}
