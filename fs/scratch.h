/* Which names in a pool are the temporaries of tools. Pure; any thread. */
#ifndef BALANCERFS_SCRATCH_H
#define BALANCERFS_SCRATCH_H

#include <stdbool.h>

#define SCRATCH_MAX 1024               /* files and directories of a balancer */
#define SCRATCH_SIZE_MAX (1024 * 1024) /* bytes of one */

/* May a file or directory of this name be kept in memory, beside the nodes? Control names
 * (.nodes, .status, .log) and names of nodes are not asked for. */
bool scratch_is_name(const char *name);

#endif
