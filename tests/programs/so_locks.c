/* so_locks.c - the shared library takes the locks of the process, too. Prints the mutex and block profiles. */
#include "check.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool wanting;

static NOINLINE void let_go(void)
{
    pthread_mutex_unlock(&mutex);
    __asm__ volatile(""); /* or the call becomes a jump, and the function is not on the stack */
}

static NOINLINE void want(void)
{
    pthread_mutex_lock(&mutex);
    __asm__ volatile("");
}

static void *want_it(void *unused)
{
    __atomic_store_n(&wanting, true, __ATOMIC_RELEASE);
    want();
    pthread_mutex_unlock(&mutex);
    return unused;
}

int main(void)
{
    pthread_t other;
    rt_set_mutex_profile_fraction(1);
    rt_set_block_profile_rate(1);
    pthread_mutex_lock(&mutex);
    CHECK_EQUAL(pthread_create(&other, NULL, want_it, NULL), 0, "making a thread");
    while (!__atomic_load_n(&wanting, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
    check_sleep_ms(200); /* one step is left to it before it waits */
    let_go();
    pthread_join(other, NULL);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "mutex" : "block";
        printf("== %s\n", name);
        fflush(stdout);
        CHECK_EQUAL(rt_profile_write(name, 1, STDOUT_FILENO), 0, name);
    }
    puts("==");
    return check_done();
}
