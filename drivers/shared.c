/* Loads a driver from a shared object, whose code then is ours: so only from a file that nobody
 * but root and we ourselves can have written. */
#include "drivers/shared.h"
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory that everyone may write to, but where nobody may replace what is another's, is
 * /tmp. */
static int check_one(const char *path, struct error *err)
{
    struct stat st;

    if (stat(path, &st) == -1)
        return error_set(err, EINVAL, "%s: %s", path, strerror(errno));
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return error_set(err, EINVAL,
                         "%s belongs to user %u, who could put any code there: chown it to root",
                         path, (unsigned)st.st_uid);
    if (st.st_mode & S_IWOTH && !(S_ISDIR(st.st_mode) && st.st_mode & S_ISVTX))
        return error_set(err, EINVAL, "%s can be written by everyone: chmod o-w it", path);
    return 0;
}

/* The file and every directory above it. path is cut on the way. */
static int check_trust(char *path, struct error *err)
{
    for (;;) {
        char *slash = strrchr(path, '/');

        if (check_one(*path ? path : "/", err) == -1)
            return -1;
        if (!slash)
            return 0;
        *slash = '\0';
    }
}

static int check_driver(const char *path, const struct driver *d, struct error *err)
{
    if (d->abi != BALANCERFS_ABI)
        return error_set(err, EINVAL,
                         "%s was built for version %d of the driver interface, this is version "
                         "%d: build it again with this version's <balancerfs/driver.h>",
                         path, d->abi, BALANCERFS_ABI);
    if (!d->name || !d->options)
        return error_set(err, EINVAL, "%s: its %s is NULL", path, d->name ? "options" : "name");
    if (!d->open || !d->get_pools || !d->get_nodes || !d->apply || !d->close)
        return error_set(err, EINVAL,
                         "%s: one of open, get_pools, get_nodes, apply and close is NULL", path);
    return 0;
}

static const struct driver *load(const char *path, struct error *err)
{
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct driver *d;
    const char *why;

    if (!object) {
        why = dlerror();
        (void)error_set(err, EINVAL, "cannot load %s: %s", path, why ? why : "no reason given");
        return NULL;
    }
    d = dlsym(object, BALANCERFS_DRIVER_SYMBOL);
    if (!d) {
        (void)error_set(err, EINVAL, "%s is no driver: it has no symbol " BALANCERFS_DRIVER_SYMBOL,
                        path);
        return NULL;
    }
    return check_driver(path, d, err) == 0 ? d : NULL;
}

const struct driver *shared_load(const char *path, struct error *err)
{
    char real[PATH_MAX], cut[PATH_MAX];
    struct stat st;

    if (!realpath(path, real)) {
        (void)error_set(err, EINVAL, "%s: %s", path, strerror(errno));
        return NULL;
    }
    if (stat(real, &st) == 0 && !S_ISREG(st.st_mode)) {
        (void)error_set(err, EINVAL, "%s is not a regular file", path);
        return NULL;
    }
    memcpy(cut, real, sizeof cut);
    return check_trust(cut, err) == 0 ? load(real, err) : NULL;
}
