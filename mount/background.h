/* Going into the background: the parent stays until it is known whether the mount stands. */
#ifndef BALANCERFS_BACKGROUND_H
#define BALANCERFS_BACKGROUND_H

#include "drivers/driver.h"

/* Returns in the child only. The parent exits: 0 once background_ready is called there, or with
 * the child's status. -1: no child could be made. Before any thread. */
int background_start(struct error *err);

/* The parent ends; stdin, stdout and stderr are nobody's any more. Nothing when not started. */
void background_ready(void);

#endif
