/* note.h - the ELF note by which a program is known to use the runtime: what is called what in it. */
#ifndef RT_NOTE_H
#define RT_NOTE_H

#define RT__NOTE_NAME "cruntime"
#define RT__NOTE_VERSION 1 /* type: the description is RT_VERSION with its NUL */

#endif
