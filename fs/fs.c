/* The mount as a whole: which balancers there are. session.c talks to the kernel. */
#include "fs/fs.h"
#include "drivers/clock.h"
#include "drivers/options.h"
#include "fs/fs_impl.h"
#include "fs/watchdog.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

const struct fs_settings *fs_settings(const struct fs *fs)
{
    return &fs->settings;
}

static struct fs_balancer *at_serial(struct fs *fs, uint32_t serial)
{
    struct fs_balancer *b;

    (void)pthread_rwlock_rdlock(&fs->table);
    b = serial < fs->n ? fs->at[serial] : NULL;
    (void)pthread_rwlock_unlock(&fs->table);
    return b;
}

/* On the watchdog's thread. */
static int64_t look(void *arg, int64_t now_ms)
{
    struct fs *fs = arg;
    int64_t next = INT64_MAX, at;
    struct fs_balancer *b = NULL;

    for (uint32_t i = 1; (b = at_serial(fs, i)); i++) {
        at = call_expire(b, now_ms);
        next = at < next ? at : next;
    }
    return next;
}

struct fs *fs_new(const struct fs_settings *settings, struct error *err)
{
    struct fs *fs = calloc(1, sizeof *fs);

    if (!fs) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    fs->settings = *settings;
    fs->started_ms = clock_real_ms();
    (void)pthread_mutex_init(&fs->changing, NULL);
    (void)pthread_rwlock_init(&fs->table, NULL);
    fs->watchdog = watchdog_new(look, fs);
    fs->device = -1;
    fs->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    fs->at = calloc(8, sizeof *fs->at);
    fs->size = 8;
    if (fs->stop >= 0 && fs->at && fs->watchdog) {
        fs->at[0] = balancer_new(fs, 0, NULL, NULL, err);
        fs->n = 1;
        if (fs->at[0])
            return fs;
    } else {
        (void)error_set(err, errno, "eventfd: %s", strerror(errno));
    }
    fs_free(fs);
    return NULL;
}

struct fs_balancer *fs_of(struct fs *fs, fuse_ino_t number)
{
    return at_serial(fs, (uint32_t)(number >> 32));
}

static bool has_ended(struct fs_balancer *b)
{
    bool ending;

    (void)pthread_mutex_lock(&b->lock);
    ending = b->ending;
    (void)pthread_mutex_unlock(&b->lock);
    return ending;
}

struct fs_balancer *fs_after(struct fs *fs, uint32_t after)
{
    struct fs_balancer *found = NULL;

    (void)pthread_rwlock_rdlock(&fs->table);
    for (uint32_t i = after + 1; i < fs->n && !found; i++)
        if (!has_ended(fs->at[i]))
            found = fs->at[i];
    (void)pthread_rwlock_unlock(&fs->table);
    return found;
}

struct fs_balancer *fs_named(struct fs *fs, const char *name, int *why)
{
    struct fs_balancer *found = NULL;
    int missing = ENOENT;

    (void)pthread_rwlock_rdlock(&fs->table);
    for (uint32_t i = 1; i < fs->n && !found; i++) {
        if (strcmp(fs->at[i]->name, name) != 0)
            continue;
        if (!has_ended(fs->at[i]))
            found = fs->at[i];
        else if (atomic_load(&fs->reloading))
            missing = ESTALE;
    }
    (void)pthread_rwlock_unlock(&fs->table);
    if (why)
        *why = missing;
    return found;
}

void fs_reloading(struct fs *fs, bool is_on)
{
    atomic_store(&fs->reloading, is_on);
}

/* ---- coming and going --------------------------------------------------------------------- */

static int put(struct fs *fs, struct fs_balancer *b, struct error *err)
{
    struct fs_balancer **bigger = fs->at;

    if (fs->n == fs->size) {
        bigger = reallocarray(fs->at, (size_t)fs->size * 2, sizeof *bigger);
        if (!bigger)
            return error_set(err, ENOMEM, "out of memory");
        fs->size *= 2;
    }
    fs->at = bigger;
    fs->at[fs->n++] = b;
    return 0;
}

/* The kernel may still believe that the name is not there, or the old one. */
static void root_changed(struct fs *fs, const char *name)
{
    struct fs_balancer *root = fs->at[0];

    (void)pthread_mutex_lock(&root->lock);
    inode_at(root->view.inodes, SLOT_TOP)->entries->changed = now_ns();
    (void)pthread_mutex_unlock(&root->lock);
    if (!fs->session)
        return;
    notify_entry(root->notifier, FUSE_ROOT_ID, name);
    notify_inode(root->notifier, FUSE_ROOT_ID);
}

static int add(struct fs *fs, const struct driver *driver, struct options *options,
               struct error *err)
{
    struct fs_balancer *b;
    int result;

    if (fs_named(fs, options_balancer(options), NULL))
        return error_set(err, EEXIST, "balancer %s is there already", options_balancer(options));
    /* Nobody but this thread adds: the serial is its own. */
    b = balancer_new(fs, fs->n, driver, options, err);
    if (!b)
        return -1;
    (void)pthread_rwlock_wrlock(&fs->table);
    result = put(fs, b, err);
    (void)pthread_rwlock_unlock(&fs->table);
    if (result != 0) {
        b->options = NULL;
        balancer_free(b);
        return -1;
    }
    atomic_fetch_add(&fs->shown, 1);
    root_changed(fs, b->name);
    return 0;
}

int fs_add(struct fs *fs, const struct driver *driver, struct options *options, struct error *err)
{
    int result;

    (void)pthread_mutex_lock(&fs->changing);
    result = add(fs, driver, options, err);
    (void)pthread_mutex_unlock(&fs->changing);
    return result;
}

int fs_remove(struct fs *fs, const char *balancer, struct error *err)
{
    struct fs_balancer *b;
    int result = 0;

    (void)pthread_mutex_lock(&fs->changing);
    b = fs_named(fs, balancer, NULL);
    if (b) {
        atomic_fetch_sub(&fs->shown, 1);
        (void)balancer_end(b);
        root_changed(fs, balancer);
    } else {
        result = error_set(err, ENOENT, "there is no balancer %s", balancer);
    }
    (void)pthread_mutex_unlock(&fs->changing);
    return result;
}

void fs_stop(struct fs *fs)
{
    const uint64_t one = 1;

    (void)!write(fs->stop, &one, sizeof one);
}
