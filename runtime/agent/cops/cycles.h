/* cycles.h - answers of /debug/gctrace as cycles with their numbers, and which of them are new. Pure. */
#ifndef COPS_CYCLES_H
#define COPS_CYCLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cops_cycles {
    struct cops_cycle {
        uint64_t number;
        char *line; /* without its newline */
    } * all;
    size_t n;
};

/* Lines "gc NUMBER @...", or a JSON array of objects with a number. Lines of any other kind are passed over. False when
 * it is not JSON though it should be. */
bool cops_cycles_read(const char *body, size_t len, bool in_json, struct cops_cycles *out);
void cops_cycles_free(struct cops_cycles *cycles);

/* Index of the first cycle that is newer than last. When all are older by number, the program is another one: 0. */
size_t cops_cycles_first_new(const struct cops_cycles *cycles, uint64_t last);

#endif
