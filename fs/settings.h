/* The keys of every balancer, as numbers. */
#ifndef BALANCERFS_SETTINGS_H
#define BALANCERFS_SETTINGS_H

#include "fs/balancer.h"
#include "fs/fs.h"

/* -1: options_error for a bad timeout, owner, group or mode. */
int settings_read(struct settings *s, const struct options *o, const struct fs_settings *mount,
                  struct error *err);
/* Tells of each value that settings_read would refuse. */
void settings_check(const struct options *o, void (*tell)(const struct error *err, void *arg),
                    void *arg);
void settings_of_root(struct settings *s, const struct fs_settings *mount);

#endif
