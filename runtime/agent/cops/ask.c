/* ask.c - stack, gc, setgc, memstats, version, stats: one byte to the agent, and its text as it comes. */
#include "runtime/agent/cops/gops.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "runtime/agent/cops/facts.h"
#include "runtime/agent/cops/net.h"
#include "runtime/agent/cops/options.h"
#include "runtime/stats/json_text.h"

void cops_varint(unsigned char buf[COPS_VARINT_MAX], int64_t value)
{
    uint64_t zigzag = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
    size_t n = 0;
    memset(buf, 0, COPS_VARINT_MAX);
    for (; zigzag >= 0x80; zigzag >>= 7)
        buf[n++] = (unsigned char)(zigzag | 0x80);
    buf[n] = (unsigned char)zigzag;
}

/* The answer, which is never empty. */
static bool ask(const char *whom, const void *question, size_t len, struct cops_text *answer, struct cops_error *error)
{
    struct cops_target target;
    if (!cops_target_find(whom, &target, error) ||
        !cops_net_ask(&target, question, len, COPS_PATIENCE_S, answer, error))
        return false;
    return answer->len > 0 || cops_error(error, "%s: closed without an answer", target.name);
}

/* How an answer is shown with --json. */
typedef bool show_json(const struct cops_text *answer, struct cops_error *error);

static int ask_and_show(const struct cops_options *options, enum cops_request request, show_json *show)
{
    struct cops_error error;
    struct cops_text answer = {0};
    unsigned char byte = (unsigned char)request;
    bool ok = ask(options->args[0], &byte, 1, &answer, &error);
    if (ok && (options->given & COPS_OPT_JSON))
        ok = show(&answer, &error);
    else if (ok)
        fwrite(answer.bytes, 1, answer.len, stdout);
    cops_text_free(&answer);
    return ok ? COPS_OK : cops_fail(&error);
}

static void show_member(const char *name, const struct cops_text *answer)
{
    printf("{\"%s\":", name);
    rt__json_string(stdout, answer->bytes, answer->len);
    puts("}");
}

static bool show_stack(const struct cops_text *answer, struct cops_error *error)
{
    (void)error;
    show_member("stack", answer);
    return true;
}

static bool show_version(const struct cops_text *answer, struct cops_error *error)
{
    struct cops_text line = *answer;
    (void)error;
    while (line.len > 0 && line.bytes[line.len - 1] == '\n')
        line.len--;
    show_member("version", &line);
    return true;
}

static bool show_facts(const struct cops_text *answer, struct cops_error *error)
{
    return cops_facts_write_json(stdout, answer->bytes, answer->len) ||
           cops_error(error, "the answer is not lines of \"name: value\"");
}

int cops_stack(const struct cops_options *options)
{
    return ask_and_show(options, COPS_ASK_STACK, show_stack);
}

int cops_memstats(const struct cops_options *options)
{
    return ask_and_show(options, COPS_ASK_MEMSTATS, show_facts);
}

int cops_version(const struct cops_options *options)
{
    return ask_and_show(options, COPS_ASK_VERSION, show_version);
}

int cops_stats(const struct cops_options *options)
{
    return ask_and_show(options, COPS_ASK_STATS, show_facts);
}

int cops_gc(const struct cops_options *options)
{
    struct cops_error error;
    struct cops_text answer = {0};
    unsigned char byte = COPS_ASK_GC;
    bool ok = ask(options->args[0], &byte, 1, &answer, &error);
    if (ok && strcmp(answer.bytes, "ok") != 0)
        ok = cops_error(&error, "gc: %.*s", (int)strcspn(answer.bytes, "\n"), answer.bytes);
    if (ok && (options->given & COPS_OPT_JSON))
        puts("{\"gc\":\"ok\"}");
    cops_text_free(&answer);
    return ok ? COPS_OK : cops_fail(&error);
}

/* off, or an integer that the agent's int32 holds. */
static bool read_percent(const char *text, int64_t *percent)
{
    uint64_t n;
    if (strcasecmp(text, "off") == 0) {
        *percent = -1;
        return true;
    }
    if (!cops_parse_number(text + (text[0] == '-'), INT32_MAX, &n))
        return false;
    *percent = text[0] == '-' ? -(int64_t)n : (int64_t)n;
    return true;
}

static bool show_setgc(const struct cops_text *answer, struct cops_error *error)
{
    int64_t now, before;
    if (sscanf(answer->bytes, "New GC percent set to %" SCNd64 ". Previous value was %" SCNd64 ".", &now, &before) != 2)
        return cops_error(error, "setgc: %.*s", (int)strcspn(answer->bytes, "\n"), answer->bytes);
    printf("{\"gc_percent\":%" PRId64 ",\"previous\":%" PRId64 "}\n", now, before);
    return true;
}

int cops_setgc(const struct cops_options *options)
{
    struct cops_error error;
    struct cops_text answer = {0};
    unsigned char question[1 + COPS_VARINT_MAX] = {COPS_ASK_SETGC};
    int64_t percent;
    if (!read_percent(options->args[1], &percent)) {
        cops_error(&error, "setgc: %.100s: want an integer percentage or off", options->args[1]);
        cops_fail(&error);
        return COPS_USAGE;
    }
    cops_varint(question + 1, percent);
    bool ok = ask(options->args[0], question, sizeof question, &answer, &error);
    if (ok && (options->given & COPS_OPT_JSON))
        ok = show_setgc(&answer, &error);
    else if (ok)
        fwrite(answer.bytes, 1, answer.len, stdout);
    cops_text_free(&answer);
    return ok ? COPS_OK : cops_fail(&error);
}
