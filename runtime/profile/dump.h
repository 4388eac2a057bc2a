/* dump.h - one heap profile in a file when CMEMLIMIT is passed (CDEBUG=heapdumpdir). */
#ifndef RT_PROFILE_DUMP_H
#define RT_PROFILE_DUMP_H

/* "" for none. Ends the program with status 2 and one line when the folder cannot take a file. */
void rt__heap_dump_start(const char *folder);

#endif
