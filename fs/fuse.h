/* libfuse's low-level interface, of the version that is used everywhere in fs/. */
#ifndef BALANCERFS_FUSE_H
#define BALANCERFS_FUSE_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#endif
