/* net.h - one connection, one question, its answer until the other side closes.
 *
 * Every wait has an end: a program that hangs is the very one that is looked at.
 */
#ifndef COPS_NET_H
#define COPS_NET_H

#include "runtime/agent/cops/target.h"
#include "runtime/agent/cops/text.h"

/* How long an agent may be silent. A cycle of a large heap takes seconds. */
#define COPS_PATIENCE_S 30

#define COPS_ADDRESS_TEXT 80

/* Connects; *fd is the caller's to close. address becomes whom it reached, in figures, as a Host header has it. */
bool cops_net_connect(const struct cops_target *target, char address[COPS_ADDRESS_TEXT], int *fd,
                      struct cops_error *error);
/* All of it, though a peer that is gone already may have answered: that is no error here. */
bool cops_net_send(const struct cops_target *target, int fd, const void *bytes, size_t len, struct cops_error *error);
/* Until the other side closes; it may be silent for that long at a time. */
bool cops_net_receive(const struct cops_target *target, int fd, unsigned patience_s, struct cops_text *answer,
                      struct cops_error *error);

/* All three. */
bool cops_net_ask(const struct cops_target *target, const void *question, size_t len, unsigned patience_s,
                  struct cops_text *answer, struct cops_error *error);

#endif
