/* The worker of one balancer: its loop, listings, and what is known to be true for how long. */
#include "fs/balancer.h"
#include "drivers/clock.h"
#include "drivers/options.h"
#include "fs/fs_impl.h"
#include "fs/settings.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

int64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- listings ----------------------------------------------------------------------------- */

static void gone(void *arg, uint32_t dir, const char *name)
{
    struct fs_balancer *b = arg;

    notify_entry(b->notifier, fs_number(b->serial, dir), name);
}

void balancer_note_error(struct fs_balancer *b, const struct error *err)
{
    b->last_error = *err;
    b->last_error_ms = clock_real_ms();
}

/* The driver's own words about a listing. Without the lock. */
static int ask(struct fs_balancer *b, const struct pool *pool, struct listing *l, struct error *err)
{
    int result =
        pool ? b->driver->get_nodes(b->lb, pool, l, err) : b->driver->get_pools(b->lb, l, err);

    return result == 0 ? listing_finish(l, err) : -1;
}

/* With the lock. */
static int merge(struct fs_balancer *b, uint32_t pool, const struct listing *l, struct error *err)
{
    int64_t until = clock_now_ms() + b->set.ttl_ms;
    bool ok = pool ? view_merge_pool(&b->view, pool, l, now_ns(), gone, b)
                   : view_merge_all(&b->view, l, now_ns(), gone, b);

    if (!ok)
        return error_set(err, ENOMEM, "%s: out of memory for its listing", b->name);
    if (pool) {
        inode_at(b->view.inodes, pool)->entries->fresh_until = until;
        return 0;
    }
    b->view.pools_until = until;
    b->view.listed_ms = clock_real_ms();
    b->view.whole = listing_whole(l);
    if (b->view.whole)
        b->view.whole_until = until;
    return 0;
}

bool balancer_is_away(const struct error *err)
{
    return err->num == EHOSTUNREACH || err->num == ECONNREFUSED || err->num == ETIMEDOUT;
}

static void listing_came(struct fs_balancer *b)
{
    b->read_fails_until = b->change_fails_until = 0;
    b->was_up = true;
    b->was_down = b->stale = false;
}

/* What the balancer says of one pool says nothing of the others. */
static void listing_failed(struct fs_balancer *b, uint32_t pool, const struct error *err)
{
    balancer_note_error(b, err);
    if (pool && !balancer_is_away(err) && err->num != EACCES) /* EACCES: no log-in */
        return;
    b->read_failure = b->change_failure = *err;
    b->read_fails_until = b->change_fails_until = clock_now_ms() + FAIL_FAST_MS;
    b->was_up = false;
    b->was_down = true;
}

int balancer_list(struct fs_balancer *b, uint32_t pool, struct error *err)
{
    struct listing *l;
    struct pool name;
    struct inode *held = pool ? inode_at(b->view.inodes, pool) : NULL;
    int result;

    if (held && pool_parse(&name, inode_name(held), err) != 0)
        return -1;
    if (held)
        held->pins++;
    b->calling_ms = clock_now_ms();
    (void)pthread_mutex_unlock(&b->lock);
    l = listing_new(pool ? name.name : NULL);
    result = l ? ask(b, pool ? &name : NULL, l, err)
               : error_set(err, ENOMEM, "%s: out of memory", b->name);
    (void)pthread_mutex_lock(&b->lock);
    b->calling_ms = 0;
    if (result == 0)
        result = merge(b, pool, l, err);
    if (held) {
        held->pins--;
        inode_reap(b->view.inodes, pool);
    }
    if (result == 0)
        listing_came(b);
    else
        listing_failed(b, pool, err);
    listing_free(l);
    return result;
}

/* ---- freshness ---------------------------------------------------------------------------- */

static int64_t fresh_until(const struct fs_balancer *b, uint32_t pool)
{
    const struct inode *i = pool ? inode_at(b->view.inodes, pool) : NULL;
    int64_t until = b->view.pools_until;

    if (!i || !i->entries || i->kind != INODE_POOL)
        return until;
    until = b->view.whole_until;
    return i->entries->fresh_until > until ? i->entries->fresh_until : until;
}

int64_t balancer_fresh_ms(const struct fs_balancer *b, uint32_t pool)
{
    int64_t left = fresh_until(b, pool) - clock_now_ms();

    return left > 0 ? left : 0;
}

/* The last listing is old, but serve_stale lets it be shown. */
static bool may_be_stale(const struct fs_balancer *b)
{
    return b->set.stale_ms && b->view.listed_ms &&
           clock_real_ms() - b->view.listed_ms < b->set.stale_ms;
}

