/* From a BACKEND: of the configuration to a driver. */
#ifndef BALANCERFS_REGISTRY_H
#define BALANCERFS_REGISTRY_H

#include "drivers/driver.h"

/* A driver's name, a dotted Python path of which the last part decides, or the absolute path of
 * a .so file. NULL with *err set; an unknown one lists the known ones. */
const struct driver *registry_find(const char *backend, struct error *err);

/* The built-in ones, in order; NULL after the last. */
const struct driver *registry_at(size_t i);

#endif
