/* number.c - JSON's numbers, as text, into C's.
 *
 * Nearly every number in a file is short: its digits fit a double exactly, and so does the power of ten that it
 * is to be divided by, and then one division, which IEEE 754 rounds correctly, gives what strtod would give. All else
 * goes to strtod, in the C locale, whatever the program's is: a comma must not become the decimal point. Must never
 * read behind the text's length.
 */
#include "bench/json/number.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cruntime.h"

/* 10^15 < 2^53: any whole number of 15 digits is a double. */
#define EXACT_DIGITS 15
/* Longer ones are rare enough to be allocated. */
#define SHORT_MOST 128

static const double powers_of_ten[EXACT_DIGITS + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                       1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* -12.5 is digits 125 and one place. */
static bool short_real(const char *text, size_t length, double *out)
{
    bool negative = length > 0 && text[0] == '-', point = false;
    size_t digits = 0, places = 0;
    int64_t whole = 0;
    for (size_t i = negative; i < length; i++) {
        if (text[i] == '.' && !point) {
            point = true;
        } else if (is_digit(text[i]) && digits < EXACT_DIGITS) {
            whole = whole * 10 + (text[i] - '0');
            digits++;
            places += point;
        } else {
            return false;
        }
    }
    double value = (double)whole / powers_of_ten[places];
    *out = negative ? -value : value;
    return digits > 0;
}

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* compiled in: cannot fail for want of a file */
}

bool number_to_real(const char *text, size_t length, double *out)
{
    char small[SHORT_MOST], *copy = small;
    if (short_real(text, length, out)) {
        return true;
    }
    /* strtod wants an end, and what follows a number in the buffer is not ours to count on. */
    if (length < sizeof(small)) {
        memcpy(small, text, length);
        small[length] = '\0';
    } else {
        copy = rt_strndup(text, length);
    }
    pthread_once(&c_locale_once, make_c_locale);
    *out = strtod_l(copy, NULL, c_locale);
    if (copy != small) {
        rt_free(copy);
    }
    return isfinite(*out);
}

bool number_to_integer(const char *text, size_t length, int64_t *out)
{
    bool negative = length > 0 && text[0] == '-';
    int64_t value = 0;
    for (size_t i = negative; i < length; i++) {
        /* Counted down, since the least number has no positive of its own. */
        if (!is_digit(text[i]) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, text[i] - '0', &value)) {
            return false;
        }
    }
    if (length == (size_t)negative || (!negative && value == INT64_MIN)) {
        return false;
    }
    *out = negative ? value : -value;
    return true;
}
