/* auth.h - who is asking: signing up, logging in, and the token that says so afterwards.
 *
 *   auth.c      the handlers of /auth, and the check ahead of routes that need a user
 *   token.c     making and checking tokens (pure)
 *   password.c  hashing and comparing passwords (slow on purpose; run by app/workers)
 */
#ifndef APP_AUTH_AUTH_H
#define APP_AUTH_AUTH_H

#include "app/failure.h"
#include "app/web/web.h"

struct auth;

/* auth_open - secret is 32 bytes, or NULL: then a random one is made, and a line on stderr says that
 * tokens die with the process. Returns 0, or -1 with *err filled. */
int auth_open(const char *secret, struct auth **out, struct failure *err);
void auth_close(struct auth *auth);

/* auth_admit - see web_site: the request's token, checked; answers 401 without a valid one. */
bool auth_admit(struct web_request *rq);

void auth_login(struct web_request *rq);  /* POST /auth/login */
void auth_signup(struct web_request *rq); /* POST /auth/signup */

#endif
