/* access_log.h - a line a request, by h2o's logger. */
#ifndef APP_SERVER_ACCESS_LOG_H
#define APP_SERVER_ACCESS_LOG_H

#include "app/failure.h"

#include <h2o.h>

/* The combined format, which log readers know, and behind it the seconds from the request's first
 * byte to the answer's last. */
#define ACCESS_LOG_FORMAT "%h %l %u %t \"%r\" %s %b \"%{Referer}i\" \"%{User-agent}i\" %{duration}x"

/* access_log_check - whether lines can be appended to that file, which is made when it is missing.
 * Returns 0, or -1 with *err filled. */
int access_log_check(const char *path, struct failure *err);

/* access_log_mount - from now on, all paths of host are logged to that file. After web_mount and
 * before the first loop. Returns 0, or -1 with *err filled. */
int access_log_mount(h2o_hostconf_t *host, const char *path, struct failure *err);

#endif
