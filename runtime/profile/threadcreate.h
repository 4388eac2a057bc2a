/* threadcreate.h - where threads are made, and how they start; for interpose.c. */
#ifndef RT_PROFILE_THREADCREATE_H
#define RT_PROFILE_THREADCREATE_H

#include <pthread.h>
#include <stdbool.h>
#include "runtime/profile/buckets.h"
#include "runtime/trace/record.h"

/* values[0]: threads */
extern struct rt__buckets rt__threadcreate_buckets;

/* Counts a thread that was made by the call that returns to caller (caller.h). */
void rt__threadcreate_record(const void *caller);

/* What a new thread is to do, until it does it. */
struct rt__launch;
struct rt__launch *rt__launch_new(void *(*fn)(void *arg), void *arg);
/* What the trace is told in the new thread; to be filled in by its maker. */
struct rt__trace_birth *rt__launch_birth(struct rt__launch *launch);
/* For pthread_create: takes the launch back, then is fn(arg). */
void *rt__launch_run(void *launch);
/* Of a thread that could not be made. */
void rt__launch_drop(struct rt__launch *launch);
/* Launches that nobody has taken back (tests). */
unsigned rt__launches_pending(void);

/* pthread_create, for a thread whose fn only leads to the program's function: traces name the thread by that one. In
 * interpose_threads.c. */
int rt__thread_make(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *arg), void *arg,
                    void *(*of_program)(void *arg));

/* Around fork. */
void rt__threadcreate_before_fork(void);
void rt__threadcreate_after_fork(void);

#endif
