/* terminal.h - a terminal taken for a view of a full page, and given back as it was, whatever ends the program. */
#ifndef COPS_TERMINAL_H
#define COPS_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

/* False when standard input or output is no terminal; then nothing was done. */
bool cops_terminal_open(void);
/* At the latest at exit; does nothing when it was not opened. */
void cops_terminal_close(void);

void cops_terminal_size(int *columns, int *rows);

enum cops_event { COPS_TIME, COPS_KEY, COPS_RESIZED, COPS_GONE };
/* Waits for one of them for at most that long; *key is what was typed. */
enum cops_event cops_terminal_wait(uint64_t ns, char *key);

#endif
