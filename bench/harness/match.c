/* match.c - which benchmarks -bench means, as Go's testing package splits it: into alternatives at each `|` and levels
 * at each `/` that stand outside of brackets.
 *
 * The expressions themselves are POSIX extended ones: libc has no others. What RE2 has beyond them is refused, because
 * regcomp would take \d for the letter d and run the wrong benchmarks in silence.
 */
#include "bench/harness/match.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEVELS_MAX 16

struct alternative {
    size_t levels;
    regex_t all[LEVELS_MAX];
    struct alternative *next;
};

struct rt__bench_pattern {
    struct alternative *first;
};

/* Whether extended regular expressions, or glibc's additions to them, know this escape. */
static bool is_known_escape(char c)
{
    return !isalnum((unsigned char)c) || strchr("wWsSbB", c);
}

static bool is_within_posix(const char *text, char *error, size_t error_size)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\\' && c[1]) {
            c++;
            if (!is_known_escape(*c)) {
                snprintf(error, error_size, "\\%c is not known to POSIX extended regular expressions", *c);
                return false;
            }
        } else if (*c == '(' && c[1] == '?') {
            snprintf(error, error_size, "(? is not known to POSIX extended regular expressions");
            return false;
        }
    }
    return true;
}

static bool add_level(struct alternative *to, const char *from, size_t length, char *error, size_t error_size)
{
    char clean[RT__BENCH_NAME_MAX];
    char *text = strndup(from, length);
    if (!text || to->levels == LEVELS_MAX) {
        snprintf(error, error_size, "more than %d levels", LEVELS_MAX);
        free(text);
        return false;
    }
    rt__bench_name_clean(clean, sizeof(clean), text);
    free(text);
    if (!is_within_posix(clean, error, error_size)) {
        return false;
    }
    int wrong = regcomp(&to->all[to->levels], clean, REG_EXTENDED | REG_NOSUB);
    if (wrong) {
        regerror(wrong, &to->all[to->levels], error, error_size);
        return false;
    }
    to->levels++;
    return true;
}

/* The next / or | of the text that ends an expression, or its end. */
static const char *expression_end(const char *text)
{
    int square = 0, round = 0;
    const char *c = text;
    for (; *c; c++) {
        if (*c == '[') {
            square++;
        } else if (*c == ']') {
            square -= square > 0; /* one that closes nothing stands for itself */
        } else if (*c == '(' && square == 0) {
            round++;
        } else if (*c == ')' && square == 0) {
            round--;
        } else if (*c == '\\' && c[1]) {
            c++;
        } else if ((*c == '/' || *c == '|') && square == 0 && round == 0) {
            break;
        }
    }
    return c;
}

struct rt__bench_pattern *rt__bench_pattern_new(const char *text, char *error, size_t error_size)
{
    struct rt__bench_pattern *pattern = calloc(1, sizeof(*pattern));
    struct alternative **last = &pattern->first;
    *last = calloc(1, sizeof(**last));
    for (const char *from = text;; from++) {
        const char *end = expression_end(from);
        if (!add_level(*last, from, (size_t)(end - from), error, error_size)) {
            rt__bench_pattern_free(pattern);
            return NULL;
        }
        if (*end == '\0') {
            return pattern;
        }
        if (*end == '|') {
            last = &(*last)->next;
            *last = calloc(1, sizeof(**last));
        }
        from = end;
    }
}

void rt__bench_pattern_free(struct rt__bench_pattern *pattern)
{
    if (!pattern) {
        return;
    }
    for (struct alternative *one = pattern->first, *next; one; one = next) {
        next = one->next;
        for (size_t i = 0; i < one->levels; i++) {
            regfree(&one->all[i]);
        }
        free(one);
    }
    free(pattern);
}

static enum rt__bench_match match_one(const struct alternative *one, const char *name)
{
    char element[RT__BENCH_NAME_MAX];
    size_t level = 0;
    for (const char *from = name; level < one->levels; from++) {
        size_t length = strcspn(from, "/");
        snprintf(element, sizeof(element), "%.*s", (int)length, from);
        if (regexec(&one->all[level], element, 0, NULL, 0) != 0) {
            return RT__BENCH_NO;
        }
        level++;
        from += length;
        if (*from == '\0') {
            return level < one->levels ? RT__BENCH_PARTLY : RT__BENCH_YES;
        }
    }
    return RT__BENCH_YES;
}

/* The first alternative that the name does not contradict decides, as in Go. */
enum rt__bench_match rt__bench_pattern_match(const struct rt__bench_pattern *pattern, const char *name)
{
    for (const struct alternative *one = pattern->first; one; one = one->next) {
        enum rt__bench_match match = match_one(one, name);
        if (match != RT__BENCH_NO) {
            return match;
        }
    }
    return RT__BENCH_NO;
}
