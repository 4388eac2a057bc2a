/* failure.h - why something could not be done, as the one line that the user will read.
 *
 * Functions that can fail for the user's reasons (a file, an address, a database) return -1 and
 * fill a struct failure; only main prints it, behind "app: ". Text from outside (file names,
 * other libraries' messages) may hold anything, so control characters are replaced here: what is
 * printed is always a single line.
 */
#ifndef APP_FAILURE_H
#define APP_FAILURE_H

struct failure {
    char text[512];
};

/* failure_set - formats the line; always returns -1, so that callers can return it. */
int failure_set(struct failure *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
