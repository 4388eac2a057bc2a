/* block.c - does a cycle do without a thread that is inside rt_thread_block, and look at its stack?
 *
 * The thread blocks all signals inside, so a collector that wanted to stop it would wait until the
 * thread is let go: which happens only after the cycles. An object known to its stack alone must
 * outlive them; without that the test would also pass where a blocked thread is forgotten. With the
 * argument "unblocked" the same is done without rt_thread_block, to show that the cycle then waits.
 */
#include <signal.h>
#include "check.h"

#define OBJECTS 64
#define UNBLOCKED_WAIT_MS 300

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool inside, let_go;
static volatile bool cycles_done;

static void *wait_inside(void *arg)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pthread_mutex_lock(&lock);
    inside = true;
    pthread_cond_broadcast(&changed);
    while (!let_go) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
    free(malloc(100));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return arg;
}

static NOINLINE void fill(uint64_t *objects[OBJECTS])
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i] = rt_alloc_atomic(256);
        for (unsigned word = 0; word < 32; word++) {
            objects[i][word] = i * 1000u + word;
        }
    }
}

static void *thread_main(void *arg)
{
    uint64_t *objects[OBJECTS];
    bool block = arg != NULL;

    fill(objects);
    void *back = block ? rt_thread_block(wait_inside, &lock) : wait_inside(&lock);
    CHECK(back == &lock, "rt_thread_block returned %p, its function %p", back, (void *)&lock);
    CHECK(!block || cycles_done, "the thread came back before the cycles were over");
    for (unsigned i = 0; i < OBJECTS; i++) {
        for (unsigned word = 0; word < 32; word++) {
            CHECK(objects[i][word] == i * 1000u + word, "object %u was lost", i);
        }
    }
    return NULL;
}

/* Cycles, and garbage of the same size that would take the place of an object given up. */
static void run_cycles(void)
{
    for (unsigned round = 0; round < 3; round++) {
        rt_gc();
        for (unsigned i = 0; i < 20000; i++) {
            memset(rt_alloc_atomic(256), 0xA5, 256);
        }
    }
    cycles_done = true;
}

static void release(void)
{
    pthread_mutex_lock(&lock);
    let_go = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void *release_later(void *unused)
{
    usleep(UNBLOCKED_WAIT_MS * 1000);
    CHECK(!cycles_done, "a cycle did not wait for a thread that it cannot stop");
    release();
    return unused;
}

int main(int argc, char *argv[])
{
    bool block = argc < 2 || strcmp(argv[1], "unblocked") != 0;
    pthread_t thread, releaser;

    CHECK_EQUAL(rt_thread_start(&thread, NULL, "blocked", thread_main, block ? &lock : NULL), 0, "rt_thread_start");
    pthread_mutex_lock(&lock);
    while (!inside) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
    if (!block) {
        pthread_create(&releaser, NULL, release_later, NULL);
    }
    run_cycles();
    if (block) {
        release();
    } else {
        pthread_join(releaser, NULL);
    }
    pthread_join(thread, NULL);
    return check_done();
}
