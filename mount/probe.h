/* --probe: contacts the balancers of a configuration and tells what it found. */
#ifndef BALANCERFS_PROBE_H
#define BALANCERFS_PROBE_H

#include "mount/config.h"

/* The table, on standard output. names: which balancers; n_names 0: all. 0: all passed;
 * 1: something failed; 2: no such balancer, *err set. */
int probe_print(const struct config *config, char *const names[], size_t n_names,
                struct error *err);

#endif
