/* What has to be said to the kernel at the beginning beyond what libfuse says. */
#ifndef BALANCERFS_INIT_REPLY_H
#define BALANCERFS_INIT_REPLY_H

#include "fs/fs_impl.h"

/* After mounting, before the loop. 0 or a negative errno. */
int init_reply_set(struct fs *fs);

#endif
