/* proc.h - files of /proc/PID, read. A process that ended meanwhile, or is somebody else's, is one that cannot be read.
 */
#ifndef COPS_PROC_H
#define COPS_PROC_H

#include "runtime/agent/cops/proc_text.h"
#include "runtime/agent/cops/text.h"

/* /proc/PID/name; false with errno. */
bool cops_proc_read(int pid, const char *name, struct cops_text *text);
bool cops_proc_stat(int pid, struct cops_stat *stat);
/* Where its program's file is, " (deleted)" taken off. */
bool cops_proc_exe(int pid, char *buf, size_t size);

/* All PIDs, in order of size; *n of them, malloc'd. NULL with errno when there is no /proc. */
int *cops_proc_all(size_t *n);

#endif
