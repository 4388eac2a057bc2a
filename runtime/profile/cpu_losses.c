/* cpu_losses.c - see cpu_losses.h. */
#include "runtime/profile/cpu_losses.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "runtime/profile/cpu_ring.h"

/* A timer is looked at by the kernel's tick, some 4 ms, and begins anywhere within its period: a few samples
 * more or less are chance. */
#define CHANCE_NS (5 * RT__CPU_PERIOD_NS)
#define NS_PER_MS 1000000u

bool rt__cpu_losses_matter(uint64_t cpu_ns, uint64_t sampled_ns)
{
    return cpu_ns > sampled_ns + CHANCE_NS && cpu_ns - sampled_ns > cpu_ns / 5;
}

static struct rt__cpu_loss *named(struct rt__cpu_losses *losses, const char thread[RT__OS_NAME_BYTES], bool had_timer)
{
    for (unsigned i = 0; i < losses->named_count; i++) {
        struct rt__cpu_loss *loss = &losses->named[i];
        if (loss->had_timer == had_timer && strncmp(loss->thread, thread, sizeof(loss->thread)) == 0) {
            return loss;
        }
    }
    if (losses->named_count == RT__CPU_LOSSES_NAMED) {
        return NULL;
    }
    struct rt__cpu_loss *loss = &losses->named[losses->named_count++];
    memcpy(loss->thread, thread, sizeof(loss->thread));
    loss->ns = 0;
    loss->had_timer = had_timer;
    return loss;
}

void rt__cpu_losses_thread(struct rt__cpu_losses *losses, const char thread[RT__OS_NAME_BYTES], uint64_t cpu_ns,
                           uint64_t sampled_ns, bool had_timer)
{
    losses->sampled_ns += sampled_ns;
    if (!rt__cpu_losses_matter(cpu_ns, sampled_ns)) {
        return;
    }
    struct rt__cpu_loss *loss = named(losses, thread, had_timer);
    if (loss) {
        loss->ns += cpu_ns - sampled_ns;
    } else {
        losses->others++;
        losses->others_ns += cpu_ns - sampled_ns;
    }
}

/* ---- the line --------------------------------------------------------------------------------- */

struct line {
    char *text;
    size_t len, size;
};

static __attribute__((format(printf, 2, 3))) void add_clause(struct line *line, const char *fmt, ...)
{
    char clause[128];
    size_t len = line->len;
    va_list args;
    va_start(args, fmt);
    vsnprintf(clause, sizeof(clause), fmt, args);
    va_end(args);
    int n = snprintf(line->text + len, line->size - len, "%s%s", len ? "; " : "", clause);
    if ((size_t)n >= line->size - len) {
        line->text[len] = '\0';
    } else {
        line->len += (size_t)n;
    }
}

/* A thread's name is any bytes; the comment is one line of text. */
static void add_thread(struct line *line, const struct rt__cpu_loss *loss)
{
    char name[RT__OS_NAME_BYTES + 1] = "";
    memcpy(name, loss->thread, sizeof(loss->thread));
    for (char *c = name; *c; c++) {
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~') {
            *c = '?';
        }
    }
    add_clause(line, "thread %s: %llu ms of CPU time not sampled (%s)", name,
               (unsigned long long)(loss->ns / NS_PER_MS),
               loss->had_timer ? "SIGPROF blocked, or the kernel was late" : "no timer");
}

void rt__cpu_losses_comment(const struct rt__cpu_losses *losses, uint64_t process_ns, char *out, size_t size)
{
    struct line line = {.text = out, .size = size};
    out[0] = '\0';
    if (losses->dropped) {
        add_clause(&line, "dropped %llu samples", (unsigned long long)losses->dropped);
    }
    for (unsigned i = 0; i < losses->named_count; i++) {
        add_thread(&line, &losses->named[i]);
    }
    if (losses->others) {
        add_clause(&line, "%u other threads: %llu ms", losses->others,
                   (unsigned long long)(losses->others_ns / NS_PER_MS));
    }
    uint64_t told_ns = losses->sampled_ns + losses->others_ns;
    for (unsigned i = 0; i < losses->named_count; i++) {
        told_ns += losses->named[i].ns;
    }
    if (rt__cpu_losses_matter(process_ns, told_ns)) {
        add_clause(&line, "%llu ms of CPU time not sampled (threads too short, or too many)",
                   (unsigned long long)((process_ns - told_ns) / NS_PER_MS));
    }
}
