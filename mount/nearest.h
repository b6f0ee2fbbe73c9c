/* Which key was meant by one that is not known. */
#ifndef BALANCERFS_NEAREST_H
#define BALANCERFS_NEAREST_H

#include "drivers/driver.h"

/* A name in the tables that differs from key by few letters, or NULL. */
const char *nearest_key(const char *key, const struct option *const tables[], size_t n_tables);

#endif
