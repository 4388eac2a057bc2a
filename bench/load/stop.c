/* stop.c - see stop.h. The handler only stores a time: all else is done by those who ask for it. */
#include "bench/load/stop.h"

#include "bench/load/clock.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

/* How long a request in flight may still take. Shorter would give up answers that a busy server is
 * about to send, and a booking that was made would not be in the report; longer is felt as a hang. */
#define GRACE_NS (3 * NS_PER_S)

static _Atomic uint64_t asked_at_ns; /* 0: not yet */

bool stop_ask(void)
{
    uint64_t none = 0;

    return atomic_compare_exchange_strong(&asked_at_ns, &none, clock_ns());
}

static void on_signal(int number)
{
    (void)number;
    stop_ask();
}

void stop_install(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool stop_asked(void)
{
    return atomic_load_explicit(&asked_at_ns, memory_order_relaxed) != 0;
}

bool stop_overdue(void)
{
    uint64_t asked_ns = atomic_load_explicit(&asked_at_ns, memory_order_relaxed);

    return asked_ns != 0 && clock_ns() - asked_ns > GRACE_NS;
}
