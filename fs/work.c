/* A change from its queue to its end: what it does to the view meanwhile, and who is told. */
#include "drivers/clock.h"
#include "fs/attr.h"
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
    if (b->queued++ == 0)
        b->first_queued_ms = w->queued_ms;
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

static fuse_ino_t number(const struct fs_balancer *b, uint32_t slot)
{
    return fs_number(b->serial, slot);
}

/* Who asked was interrupted, and the kernel may know for long what was there before. */
static void tell_unasked(struct fs_balancer *b, const struct work *w, uint32_t dir,
                         const char *name)
{
    if (!w->waiting.n && !w->accepted)
        notify_entry(b->notifier, number(b, dir), name);
}

/* A change may find that its entry is gone: taken by an interrupted mv, rmdir. Its node is on the
 * balancer, or is not, all the same. */
static void need_node(struct fs_balancer *b, uint32_t dir, const char *name)
{
    if (inode_at(b->view.inodes, dir)->flags & INODE_GONE)
        b->view.pools_until = b->view.whole_until = 0;
    else if (!view_find(&b->view, dir, name))
        (void)view_add(&b->view, dir, INODE_NODE, name, 0, now_ns());
    notify_entry(b->notifier, number(b, dir), name);
}

static void forget_node(struct fs_balancer *b, uint32_t dir, const char *name)
{
    uint32_t slot = view_find(&b->view, dir, name);

    if (!slot || inode_at(b->view.inodes, slot)->flags & INODE_ADDING)
        return;
    view_remove(&b->view, slot, now_ns());
    notify_entry(b->notifier, number(b, dir), name);
}

static void end_add(struct fs_balancer *b, struct work *w, bool done)
{
    const struct inode *i = inode_at(b->view.inodes, w->slot);
    struct note *note;

    if (i->flags & INODE_GONE) {
        if (done)
            need_node(b, w->dir, w->one[0].node.name);
        return;
    }
    if (!done && !(i->flags & INODE_ADDING)) /* it came in another way meanwhile */
        return;
    if (done) {
        view_flag(&b->view, w->slot, 0, INODE_ADDING | INODE_ACCEPTED);
        inode_at(b->view.inodes, i->dir)->entries->nodes_changed = now_ns();
        return;
    }
    note = inode_note_need(b->view.inodes, w->slot);
    if (note)
        note->refused = w->err.num;
    if (w->accepted)
        notify_entry(b->notifier, number(b, i->dir), inode_name(i));
    view_remove(&b->view, w->slot, now_ns());
}

static void end_delete(struct fs_balancer *b, struct work *w, bool done)
{
    const struct inode *i = inode_at(b->view.inodes, w->slot);

    if (i->flags & INODE_GONE) {
        if (done)
            forget_node(b, w->dir, w->one[0].node.name);
        return;
    }
    if (done || i->flags & INODE_LOST) {
        tell_unasked(b, w, i->dir, inode_name(i));
        view_remove(&b->view, w->slot, now_ns());
        return;
    }
    view_flag(&b->view, w->slot, 0, INODE_DELETING | INODE_ACCEPTED);
    if (w->accepted)
        notify_entry(b->notifier, number(b, i->dir), inode_name(i));
}

static void end_mkdir(struct fs_balancer *b, const struct work *w, bool done)
{
    uint32_t slot = view_pool(&b->view, w->pool.name);
    struct inode *i;

    if (!done)
        return;
    if (!slot)
        slot = view_add(&b->view, SLOT_TOP, INODE_POOL, w->pool.name, 0, now_ns());
    i = inode_at(b->view.inodes, slot);
    if (!i || i->entries->exists)
        return;
    i->entries->exists = true;
    b->view.pools++;
    attr_made_by(b, slot, w->who.uid);
    tell_unasked(b, w, SLOT_TOP, w->pool.name);
}

static void end_rmdir(struct fs_balancer *b, const struct work *w, bool done)
{
    const struct inode *i = inode_at(b->view.inodes, w->dir);

    if (!done || i->flags & INODE_GONE)
        return;
    tell_unasked(b, w, SLOT_TOP, w->pool.name);
    view_remove(&b->view, w->dir, now_ns());
}

/* The directory that was moved to may be gone since, if who asked was interrupted. */
static void moved(struct fs_balancer *b, struct work *w, enum inode_kind kind)
{
    const struct inode *i = inode_at(b->view.inodes, w->slot);
    bool to_gone = inode_at(b->view.inodes, w->to_dir)->flags & INODE_GONE;

    if (i->flags & INODE_GONE || to_gone) {
        if (kind == INODE_NODE)
            need_node(b, w->to_dir, w->to_name);
        if (!(i->flags & INODE_GONE))
            view_remove(&b->view, w->slot, now_ns());
        return;
    }
    tell_unasked(b, w, i->dir, inode_name(i));
    tell_unasked(b, w, w->to_dir, w->to_name);
    (void)view_move(&b->view, w->slot, w->to_dir, w->to_name, kind, now_ns());
}

