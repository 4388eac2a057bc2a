/* duration.h - durations as Go reads and prints them. Pure. */
#ifndef COPS_DURATION_H
#define COPS_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#define COPS_DURATION_TEXT 40

/* "1.5s", "2m30s", "200ms", and as gops has it a bare number of seconds. Nothing below zero, and nothing beyond
 * some 292 years. */
bool cops_duration_parse(const char *text, uint64_t *ns);

/* As Go prints a time.Duration: 0s, 1.5µs, 2.325873ms, 1m30s, 2h0m0.5s. Returns buf. */
const char *cops_duration_text(char buf[COPS_DURATION_TEXT], uint64_t ns);

/* As ps prints a process's age: [[DD-]hh:]mm:ss. Returns buf. */
const char *cops_elapsed_text(char buf[COPS_DURATION_TEXT], uint64_t seconds);

#endif
