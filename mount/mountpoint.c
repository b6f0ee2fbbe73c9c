/* Looks at a mount point without touching what may be a dead mount on it, until that is known. */
#include "mount/mountpoint.h"
#include "drivers/child.h"
#include "drivers/clock.h"
#include "mount/log.h"
#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUR_TYPE "fuse.balancerfs"

/* The type of what is mounted there, the last one if there are several; false: nothing is. */
static bool is_mounted(const char *path, char *type, size_t size)
{
    FILE *table = setmntent("/proc/self/mounts", "re");
    struct mntent entry;
    char space[8192];
    bool found = false;

    if (!table)
        return false;
    while (getmntent_r(table, &entry, space, sizeof space)) {
        if (strcmp(entry.mnt_dir, path) != 0)
            continue;
        (void)snprintf(type, size, "%s", entry.mnt_type);
        found = true;
    }
    (void)endmntent(table);
    return found;
}

/* The real path, but for the last part: on a dead mount realpath(3) would fail. */
static char *real_parent(const char *given)
{
    char *copy = strdup(given), *copy2 = strdup(given), *path = NULL, *parent = NULL;
    const char *last = copy2 ? basename(copy2) : "";

    if (copy && copy2)
        parent = realpath(dirname(copy), NULL);
    if (parent && asprintf(&path, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, last) < 0)
        path = NULL;
    free(parent);
    free(copy);
    free(copy2);
    return path;
}

static int unmount_dead(const char *path, struct error *err)
{
    const char *const argv[] = {"fusermount3", "-u", "-z", path, NULL};
    struct child c;
    int status;

    if (umount2(path, MNT_DETACH) == 0)
        return 0;
    if (errno != EPERM || child_spawn(&c, argv, NULL, err) != 0)
        return error_set(err, errno, "%s holds a dead mount that cannot be unmounted: %s", path,
                         strerror(errno));
    status = child_wait(&c, clock_now_ms() + 10000);
    child_kill(&c);
    child_hang_up(&c);
    if (status == 0)
        return 0;
    return error_set(err, EPERM, "%s holds a dead mount: fusermount3 -u -z %s has failed", path,
                     path);
}

/* statfs always asks the daemon; stat may be answered by what the kernel remembers of the root. */
static int check_mounted(const char *path, struct error *err)
{
    char type[64];
    struct statfs fs;

    if (!is_mounted(path, type, sizeof type))
        return 0;
    if (statfs(path, &fs) == -1 && errno == ENOTCONN) {
        if (strcmp(type, OUR_TYPE) != 0)
            return error_set(err, EBUSY, "%s holds a dead mount of type %s: umount it", path, type);
        if (unmount_dead(path, err) != 0)
            return -1;
        log_printf(LOG_NOTICE, "the balancerfs at %s had died: unmounted", path);
        return check_mounted(path, err);
    }
    if (strcmp(type, OUR_TYPE) == 0)
        return error_set(err, EBUSY, "%s: a balancerfs is already mounted there", path);
    return 0;
}

static int check_empty(const char *path, struct error *err)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    bool empty = true;

    if (!dir)
        return error_set(err, errno, "mount point %s: %s", path, strerror(errno));
    while (empty && (entry = readdir(dir)))
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    (void)closedir(dir);
    return empty ? 0
                 : error_set(err, ENOTEMPTY,
                             "mount point %s is not empty: what is there would be "
                             "hidden",
                             path);
}

char *mountpoint_prepare(const char *given, struct error *err)
{
    char *parent = real_parent(given), *path = NULL;
    int result = parent ? check_mounted(parent, err)
                        : error_set(err, errno, "mount point %s: %s", given, strerror(errno));

    free(parent);
    if (result != 0)
        return NULL;
    path = realpath(given, NULL);
    if (!path)
        result = error_set(err, errno, "mount point %s: %s%s", given, strerror(errno),
                           errno == ENOENT ? " (mkdir it)" : "");
    /* It may have been reached by a symbolic link. */
    if (result == 0)
        result = check_mounted(path, err);
    if (result == 0)
        result = check_empty(path, err);
    if (result == 0)
        return path;
    free(path);
    return NULL;
}