static void end_rename(struct fs_balancer *b, struct work *w, bool done)
{
    const struct inode *to = inode_at(b->view.inodes, w->to_dir);
    struct error ignored;
    struct node node;
    enum inode_kind kind = INODE_SCRATCH;

    if (to->kind == INODE_POOL && node_parse(&node, w->to_name, &ignored) == 0)
        kind = INODE_NODE;

    view_flag(&b->view, w->slot, 0, INODE_DELETING | INODE_LOST);
    if (done)
        moved(b, w, kind);
}

/* What was renamed onto .nodes is what the kernel now knows by that name. */
static void become_nodes(struct fs_balancer *b, uint32_t dir, uint32_t scratch)
{
    struct inode *i = inode_at(b->view.inodes, scratch);
    uint32_t from = i->dir;

    if (!(i->flags & INODE_GONE))
        view_remove(&b->view, scratch, now_ns());
    i->kind = INODE_NODES;
    if (from != dir) { /* it comes out of a scratch directory */
        i->dir = dir;
        inode_at(b->view.inodes, dir)->entries->inodes++;
        inode_at(b->view.inodes, from)->entries->inodes--;
        inode_reap(b->view.inodes, from);
    }
    inode_at(b->view.inodes, dir)->entries->nodes_slot = scratch;
}

/* Times that the writer has set hold until the nodes change again. */
static void written_at(struct fs_balancer *b, struct dir *d, int64_t now)
{
    struct note *note = d->nodes_slot ? inode_note(b->view.inodes, d->nodes_slot) : NULL;

    d->nodes_changed = now;
    if (note)
        note->at = now;
}

/* Somebody may be adding the same node, whose change has not begun. */
static void bring_node(struct fs_balancer *b, uint32_t dir, const char *name)
{
    uint32_t slot = view_find(&b->view, dir, name);

    if (!slot)
        (void)view_add(&b->view, dir, INODE_NODE, name, 0, now_ns());
    else if (inode_at(b->view.inodes, slot)->flags & INODE_ADDING)
        view_flag(&b->view, slot, 0, INODE_ADDING | INODE_ACCEPTED);
    else
        view_flag(&b->view, slot, 0, INODE_LOST);
}

/* The pool is what the list says; the kernel has to ask for what came and went. */
static void end_nodes(struct fs_balancer *b, struct work *w, bool done)
{
    struct inode *pool = inode_at(b->view.inodes, w->dir);

    if (!done || (pool->flags & INODE_GONE))
        return;
    for (size_t i = 0; i < w->n; i++) {
        const struct change *c = &w->changes[i];
        uint32_t slot = view_find(&b->view, w->dir, c->node.name);

        if (c->kind == ADD_NODE)
            bring_node(b, w->dir, c->node.name);
        if (c->kind == DELETE_NODE && slot &&
            !(inode_at(b->view.inodes, slot)->flags & INODE_ADDING))
            view_remove(&b->view, slot, now_ns());
        notify_entry(b->notifier, number(b, w->dir), c->node.name);
    }
    buf_free(&pool->entries->written);
    pool->entries->written = w->text;
    pool->entries->has_written = true;
    pool->entries->has_text_size = false;
    w->text = (struct buf)BUF_INIT;
    if (w->replacing)
        become_nodes(b, w->dir, w->replacing);
    written_at(b, pool->entries, now_ns());
}

static void pool_made(struct fs_balancer *b, uint32_t dir)
{
    struct inode *i = inode_at(b->view.inodes, dir);

    if (!i || i->kind != INODE_POOL || i->entries->exists || (i->flags & INODE_GONE))
        return;
    i->entries->exists = true;
    b->view.pools++;
}

static void into_view(struct fs_balancer *b, struct work *w, bool done)
{
    /* The first node makes its pool. */
    if (done && (w->kind == WORK_ADD || w->kind == WORK_RENAME || w->kind == WORK_NODES))
        pool_made(b, w->kind == WORK_RENAME ? w->to_dir : w->dir);
    switch (w->kind) {
    case WORK_ADD:
        end_add(b, w, done);
        break;
    case WORK_DELETE:
        end_delete(b, w, done);
        break;
    case WORK_MKDIR:
        end_mkdir(b, w, done);
        break;
    case WORK_RMDIR:
        end_rmdir(b, w, done);
        break;
    case WORK_RENAME:
        end_rename(b, w, done);
        break;
    case WORK_NODES:
        end_nodes(b, w, done);
        break;
    }
}

static void note_result(struct fs_balancer *b, const struct work *w)
{
    struct inode *pool = inode_at(b->view.inodes, w->dir);

    if (w->err.num == 0) {
        b->last_change_ms = clock_real_ms();
        return;
    }
    balancer_note_error(b, &w->err);
    if (w->guarded)
        guard_refund(b->guard, w->guarded_pool.name, w->guarded, w->guarded_ms);
    if (w->accepted && pool && pool->kind == INODE_POOL)
        pool->entries->failed_later = w->err.num;
    if (w->err.num == EIO) /* unknown: to be read again before anything is said */
        b->view.pools_until = b->view.whole_until = 0;
    if (w->err.num == EIO && pool && pool->entries)
        pool->entries->fresh_until = 0;
}

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
    into_view(b, w, w->err.num == 0);
    if (!w->silent)
        note_result(b, w);
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
