/* target.h - who is asked: a PID, whose port stands in a file, or an address.
 *
 * Addresses are written as Go takes them: host:port, [v6]:port, and :port for this machine.
 */
#ifndef COPS_TARGET_H
#define COPS_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include "runtime/agent/cops/cops.h"

struct cops_target {
    char name[320]; /* as an error line names it */
    char host[256];
    char port[16];
};

/* Pure. */
bool cops_target_parse_address(const char *text, struct cops_target *out, struct cops_error *error);
/* Whether it is a PID or an address. */
bool cops_target_check(const char *text, struct cops_error *error);
/* Digits, white space around them allowed, as gops reads a port's file; 0 when it is none. Pure. */
unsigned cops_target_parse_port(const char *text, size_t len);

/* Where agents put their ports; false when neither a variable nor the user database tells. */
bool cops_config_dir(char *buf, size_t size);
/* What that folder says of a process: its port, 0 for nothing. */
unsigned cops_port_of(const char *config_dir, int pid);
/* The address at which the process does listen with that port, for who is on this machine: the port's file does not
 * tell. False when it does not, or may not be looked at. */
#define COPS_AGENT_TEXT 64
bool cops_agent_of(int pid, unsigned port, char address[COPS_AGENT_TEXT]);

bool cops_target_find(const char *text, struct cops_target *out, struct cops_error *error);

#endif
