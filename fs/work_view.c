/* What the end of a change is to the view: put into it, or taken back, and the kernel told where it
 * cannot know. */
#include "drivers/clock.h"
#include "fs/attr.h"
#include "fs/balancer.h"
#include "fs/fs_impl.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static fuse_ino_t number(const struct fs_balancer *b, uint32_t slot)
{
    return fs_number(b->serial, slot);
}

/* Who asked was interrupted, and the kernel may know for long what was there before. */
static void tell_unasked(struct fs_balancer *b, const struct work *w, uint32_t dir,
                         const char *name)
{
    if ((!w->waiting.n || w->unasked) && !w->accepted)
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
    const struct inode *from = inode_at(b->view.inodes, w->slot);
    const struct inode *to = inode_at(b->view.inodes, w->to_dir);
    bool lost;
    struct error ignored;
    struct node node;
    enum inode_kind kind = INODE_SCRATCH;

    if (to->kind == INODE_POOL && node_parse(&node, w->to_name, &ignored) == 0)
        kind = INODE_NODE;

    lost = !done && !(from->flags & INODE_GONE) && from->flags & INODE_LOST;
    view_flag(&b->view, w->slot, 0, INODE_DELETING | INODE_LOST);
    if (done)
        moved(b, w, kind);
    if (!lost)
        return;
    notify_entry(b->notifier, number(b, from->dir), inode_name(from));
    view_remove(&b->view, w->slot, now_ns());
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

/* It may have gone elsewhere since, if who asked was interrupted. */
static void replaced(struct fs_balancer *b, const struct work *w)
{
    const struct inode *i = inode_at(b->view.inodes, w->replacing);

    if (i->kind != INODE_SCRATCH || strcmp(inode_name(i), w->to_name) != 0)
        return;
    tell_unasked(b, w, i->dir, w->to_name);
    tell_unasked(b, w, w->dir, ".nodes");
    become_nodes(b, w->dir, w->replacing);
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

    if (done && pool->flags & INODE_GONE)
        b->view.pools_until = b->view.whole_until = 0;
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
        replaced(b, w);
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

/* What has become of it is unknown: to be read again before anything is said, by the kernel too. */
static void doubt(struct fs_balancer *b, const struct work *w)
{
    b->view.pools_until = b->view.whole_until = 0;
    if (inode_at(b->view.inodes, w->dir)->entries)
        inode_at(b->view.inodes, w->dir)->entries->fresh_until = 0;
    for (size_t n = 0; n < w->n; n++) {
        const struct change *c = &w->changes[n];
        bool is_pool = c->kind == CREATE_POOL || c->kind == DELETE_POOL;
        uint32_t pool = is_pool ? SLOT_TOP : view_pool(&b->view, c->pool.name);

        if (!pool)
            continue;
        inode_at(b->view.inodes, pool)->entries->fresh_until = 0;
        notify_entry(b->notifier, number(b, pool), is_pool ? c->pool.name : c->node.name);
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
    if (w->err.num == EIO)
        doubt(b, w);
}

void work_into_view(struct fs_balancer *b, struct work *w)
{
    const bool done = w->err.num == 0;

    /* The first node makes its pool. */
    if (done && w->n && w->changes[0].kind == ADD_NODE)
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
    if (!w->silent)
        note_result(b, w);
}