bool balancer_fresh(struct fs_balancer *b, struct call *c, uint32_t pool)
{
    int64_t now = clock_now_ms();
    struct error err;

    /* ESTALE makes the kernel walk the path anew: there may be another of that name by now. */
    if (b->ending) {
        (void)pthread_mutex_unlock(&b->lock);
        reply_err(c, ESTALE);
        return false;
    }
    if (c->refreshed || fresh_until(b, pool) > now)
        return true;
    if (now < b->read_fails_until) {
        if (may_be_stale(b))
            return b->stale = true;
        err = b->read_failure;
        (void)pthread_mutex_unlock(&b->lock);
        reply_err(c, err.num);
        return false;
    }
    call_wait_listing(c, pool);
    return false;
}

/* Is there a pool whose nodes the call waits for, and has to be asked for them alone? */
static bool needs_pool(const struct fs_balancer *b, const struct call *c)
{
    const struct inode *i = c->pool ? inode_at(b->view.inodes, c->pool) : NULL;

    return !b->view.whole && i && !(i->flags & INODE_GONE) && i->kind == INODE_POOL &&
           i->entries->exists;
}

/* Takes out all whom a listing of the pools, or of that pool, was enough for. Without a cache it
 * is too old for who came while it was made. */
static void release(struct fs_balancer *b, uint32_t pool, struct call_list *out)
{
    struct call *next;

    for (struct call *c = b->waiting.first; c; c = next) {
        next = c->next;
        if (b->set.ttl_ms == 0 && c->came == b->listings)
            continue;
        if (pool ? c->pool != pool : needs_pool(b, c)) {
            c->pools_listed |= !pool;
            continue;
        }
        c->refreshed = true;
        call_take(c, out);
    }
}

static void fail_waiting(struct fs_balancer *b, const struct error *err, struct call_list *out)
{
    bool stale = may_be_stale(b);

    b->stale |= stale;
    for (struct call *c = b->waiting.first; c; c = c->next)
        if (stale)
            c->refreshed = true;
        else
            call_fail(c, err);
    call_take_all(&b->waiting, out);
}

/* One listing for all who wait; where the pools' listing is not whole, one more for each pool. */
static void run_listing(struct fs_balancer *b)
{
    struct call_list out = {NULL, NULL, 0};
    const struct call *first = b->waiting.first;
    bool of_pool =
        needs_pool(b, first) && (first->pools_listed || b->view.pools_until > clock_now_ms());
    uint32_t pool = of_pool ? first->pool : 0;
    struct error err;

    b->listings++;
    if (balancer_list(b, pool, &err) == 0)
        release(b, pool, &out);
    else
        fail_waiting(b, &err, &out);
    (void)pthread_mutex_unlock(&b->lock);
    call_resume_all(&out);
    (void)pthread_mutex_lock(&b->lock);
}

/* ---- the worker --------------------------------------------------------------------------- */

/* Monotonic ms when what is queued is due; 0: at once. */
static int64_t due(const struct fs_balancer *b)
{
    int64_t quiet = b->last_queued_ms + b->set.delay_ms;
    int64_t latest = b->first_queued_ms + 10 * b->set.delay_ms;

    return b->hurry || b->ending ? 0 : quiet < latest ? quiet : latest;
}

static void sleep_until(struct fs_balancer *b, int64_t ms)
{
    struct timespec at = {ms / 1000, ms % 1000 * 1000000};

    (void)pthread_cond_timedwait(&b->wake, &b->lock, &at);
}

static void *worker_main(void *arg)
{
    struct fs_balancer *b = arg;

    (void)pthread_mutex_lock(&b->lock);
    while (!b->ending || b->queue || b->waiting.first) {
        if (b->waiting.first && !b->ending)
            run_listing(b);
        if (b->waiting.first && b->ending) {
            struct call_list out = {NULL, NULL, 0};
            const struct error err = {ESHUTDOWN, "the balancer is being unmounted"};

            fail_waiting(b, &err, &out);
            (void)pthread_mutex_unlock(&b->lock);
            call_resume_all(&out);
            (void)pthread_mutex_lock(&b->lock);
        }
        if (b->queue && due(b) <= clock_now_ms())
            batch_run(b);
        else if (b->queue && !b->waiting.first)
            sleep_until(b, due(b));
        else if (!b->queue && !b->waiting.first && !b->ending)
            (void)pthread_cond_wait(&b->wake, &b->lock);
    }
    b->finished = true;
    (void)pthread_cond_broadcast(&b->wake);
    (void)pthread_mutex_unlock(&b->lock);
    return NULL;
}

