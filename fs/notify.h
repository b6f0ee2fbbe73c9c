/* Tells the kernel what it must not believe any more, from a thread of its own: the kernel may make
 * it wait for a directory's lock, which somebody may hold who waits for us. */
#ifndef BALANCERFS_NOTIFY_H
#define BALANCERFS_NOTIFY_H

#include "fs/fuse.h"

struct notifier;

/* Starts no thread before the first use. NULL: no memory. */
struct notifier *notifier_new(struct fuse_session *const *session);
/* What was not told yet is forgotten. */
void notifier_free(struct notifier *n);

/* The name in that directory (an inode number) has changed: it is to be looked up again. Any
 * thread, any lock held; never blocks. */
void notify_entry(struct notifier *n, fuse_ino_t dir, const char *name);
/* The inode's attributes and contents have. */
void notify_inode(struct notifier *n, fuse_ino_t inode);

#endif
