/* so_idle.c - idle.c with the runtime as a shared library. */
#include "idle.c"
