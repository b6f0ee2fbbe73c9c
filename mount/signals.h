/* The signals of balancerfs(8), each by a thread of its own, so that no handler does work. */
#ifndef BALANCERFS_SIGNALS_H
#define BALANCERFS_SIGNALS_H

#include "drivers/driver.h"

struct signals;

/* From here on SIGHUP, SIGINT and SIGTERM wait for signals_start. Before any thread. */
void signals_block(void);

/* hang_up and stop are called from the new thread. NULL with *err set. */
struct signals *signals_start(void (*hang_up)(void *), void (*stop)(void *), void *arg,
                              struct error *err);
/* Waits for a call that is running. */
void signals_end(struct signals *s);

#endif
