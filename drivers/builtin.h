/* The drivers that are compiled in. registry.c finds them by name. */
#ifndef BALANCERFS_BUILTIN_H
#define BALANCERFS_BUILTIN_H

#include "drivers/driver.h"

extern const struct driver apache_driver;
extern const struct driver chained_driver;
extern const struct driver dummy_driver;
extern const struct driver exec_driver;
extern const struct driver haproxy_driver;
extern const struct driver nginx_driver;
extern const struct driver stingray_driver;
extern const struct driver varnish_driver;

#endif
