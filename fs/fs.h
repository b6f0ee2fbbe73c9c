/* Directories that are load balancers: all that the program sees of the file system.
 *
 * fs_new, then fs_add for each balancer, fs_mount, fs_serve, fs_free. fs_serve runs the one thread
 * that reads /dev/fuse; each balancer has a worker thread of its own, which alone calls its
 * driver. Threads start in fs_serve, so a program may fork between fs_mount and fs_serve. */
#ifndef BALANCERFS_FS_H
#define BALANCERFS_FS_H

#include "drivers/driver.h"
#include <sys/types.h>

/* The keys that every balancer has, whatever its driver (timeout, cache_ttl, min_nodes, ...). */
extern const struct option fs_options[];

/* What fs_add would say of these keys; tell is called for each error. Opens nothing. */
void fs_check(const struct options *options, void (*tell)(const struct error *err, void *arg),
              void *arg);

enum fs_unlink { FS_UNLINK_BOUNCE, FS_UNLINK_BLOCK };

struct fs_settings {
    uid_t uid;
    gid_t gid;
    mode_t umask;
    double entry_timeout, attr_timeout, negative_timeout; /* seconds */
    enum fs_unlink unlink;
    bool read_only; /* -o ro: EROFS for every change */
    /* Called for each audit line and message, from any thread: to syslog, journal or stderr. */
    void (*log)(int priority, const char *line);
};

struct fs;

struct fs *fs_new(const struct fs_settings *settings, struct error *err);

/* Opens the driver. options: checked against the driver's table and fs_options; taken over on
 * success. -1: the driver refused the settings, or the name is taken. Before fs_serve, or, for a
 * reload, from any thread while it runs. */
int fs_add(struct fs *fs, const struct driver *driver, struct options *options, struct error *err);

/* The balancer disappears once its running change has ended; what waits gets ESHUTDOWN,
 * who asks later ESTALE. */
int fs_remove(struct fs *fs, const char *balancer, struct error *err);

/* Around a reload: a balancer that has been removed may be about to be added anew, so that its name
 * is ESTALE and not ENOENT, which rm -f would take for done. */
void fs_reloading(struct fs *fs, bool is_on);

/* fuse_argv: what is left of the command line for libfuse (-o allow_other ...), NULL-terminated,
 * with argv[0]. */
int fs_mount(struct fs *fs, const char *mountpoint, char **fuse_argv, struct error *err);

/* Serves until unmounted or told to stop; ready() is called once the kernel has been answered.
 * Ends what is running, bounded by each balancer's timeout. 0, or -1 with *err. */
int fs_serve(struct fs *fs, void (*ready)(void), struct error *err);

/* Makes fs_serve return. Async-signal-safe. */
void fs_stop(struct fs *fs);

/* Unmounts if mounted, closes every driver. */
void fs_free(struct fs *fs);

#endif
