/* match.h - which benchmarks a pattern means, and what they are called: pure but for memory. */
#ifndef RT_BENCH_MATCH_H
#define RT_BENCH_MATCH_H

#include <stdbool.h>
#include <stddef.h>

#define RT__BENCH_NAME_MAX 512

/* -bench's value: for each alternative, one regular expression a level of the name. */
struct rt__bench_pattern;

/* NULL, and what is wrong in error, when the text is no pattern. */
struct rt__bench_pattern *rt__bench_pattern_new(const char *text, char *error, size_t error_size);
void rt__bench_pattern_free(struct rt__bench_pattern *pattern);

enum rt__bench_match {
    RT__BENCH_NO,
    RT__BENCH_PARTLY, /* as far as the name goes: what lies below it may be meant */
    RT__BENCH_YES
};
enum rt__bench_match rt__bench_pattern_match(const struct rt__bench_pattern *pattern, const char *name);

/* A name of a sub-benchmark as it is printed: no white space, nothing unprintable. Cut to fit. */
void rt__bench_name_clean(char *buf, size_t size, const char *name);

/* The names given so far. */
struct rt__bench_names;
struct rt__bench_names *rt__bench_names_new(void);
void rt__bench_names_free(struct rt__bench_names *names);
/* parent/name, with #01 and so on behind what was given already. */
void rt__bench_names_unique(struct rt__bench_names *names, char *buf, size_t size, const char *parent,
                            const char *name);

#endif
