/* Whether something can be mounted at a place. */
#ifndef BALANCERFS_MOUNTPOINT_H
#define BALANCERFS_MOUNTPOINT_H

#include "drivers/driver.h"

/* The absolute path of an empty directory with no balancerfs on it; free it. What a killed
 * balancerfs left there is unmounted, and said so in the log. NULL with *err set. */
char *mountpoint_prepare(const char *given, struct error *err);

#endif
