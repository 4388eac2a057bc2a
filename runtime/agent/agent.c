/* agent.c - the agent's life: whether there is one, where it listens, how it begins and ends.
 *
 * CAGENT and the program may both ask for it, and the variable has the last word. The state is one atomic word, so that
 * a forked child and the end of the process can look at it in whatever moment they come. Must never keep the program
 * from starting or ending: what fails is said in one line.
 */
#include "runtime/agent/agent.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <unistd.h>
#include "env/address.h"
#include "runtime/agent/address.h"
#include "runtime/agent/port_file.h"
#include "runtime/agent/serve.h"
#include "runtime/crash/crash.h"
#include "runtime/cruntime.h"
#include "runtime/os/os.h"

#define ANY_PORT "127.0.0.1:0"
/* Connections that the kernel takes while all threads are busy. */
#define BACKLOG 64

enum state { STOPPED, STARTING, RUNNING, STOPPING };

static enum state state;
static char variable[ENV_ADDRESS_MAX]; /* CAGENT's text; written before main */
static bool for_variable;              /* runs because of it, and the program has not asked yet */

static bool change_state(enum state from, enum state to)
{
    return __atomic_compare_exchange_n(&state, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* ---- the ends of it ----------------------------------------------------------------------------------- */

/* Answers under way are cut off with the process, as everything else is. */
static void at_exit(void)
{
    if (change_state(RUNNING, STOPPING)) {
        rt__port_file_remove();
        rt__serve_close();
    }
}

RT_API void rt_agent_stop(void)
{
    if (change_state(RUNNING, STOPPING)) {
        rt__port_file_remove();
        rt__serve_end();
        change_state(STOPPING, STOPPED);
    }
}

static void after_fork_in_child(void)
{
    __atomic_store_n(&state, STOPPED, __ATOMIC_RELEASE);
    __atomic_store_n(&for_variable, false, __ATOMIC_RELAXED);
    rt__serve_after_fork_in_child();
}

static void mind_the_ends(void)
{
    pthread_atfork(rt__serve_before_fork, rt__serve_after_fork, after_fork_in_child);
    atexit(at_exit);
    rt__crash_before_end(rt__port_file_remove);
}

/* ---- the beginning ------------------------------------------------------------------------------------ */

/* A listening socket, or a negative errno; *port is the one that it has. */
static int open_listener(const struct sockaddr_storage *address, socklen_t len, int *port)
{
    struct sockaddr_storage bound = {.ss_family = AF_UNSPEC};
    socklen_t bound_len = sizeof(bound);
    int one = 1;
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)); /* connections of an earlier agent may linger */
    if (bind(fd, (const struct sockaddr *)address, len) == 0 && listen(fd, BACKLOG) == 0 &&
        getsockname(fd, (struct sockaddr *)&bound, &bound_len) == 0) {
        *port = rt__address_port((const struct sockaddr *)&bound);
        return fd;
    }
    int error = -errno;
    close(fd);
    return error;
}

static const char *from_environment(const char *name, void *unused)
{
    (void)unused;
    return secure_getenv(name);
}

/* gops and cops take an address as well, so the agent is of use without its file. */
static void write_port_file(const char *config_dir, int port)
{
    char folder[RT__PORT_FILE_PATH];
    int error = rt__port_file_folder(config_dir, from_environment, NULL, folder, sizeof(folder));
    if (error == -ENOENT) {
        rt__os_print("%s: gops and cops find the agent by its port alone, %d: no HOME, XDG_CONFIG_HOME or "
                     "GOPS_CONFIG_DIR is set\n",
                     rt__os_program(), port);
        return;
    }
    error = error == 0 ? rt__port_file_write(folder, port) : error;
    if (error != 0) {
        rt__os_print("%s: gops and cops find the agent by its port alone, %d: no file in %.200s: %s\n",
                     rt__os_program(), port, folder, strerror(-error));
    }
}

static int start(const struct sockaddr_storage *address, socklen_t len, const char *config_dir)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int port = 0;
    pthread_once(&once, mind_the_ends);
    int listener = open_listener(address, len, &port);
    if (listener < 0) {
        return listener;
    }
    int error = rt__serve_begin(listener);
    if (error != 0) {
        close(listener);
        return error;
    }
    write_port_file(config_dir, port);
    return 0;
}

static int start_at(const char *text, bool may_be_remote, const char *config_dir)
{
    struct sockaddr_storage address;
    socklen_t len = env_parse_address(text, &address);
    if (len == 0) {
        return -EINVAL;
    }
    if (!may_be_remote && !env_address_is_loopback((const struct sockaddr *)&address)) {
        return -EPERM;
    }
    if (!change_state(STOPPED, STARTING)) {
        return -EALREADY;
    }
    int error = start(&address, len, config_dir);
    change_state(STARTING, error == 0 ? RUNNING : STOPPED);
    return error;
}

RT_API int rt_agent_start(const struct rt_agent_options *options)
{
    static const struct rt_agent_options none;
    const struct rt_agent_options *o = options ? options : &none;
    if (getauxval(AT_SECURE)) {
        return -EPERM;
    }
    if (strcmp(variable, "off") == 0 || __atomic_exchange_n(&for_variable, false, __ATOMIC_RELAXED)) {
        return 0;
    }
    if (variable[0]) {
        return start_at(variable, true, o->config_dir); /* what it may name was checked when it was read */
    }
    return start_at(o->address ? o->address : ANY_PORT, o->may_be_remote, o->config_dir);
}

void rt__agent_start(const struct env_settings *settings)
{
    if (getauxval(AT_SECURE)) {
        return;
    }
    strcpy(variable, settings->agent);
    if (!variable[0] || strcmp(variable, "off") == 0) {
        return;
    }
    int error = start_at(variable, true, NULL);
    if (error == 0) {
        __atomic_store_n(&for_variable, true, __ATOMIC_RELAXED);
    } else {
        rt__os_print("%s: CAGENT=%s: there is no agent: %s\n", rt__os_program(), variable, strerror(-error));
    }
}
