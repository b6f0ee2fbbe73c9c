/* Drivers that are shared objects. */
#ifndef BALANCERFS_SHARED_H
#define BALANCERFS_SHARED_H

#include "drivers/driver.h"

/* Of the file, an absolute path. It stays loaded for good: its driver has threads and buffers that
 * nobody here knows of. NULL with *err set: it is not to be trusted, no driver, or one for another
 * balancerfs. */
const struct driver *shared_load(const char *path, struct error *err);

#endif