bool balancer_wake(struct fs_balancer *b)
{
    if (!b->started && b->driver && !b->closed)
        b->started = pthread_create(&b->thread, NULL, worker_main, b) == 0;
    (void)pthread_cond_broadcast(&b->wake);
    return b->started;
}

/* ---- beginning and end -------------------------------------------------------------------- */

static int open_all(struct fs_balancer *b, struct error *err)
{
    if (!view_init(&b->view, now_ns()))
        return error_set(err, ENOMEM, "out of memory");
    b->notifier = notifier_new(&b->fs->session);
    b->audit = audit_new(b->name, fs_settings(b->fs)->log);
    if (!b->notifier || !b->audit)
        return error_set(err, ENOMEM, "out of memory");
    if (!b->driver) {
        settings_of_root(&b->set, fs_settings(b->fs));
        return 0;
    }
    if (settings_read(&b->set, b->options, fs_settings(b->fs), err) != 0)
        return -1;
    b->guard = guard_new(b->options, err);
    if (!b->guard)
        return -1;
    b->lb = b->driver->open(b->options, err);
    return b->lb ? 0 : -1;
}

struct fs_balancer *balancer_new(struct fs *fs, uint32_t serial, const struct driver *driver,
                                 struct options *options, struct error *err)
{
    struct fs_balancer *b = calloc(1, sizeof *b);
    pthread_condattr_t monotonic;

    if (!b) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    b->fs = fs;
    b->serial = serial;
    b->driver = driver;
    b->options = options;
    b->queue_end = &b->queue;
    if (options)
        (void)snprintf(b->name, sizeof b->name, "%s", options_balancer(options));
    (void)pthread_mutex_init(&b->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&b->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (open_all(b, err) == 0)
        return b;
    b->options = NULL;
    balancer_free(b);
    return NULL;
}

int64_t balancer_patience_ms(const struct fs_balancer *b)
{
    return 2 * b->set.timeout_ms + 10000;
}

/* The second time it is not waited for again. */
static bool joined(struct fs_balancer *b)
{
    int64_t until = clock_now_ms() + (b->abandoned ? 0 : balancer_patience_ms(b));
    bool finished;
    char line[256];

    (void)pthread_mutex_lock(&b->lock);
    while (!b->finished && clock_left_ms(until) > 0)
        sleep_until(b, until);
    finished = b->finished;
    (void)pthread_mutex_unlock(&b->lock);
    if (finished) {
        (void)pthread_join(b->thread, NULL);
        return true;
    }
    (void)snprintf(line, sizeof line, "%s: driver %s does not come back: it is left behind",
                   b->name, b->driver->name);
    if (!b->abandoned && fs_settings(b->fs)->log)
        fs_settings(b->fs)->log(LOG_ERR, line);
    b->abandoned = true;
    return false;
}

bool balancer_end(struct fs_balancer *b)
{
    bool started, open;

    (void)pthread_mutex_lock(&b->lock);
    b->ending = true;
    started = b->started;
    (void)pthread_cond_broadcast(&b->wake);
    (void)pthread_mutex_unlock(&b->lock);
    if (started && !joined(b))
        return false;
    (void)pthread_mutex_lock(&b->lock);
    b->started = false;
    open = b->lb && !b->closed;
    b->closed = true;
    (void)pthread_mutex_unlock(&b->lock);
    if (open)
        b->driver->close(b->lb);
    return true;
}

void balancer_free(struct fs_balancer *b)
{
    struct bounce *bounce, *next;
    struct retry *retry, *after;

    if (!b)
        return;
    HASH_ITER(hh, b->retries, retry, after)
    {
        HASH_DEL(b->retries, retry);
        free(retry);
    }
    HASH_ITER(hh, b->bounces, bounce, next)
    {
        HASH_DEL(b->bounces, bounce);
        work_unref(b, bounce->work);
        free(bounce);
    }
    if (b->lb && !b->closed)
        b->driver->close(b->lb);
    notifier_free(b->notifier);
    audit_free(b->audit);
    guard_free(b->guard);
    view_free(&b->view);
    options_free(b->options);
    free(b->last_change);
    (void)pthread_mutex_destroy(&b->lock);
    (void)pthread_cond_destroy(&b->wake);
    free(b);
}
