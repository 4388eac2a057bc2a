/* terminal.c - see terminal.h.
 *
 * The view stands on the terminal's second page, without a cursor, and keys come at once and are not shown. All that is
 * undone at the end, in each way there is: at exit, before a signal that ends or stops the program does so (write and
 * tcsetattr may be called in a handler), and taken up again after a stop. Of SIGKILL nobody hears.
 */
#include "runtime/agent/cops/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static const char enter_page[] = "\033[?1049h\033[?25l\033[2J";
static const char leave_page[] = "\033[?25h\033[?1049l";

static struct termios before;
static volatile sig_atomic_t is_open, was_resized;

/* Signals that end a program unless told otherwise, and may find a terminal taken. */
static const int deadly[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS,
                             SIGFPE, SIGILL,  SIGSYS, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU};

static void write_all(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDOUT_FILENO, text, len);
        if (n < 0 && errno != EINTR)
            return;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
}

static void take(void)
{
    struct termios raw = before;
    /* Ctrl-C and Ctrl-Z stay signals. */
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    is_open = 1;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    write_all(enter_page, sizeof enter_page - 1);
}

static void give_back(void)
{
    if (!is_open)
        return;
    is_open = 0;
    write_all(leave_page, sizeof leave_page - 1);
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void set_handler(int sig, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    /* No handler within another: each leaves the terminal in one of two states. */
    sigfillset(&action.sa_mask);
    sigaction(sig, &action, NULL);
}

static void let_through(int sig)
{
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, sig);
    set_handler(sig, SIG_DFL);
    raise(sig);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
}

static void on_deadly(int sig)
{
    give_back();
    let_through(sig);
}

static void on_stop(int sig)
{
    int error = errno;
    give_back();
    let_through(sig);
    /* Here again after SIGCONT. */
    set_handler(sig, on_stop);
    take();
    was_resized = 1;
    errno = error;
}

static void on_resize(int sig)
{
    (void)sig;
    was_resized = 1;
}

bool cops_terminal_open(void)
{
    sigset_t resize;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0)
        return false;
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++)
        set_handler(deadly[i], on_deadly);
    set_handler(SIGTSTP, on_stop);
    set_handler(SIGWINCH, on_resize);
    /* Comes in while we wait, and at no other time: none is missed between a look and a wait. */
    sigemptyset(&resize);
    sigaddset(&resize, SIGWINCH);
    sigprocmask(SIG_BLOCK, &resize, NULL);
    atexit(cops_terminal_close);
    take();
    return true;
}

void cops_terminal_close(void)
{
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old);
    give_back();
    sigprocmask(SIG_SETMASK, &old, NULL);
}

void cops_terminal_size(int *columns, int *rows)
{
    struct winsize size;
    *columns = 80;
    *rows = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        *columns = size.ws_col;
        *rows = size.ws_row;
    }
}

enum cops_event cops_terminal_wait(uint64_t ns, char *key)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    struct timespec time = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    sigset_t mask;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    sigdelset(&mask, SIGWINCH);
    int n = was_resized ? -1 : ppoll(&input, 1, &time, &mask);
    if (was_resized) {
        was_resized = 0;
        return COPS_RESIZED;
    }
    if (n <= 0)
        return COPS_TIME;
    return read(STDIN_FILENO, key, 1) == 1 ? COPS_KEY : COPS_GONE;
}
