/* fail.h - the load client's one-line refusals. */
#ifndef BENCH_LOAD_FAIL_H
#define BENCH_LOAD_FAIL_H

/* fail - prints "booking: ..." as one line on stderr and returns -1. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
