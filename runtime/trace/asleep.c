/* asleep.c - threads that were blocked before recording began (see asleep.h).
 *
 * A thread notes what it blocks in before it does, but only while something is recorded. Of one that has waited since
 * before that nothing is known but what the kernel shows: that it sleeps, and in which system call. That is enough to
 * tell an idle thread from a busy one, where both have recorded nothing. Locks, conditions and semaphores are all one
 * call; most of what waits for seconds waits for a condition.
 */
#include "runtime/trace/asleep.h"

#include <stddef.h>
#include <sys/syscall.h>

static const struct {
    long call;
    enum rt__block reason;
} reasons[] = {
    {SYS_futex, RT__BLOCK_COND},          {SYS_clock_nanosleep, RT__BLOCK_SLEEP}, {SYS_nanosleep, RT__BLOCK_SLEEP},
    {SYS_epoll_pwait, RT__BLOCK_NETWORK}, {SYS_ppoll, RT__BLOCK_NETWORK},         {SYS_pselect6, RT__BLOCK_NETWORK},
    {SYS_accept4, RT__BLOCK_NETWORK},     {SYS_recvfrom, RT__BLOCK_NETWORK},      {SYS_recvmsg, RT__BLOCK_NETWORK},
    {SYS_fsync, RT__BLOCK_FILE},          {SYS_fdatasync, RT__BLOCK_FILE},
#ifdef SYS_poll /* of the older architectures */
    {SYS_epoll_wait, RT__BLOCK_NETWORK},  {SYS_poll, RT__BLOCK_NETWORK},          {SYS_select, RT__BLOCK_NETWORK},
    {SYS_accept, RT__BLOCK_NETWORK},
#endif
};

bool rt__asleep(const struct rt__os_task *task, enum rt__block *reason)
{
    if (task->state != 'S' && task->state != 'D') {
        return false;
    }
    *reason = RT__BLOCK_IDLE;
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
        if (reasons[i].call == task->call) {
            *reason = reasons[i].reason;
        }
    }
    return true;
}
