/* The mount: its balancers by serial, and its root. What all of fs/ but its callers may see. */
#ifndef BALANCERFS_FS_IMPL_H
#define BALANCERFS_FS_IMPL_H

#include "fs/balancer.h"
#include "fs/fs.h"
#include <stdatomic.h>

struct fs {
    struct fs_settings settings;
    struct fuse_session *session; /* NULL while not mounted */
    char *mountpoint;
    int device;                /* /dev/fuse once more, see session.c; -1: not mounted */
    atomic_bool answered_init; /* init_reply.c */
    int stop;                  /* eventfd: readable once fs_stop was called */
    atomic_bool ended;         /* every balancer has, and its driver is closed */
    pthread_mutex_t changing;  /* one at a time adds, removes or ends balancers; taken first */
    struct watchdog *watchdog;
    pthread_rwlock_t table;
    struct fs_balancer **at; /* by serial; at[0] is the root. Ended ones stay, see balancer_end */
    uint32_t n, size;
    atomic_bool reloading;
    atomic_uint shown; /* how many have not ended */
    int64_t started_ms;
};

/* The operations, in ops.c. */
extern const struct fuse_lowlevel_ops fs_ops;

const struct fs_settings *fs_settings(const struct fs *fs);

/* The inode number that the kernel knows: the root's own is 1, as it wants. */
static inline fuse_ino_t fs_number(uint32_t serial, uint32_t slot)
{
    return (fuse_ino_t)serial << 32 | slot;
}

/* The balancer of an inode number; NULL: there is none of that serial. */
struct fs_balancer *fs_of(struct fs *fs, fuse_ino_t number);
/* The balancer of that name that has not ended; or NULL, and *why, if why is not NULL, is ENOENT,
 * or ESTALE where the name may come back with the reload that is under way. */
struct fs_balancer *fs_named(struct fs *fs, const char *name, int *why);
/* The first of a serial above after that has not ended, or NULL. */
struct fs_balancer *fs_after(struct fs *fs, uint32_t after);

#endif
