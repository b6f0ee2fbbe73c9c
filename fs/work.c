/* A change from its making to its end. */
#include "drivers/clock.h"
#include "fs/balancer.h"
#include "fs/fs_impl.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- making ------------------------------------------------------------------------------- */

static void pin(struct fs_balancer *b, uint32_t slot)
{
    struct inode *i = inode_at(b->view.inodes, slot);

    if (i)
        i->pins++;
}

static void unpin(struct fs_balancer *b, uint32_t slot)
{
    struct inode *i = inode_at(b->view.inodes, slot);

    if (!i)
        return;
    i->pins--;
    inode_reap(b->view.inodes, slot);
}

static void pool_pending(struct fs_balancer *b, uint32_t dir, uint32_t by)
{
    struct inode *i = inode_at(b->view.inodes, dir);

    if (i && i->kind == INODE_POOL)
        i->entries->pending += by;
}

struct work *work_new(struct fs_balancer *b, const struct call *c, enum work_kind kind,
                      const char *operation, uint32_t dir, uint32_t slot)
{
    const struct fuse_ctx *ctx = fuse_req_ctx(c->req);
    const struct inode *pool = inode_at(b->view.inodes, dir);
    struct work *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->kind = kind;
    w->operation = operation;
    w->who = who_get(ctx->uid, ctx->gid, ctx->pid);
    w->changes = w->one;
    w->dir = dir;
    w->slot = slot;
    w->refs = 1;
    if (pool && pool->kind == INODE_POOL)
        (void)pool_parse(&w->pool, inode_name(pool), &w->err);
    pin(b, dir);
    pin(b, slot);
    return w;
}

static struct work **index_of(struct fs_balancer *b, const struct work *w)
{
    if (w->kind == WORK_ADD)
        return &b->adding;
    return w->kind == WORK_DELETE || w->kind == WORK_RENAME ? &b->deleting : NULL;
}

static struct work *find(struct work *index, uint32_t slot)
{
    struct work *w = NULL;

    HASH_FIND(hh, index, &slot, sizeof slot, w);
    return w;
}

struct work *work_adding(const struct fs_balancer *b, uint32_t slot)
{
    return find(b->adding, slot);
}

struct work *work_deleting(const struct fs_balancer *b, uint32_t slot)
{
    return find(b->deleting, slot);
}

void work_queue(struct fs_balancer *b, struct work *w)
{
    struct work **index = index_of(b, w);

    w->state = WORK_QUEUED;
    w->queued_ms = clock_now_ms();
    w->began_ms = clock_real_ms();
    if (index)
        HASH_ADD(hh, *index, slot, sizeof w->slot, w);
    pool_pending(b, w->dir, 1);
    pool_pending(b, w->to_dir, 1);
    *b->queue_end = w;
    b->queue_end = &w->next;
    if (b->queued++ == 0) {
        b->first_queued_ms = w->queued_ms;
        b->hurry = false; /* it was for those before */
    }
    b->last_queued_ms = w->queued_ms;
    b->hurry |= !w->accepted;
    (void)balancer_wake(b);
}

void work_unref(struct fs_balancer *b, struct work *w)
{
    if (--w->refs > 0)
        return;
    unpin(b, w->slot);
    unpin(b, w->to_dir);
    unpin(b, w->replacing);
    unpin(b, w->dir);
    if (w->changes != w->one)
        free(w->changes);
    node_set_free(&w->wanted);
    buf_free(&w->text);
    free(w);
}

/* ---- may it be ---------------------------------------------------------------------------- */

int work_allowed(struct fs_balancer *b, const char *pool, struct error *err)
{
    if (fs_settings(b->fs)->read_only)
        return error_set(err, EROFS, "%s: the mount is read-only", b->name);
    return guard_change(b->guard, pool, err);
}

int work_guard(struct fs_balancer *b, struct work *w, uint32_t dir, size_t n, size_t added,
               struct error *err)
{
    const struct inode *pool = inode_at(b->view.inodes, dir);

    w->guarded_ms = clock_now_ms();
    if (guard_remove(b->guard, inode_name(pool), n, added, pool->entries->staying, b->view.staying,
                     w->guarded_ms, err) != 0)
        return -1;
    w->guarded = n;
    (void)pool_parse(&w->guarded_pool, inode_name(pool), err);
    return 0;
}

/* ---- the end ------------------------------------------------------------------------------ */

void work_end(struct fs_balancer *b, struct work *w, const struct error *err, struct call_list *out)
{
    struct work **index = index_of(b, w);

    w->err = err ? *err : (struct error){0};
    w->state = WORK_DONE;
    w->ended_ms = clock_now_ms();
    if (index)
        HASH_DEL(*index, w);
    pool_pending(b, w->dir, UINT32_MAX);
    pool_pending(b, w->to_dir, UINT32_MAX);
    work_into_view(b, w);
    call_take_all(&w->waiting, out);
}

bool work_may_withdraw(const struct work *w)
{
    return w->state == WORK_QUEUED && !w->waiting.n;
}

const struct error work_cancelled = {ECANCELED, "taken back before it was made"};

void work_withdraw(struct fs_balancer *b, struct work *w, const struct error *why)
{
    struct call_list nobody = {NULL, NULL, 0};
    struct work **at = &b->queue;

    assert(work_may_withdraw(w));
    while (*at && *at != w)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = w->next;
    if (!*at)
        b->queue_end = at;
    b->queued--;
    w->silent = true;
    if (w->guarded)
        guard_refund(b->guard, w->guarded_pool.name, w->guarded, w->guarded_ms);
    work_end(b, w, why, &nobody);
    work_unref(b, w);
}

static void keep_last_change(struct fs_balancer *b)
{
    struct buf line = BUF_INIT;

    audit_last(b->audit, &line);
    if (line.failed)
        return;
    (void)pthread_mutex_lock(&b->lock);
    free(b->last_change);
    b->last_change = line.data;
    (void)pthread_mutex_unlock(&b->lock);
}

void work_audit(struct fs_balancer *b, const struct work *w, const char *hosts)
{
    const struct audit_entry entry = {
        .when_ms = clock_real_ms(),
        .who = w->who,
        .operation = w->operation,
        .pool = w->pool.name,
        .changes = w->changes,
        .n = w->n,
        .err = w->err,
        .took_ms = clock_now_ms() - w->queued_ms,
        .hosts = hosts,
    };

    audit_add(b->audit, &entry);
    if (w->err.num == 0)
        keep_last_change(b);
}
