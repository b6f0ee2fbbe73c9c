/* The mount itself: from a checked configuration to the end of the file system. */
#ifndef BALANCERFS_SERVE_H
#define BALANCERFS_SERVE_H

#include "mount/arguments.h"
#include "mount/config.h"

/* Returns, maybe in a child, when it is unmounted: an exit status. Takes over what config has. */
int serve(const struct arguments *a, struct config *config);

#endif
