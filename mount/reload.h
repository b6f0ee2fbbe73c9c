/* What is mounted, compared with what the configuration says now. */
#ifndef BALANCERFS_RELOAD_H
#define BALANCERFS_RELOAD_H

#include "fs/fs.h"
#include "mount/config.h"

/* Gives a balancer to fs. -1: why not is in problems. */
int reload_add(struct fs *fs, struct config_balancer *b, struct problems *problems);

/* Reads the file of running again; what changed is removed from and added to fs, and running
 * then says what is there. A file with an error changes nothing. All is logged. */
void reload_run(struct fs *fs, const char *file, struct config *running);

#endif
