/* goroutine.c - the profile of all threads, now: what each of them does, and its stack.
 *
 * Called as Go calls it, so that the same tools find it. A thread's stack can only be taken by the thread itself:
 * all are sent a signal first, then all answers are waited for together, for a fifth of a second at most. What a
 * thread was doing is read before that, as the signal changes it. A thread that does not answer - it blocks
 * the signal, waits for a disk, or is stopped - is listed without a stack.
 *
 * An answer may come when nobody waits any more. So requests are never unmapped, and a request is
 * answered only while it holds the very word that the signal carries.
 */
#include <pthread.h>
#include <string.h>
#include <time.h>
#include "runtime/os/os.h"
#include "runtime/profile/labels.h"
#include "runtime/profile/profile.h"
#include "runtime/profile/signal.h"
#include "runtime/os/thread_note.h"
#include "runtime/unwind/unwind.h"

#define REQUESTS 1024u /* threads beyond are listed without a stack */
#define BLOCK 32u      /* requests mapped at a time: five pages */
#define ANSWERS_NS 200000000u
/* The kernel drops a signal when the same number is pending already, a timer's for one: ask again. */
#define AGAIN_NS 20000000u
#define FIRST_PAUSE_NS 50000u
#define LONGEST_PAUSE_NS 2000000u

static const struct rt__profile_kind kind = {
    .name = "goroutine",
    .types_count = 1,
    .types = {{"goroutine", "count"}},
    .period_type = {"goroutine", "count"},
    .text = RT__TEXT_COUNT,
    .text_title = "goroutine",
};

/* What `asked` holds beside a word, which is larger. */
enum { NOTHING, ANSWERING, ANSWERED };

