/* Where messages go: to stderr, and from the background to syslog. Any thread. */
#ifndef BALANCERFS_LOG_H
#define BALANCERFS_LOG_H

#include "drivers/driver.h"
#include <syslog.h>

void log_line(int priority, const char *line);
void log_printf(int priority, const char *fmt, ...) BALANCERFS_PRINTF(2, 3);
/* From now on to syslog: nobody reads stderr any more. */
void log_to_syslog(void);

#endif
