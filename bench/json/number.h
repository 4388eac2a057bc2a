/* number.h - JSON's numbers, as text, into C's. */
#ifndef BENCH_JSON_NUMBER_H
#define BENCH_JSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* number_to_real - the double nearest to a number of JSON's grammar. False when it is too large for one; too small is
 * 0. */
bool number_to_real(const char *text, size_t length, double *out);
/* number_to_integer - false when it has a fraction or an exponent, or does not fit. */
bool number_to_integer(const char *text, size_t length, int64_t *out);

#endif
