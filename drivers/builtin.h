/* The drivers that are compiled in. registry.c finds them by name. */
#ifndef BALANCERFS_BUILTIN_H
#define BALANCERFS_BUILTIN_H

#include "drivers/driver.h"

extern const struct driver dummy_driver, exec_driver, nginx_driver;

#endif