struct request {
    uint64_t asked; /* the word; then the handler's ANSWERING, ANSWERED */
    uint64_t word;
    struct rt__os_task task;
    const struct rt_labels *labels;
    uint32_t depth;
    uintptr_t pcs[RT__STACK_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* one round at a time */
static struct request *blocks[REQUESTS / BLOCK];
static uint32_t rounds;

/* ---- in the handler --------------------------------------------------------------------------- */

static struct request *request_at(unsigned i)
{
    struct request *block = i < REQUESTS ? __atomic_load_n(&blocks[i / BLOCK], __ATOMIC_ACQUIRE) : NULL;
    return block ? &block[i % BLOCK] : NULL;
}

static void on_signal(uint64_t word, uint32_t weight, const void *context)
{
    struct request *r = request_at(rt__signal_slot(word));
    (void)weight;
    if (r && __atomic_compare_exchange_n(&r->asked, &word, ANSWERING, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        r->labels = rt__labels_now;
        r->depth = (uint32_t)rt__unwind_context(context, r->pcs, RT__STACK_MAX);
        __atomic_store_n(&r->asked, ANSWERED, __ATOMIC_RELEASE);
    }
}

/* ---- asking ----------------------------------------------------------------------------------- */

struct round {
    struct rt__profile *p;
    pid_t self;
    unsigned used; /* requests, and those passed over */
    unsigned taken[REQUESTS], taken_count;
};

/* A request that is being answered since an earlier round, by a thread that was stopped amidst, stays its own. */
static struct request *next_request(struct round *round)
{
    while (round->used < REQUESTS) {
        unsigned i = round->used++;
        if (!request_at(i)) {
            __atomic_store_n(&blocks[i / BLOCK], rt__os_map_if_any(BLOCK * sizeof(struct request), RT__OS_BUCKETS),
                             __ATOMIC_RELEASE);
        }
        struct request *r = request_at(i);
        if (!r) {
            return NULL;
        }
        if (__atomic_load_n(&r->asked, __ATOMIC_ACQUIRE) != ANSWERING) {
            round->taken[round->taken_count++] = i;
            return r;
        }
    }
    return NULL;
}

/* A thread that has ended meanwhile is not in the profile. */
static void send(struct request *r)
{
    if (rt__signal_now(r->task.tid, r->word) != 0) {
        __atomic_store_n(&r->asked, NOTHING, __ATOMIC_RELAXED);
        r->task.tid = 0;
    }
}

static void ask(const struct round *round)
{
    rt__signal_hear(RT__SIGNAL_STACK, on_signal);
    rounds++;
    for (unsigned i = 0; i < round->taken_count; i++) {
        struct request *r = request_at(round->taken[i]);
        r->word = rt__signal_word(RT__SIGNAL_STACK, rounds, round->taken[i]);
        if (rt__thread_can_be_asked(&r->task)) {
            __atomic_store_n(&r->asked, r->word, __ATOMIC_RELEASE);
            send(r);
        }
    }
}

/* How many have not answered yet; each is sent another signal when again. */
static unsigned count_silent(const struct round *round, bool again)
{
    unsigned silent = 0;
    for (unsigned i = 0; i < round->taken_count; i++) {
        struct request *r = request_at(round->taken[i]);
        uint64_t asked = __atomic_load_n(&r->asked, __ATOMIC_ACQUIRE);
        silent += asked == r->word || asked == ANSWERING;
        if (again && asked == r->word) {
            send(r);
        }
    }
    return silent;
}

static void wait_for_answers(const struct round *round)
{
    uint64_t began_ns = rt__os_now_ns(), asked_ns = began_ns, now_ns = began_ns;
    long pause_ns = FIRST_PAUSE_NS;
    while (now_ns - began_ns < ANSWERS_NS) {
        bool again = now_ns - asked_ns >= AGAIN_NS;
        if (count_silent(round, again) == 0) {
            return;
        }
        clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = pause_ns}, NULL);
        pause_ns = pause_ns * 2 < (long)LONGEST_PAUSE_NS ? pause_ns * 2 : (long)LONGEST_PAUSE_NS;
        asked_ns = again ? now_ns : asked_ns;
        now_ns = rt__os_now_ns();
    }
}

/* ---- writing ---------------------------------------------------------------------------------- */

static void add_sample(struct rt__profile *p, const struct rt__os_task *task, const char *note,
                       const struct rt_labels *labels, const uintptr_t *pcs, size_t depth)
{
    const char *name = rt__profile_keep(p, task->name, strlen(task->name) + 1);
    const char *kept_note = rt__profile_keep(p, note, strlen(note) + 1);
    const uintptr_t *kept_pcs = rt__profile_keep(p, pcs, depth * sizeof(*pcs));
    struct rt__sample *s = rt__profile_add(p);
    if (s) {
        s->pcs = kept_pcs;
        s->depth = (uint32_t)depth;
        s->labels = labels;
        s->thread = name;
        s->note = kept_note;
        s->tid = task->tid;
        s->values[0] = 1;
    }
}

static void add_without_stack(struct rt__profile *p, const struct rt__os_task *task)
{
    char note[RT__THREAD_NOTE_BYTES];
    rt__thread_note(task, false, note);
    add_sample(p, task, note, NULL, (uintptr_t[1]){0}, 0);
}

static void add_self(struct rt__profile *p, const struct rt__os_task *task)
{
    uintptr_t pcs[RT__STACK_MAX];
    size_t depth = rt__unwind_here(pcs, RT__STACK_MAX, 0);
    add_sample(p, task, "running", rt__labels_now, pcs, depth);
}

static void add_thread(pid_t tid, void *arg)
{
    struct round *round = arg;
    struct rt__os_task task;
    struct request *r;
    if (!rt__os_task_read(tid, &task)) {
        return;
    }
    if (tid == round->self) {
        add_self(round->p, &task);
    } else if ((r = next_request(round))) {
        r->task = task;
        __atomic_store_n(&r->asked, NOTHING, __ATOMIC_RELAXED);
    } else {
        add_without_stack(round->p, &task);
    }
}

static void add_answers(struct round *round)
{
    for (unsigned i = 0; i < round->taken_count; i++) {
        struct request *r = request_at(round->taken[i]);
        uint64_t asked = r->word;
        char note[RT__THREAD_NOTE_BYTES];
        __atomic_compare_exchange_n(&r->asked, &asked, NOTHING, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
        if (asked == ANSWERED) {
            rt__thread_note(&r->task, true, note);
            add_sample(round->p, &r->task, note, r->labels, r->pcs, r->depth);
        } else if (r->task.tid != 0) {
            add_without_stack(round->p, &r->task);
        }
    }
}

/* ---- the profile ------------------------------------------------------------------------------ */

/* Another thread of the parent's may have been in a round. */
static void after_fork_in_child(void)
{
    pthread_mutex_init(&lock, NULL);
}

static void mind_forks(void)
{
    pthread_atfork(NULL, NULL, after_fork_in_child);
}

static void collect(struct rt__profile *p)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct round round = {.p = p, .self = rt__os_tid()};
    pthread_once(&once, mind_forks);
    p->period = 1;
    p->time_ns = (int64_t)rt__os_unix_ns();
    pthread_mutex_lock(&lock);
    rt__os_tasks(add_thread, &round);
    ask(&round);
    wait_for_answers(&round);
    add_answers(&round);
    pthread_mutex_unlock(&lock);
}

static void count_one(pid_t tid, void *count)
{
    (void)tid;
    ++*(uint64_t *)count;
}

static uint64_t count_threads(void)
{
    uint64_t count = 0;
    rt__os_tasks(count_one, &count);
    return count;
}

const struct rt__profile_entry rt__profile_goroutine = {
    .kind = &kind,
    .collect = collect,
    .count = count_threads,
    .help = "Stacks of all threads of the process, and what each of them is doing now.",
};
