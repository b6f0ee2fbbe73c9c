/* Attributes of inodes, and how long the kernel may believe them. With the balancer's lock. */
#ifndef BALANCERFS_ATTR_H
#define BALANCERFS_ATTR_H

#include "fs/fs_impl.h"

void attr_fill(const struct fs_balancer *b, uint32_t slot, struct stat *st);
/* Applies what FUSE's to_set names. 0 or an errno: EFBIG, EPERM, ENOMEM. */
int attr_set(struct fs_balancer *b, uint32_t slot, const struct stat *attr, int to_set);
/* Whose a new entry is. Pools and nodes are the balancer's owner's; but where a directory was given
 * to somebody, by chown or chmod, what is made there is its maker's, and temporaries always are.
 * What root makes is the directory's owner's. Without memory for it: the balancer's owner's. */
void attr_made_by(struct fs_balancer *b, uint32_t slot, uid_t uid);

/* The entry of a slot, with one more lookup counted. */
void attr_entry(struct fs_balancer *b, uint32_t slot, struct fuse_entry_param *e);
/* "There is no such name", for as long as the listing holds. */
void attr_no_entry(const struct fs_balancer *b, uint32_t dir, struct fuse_entry_param *e);
double attr_timeout(const struct fs_balancer *b, uint32_t slot);

/* How much a file of this kind may hold; 0: nothing. */
size_t attr_size_max(enum inode_kind kind);

#endif
