/* view.h - the figures of cops top as a page for a terminal, as a line, and as JSON. Pure. */
#ifndef COPS_VIEW_H
#define COPS_VIEW_H

#include <stdio.h>
#include "runtime/agent/cops/figures.h"

#define COPS_SIZE_TEXT 24
/* As the agent's memstats prints sizes: 4.38MB, by 1024; below 1 KB the bytes. Returns buf. */
const char *cops_size_text(char buf[COPS_SIZE_TEXT], double bytes);

/* Lines of at most columns, at most rows of them, for a terminal whose cursor may be anywhere. rates NULL: not known.
 */
void cops_view_draw(FILE *out, const char *whom, const struct cops_figures *f, const struct cops_rates *rates,
                    int columns, int rows);

void cops_view_header(FILE *out, const struct cops_figures *f);
void cops_view_line(FILE *out, const struct cops_figures *f, const struct cops_rates *rates);
void cops_view_json(FILE *out, const struct cops_figures *f, const struct cops_rates *rates);

#endif
