/* crash.c - a booking without a room, which dies of it: something for tracebacks and debuggers to look at. */
#include <cruntime.h>
#include <stdio.h>
#include <unistd.h>

struct room {
    const char *name;
    int seats;
};

struct booking {
    const struct room *room;
    int people;
};

/* noinline: so that each stands in the traceback by itself. */
__attribute__((noinline)) static int free_seats(const struct booking *b)
{
    return b->room->seats - b->people;
}

__attribute__((noinline)) static int report(const struct booking bookings[], int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++)
        sum += free_seats(&bookings[i]);
    return sum;
}

static void *sleeper(void *unused)
{
    for (;;)
        pause();
    return unused;
}

int main(void)
{
    static const struct room green = {"Green", 4};
    const struct booking bookings[] = {{&green, 3}, {NULL, 2}};
    pthread_t other;
    if (rt_thread_start(&other, NULL, "sleeper", sleeper, NULL) != 0)
        return 1;
    printf("%d seats\n", report(bookings, 2));
    return 0;
}
