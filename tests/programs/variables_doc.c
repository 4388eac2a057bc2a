/* variables_doc.c - prints docs/variables.md, made from the table of knobs, to stdout. `make docs`
 * saves it; a check compares it with the committed page. */
#include "env/settings.h"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    env_help_markdown(stdout);
    return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
}
