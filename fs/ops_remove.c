/* Removing: rm waits outside of the directory's lock where it can (bounce.c), rmdir under it. */
#include "fs/ops.h"
#include <errno.h>
#include <string.h>

/* ---- unlink ------------------------------------------------------------------------------- */

/* The same thread comes again. true: answered, or it waits. */
static bool second_time(struct call *c)
{
    struct bounce *bounce = bounce_find(c->b, fuse_req_ctx(c->req)->pid);
    struct work *w;

    if (!bounce || bounce->dir != c->slot ||
        strcmp(inode_name(inode_at(c->b->view.inodes, bounce->slot)), c->name) != 0)
        return false;
    /* It did not walk its path to the end: this is a question of its own. Else it is the one that
     * was asked first, even if another node of that name has come since. */
    if (!bounce->walked) {
        bounce_drop(c->b, bounce);
        return false;
    }
    w = bounce->work;
    if (w->state == WORK_DONE || bounce->overdue) {
        int num = w->state == WORK_DONE ? w->err.num : ETIMEDOUT;

        bounce_drop(c->b, bounce);
        ops_end(c, num);
        return true;
    }
    w->refs++;
    bounce_drop(c->b, bounce);
    c->work = w;
    c->own = true;
    call_wait_work(c, w);
    return true;
}

static bool may_bounce(const struct call *c)
{
    return fs_settings(c->b->fs)->unlink == FS_UNLINK_BOUNCE && fuse_req_ctx(c->req)->pid != 0;
}

/* With the lock. The change is queued; now the caller has to wait for it, one way or the other. */
static void wait_for_removal(struct call *c, uint32_t slot, struct work *w)
{
    if (w->accepted) {
        ops_end(c, 0);
        return;
    }
    bounce_reap(c->b);
    if (may_bounce(c) && bounce_new(c->b, fuse_req_ctx(c->req)->pid, c->slot, slot, w)) {
        ops_end(c, ESTALE);
        return;
    }
    c->own = true;
    call_wait_work(c, w);
}

static struct work *removal(struct call *c, uint32_t slot, struct error *err)
{
    struct fs_balancer *b = c->b;
    struct work *w;

    if (work_allowed(b, inode_name(ops_inode(c)), err) != 0)
        return NULL;
    w = work_new(b, c, WORK_DELETE, "rm", c->slot, slot);
    if (!w) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    w->one[0] = (struct change){.kind = DELETE_NODE, .pool = w->pool};
    w->n = 1;
    w->accepted = b->set.delay_ms > 0;
    if (node_parse(&w->one[0].node, c->name, err) == 0 && work_guard(b, w, c->slot, 1, 0, err) == 0)
        return w;
    work_unref(b, w);
    return NULL;
}

static void remove_node(struct call *c, uint32_t slot)
{
    struct fs_balancer *b = c->b;
    struct work *w = work_deleting(b, slot);
    struct error err;

    if (w) { /* somebody else is at it: whoever comes second finds nothing */
        if (w->accepted)
            ops_end(c, ENOENT);
        else
            call_wait_work(c, w);
        return;
    }
    w = work_adding(b, slot);
    if (w && w->accepted && work_may_withdraw(w)) {
        bool is_there = !(inode_at(b->view.inodes, slot)->flags & INODE_ADDING);

        work_withdraw(b, w, &work_cancelled);
        if (!is_there) {
            ops_end(c, 0);
            return;
        }
        w = NULL; /* a list has brought it meanwhile */
    }
    if (w) {
        b->hurry = true;
        call_wait_work(c, w);
        return;
    }
    w = removal(c, slot, &err);
    if (!w) {
        ops_refuse(c, "rm", &err);
        return;
    }
    view_flag(&b->view, slot, INODE_DELETING | (w->accepted ? INODE_ACCEPTED : 0), 0);
    work_queue(b, w);
    wait_for_removal(c, slot, w);
}

static void unlink_entry(struct call *c, uint32_t slot)
{
    switch (inode_at(c->b->view.inodes, slot)->kind) {
    case INODE_SCRATCH:
        if (ops_wait_pending(c, slot))
            break;
        view_remove(&c->b->view, slot, now_ns());
        ops_end(c, 0);
        break;
    case INODE_NODE:
        remove_node(c, slot);
        break;
    default:
        ops_end(c, EISDIR);
    }
}

static void do_unlink(struct call *c)
{
    const struct inode *i;
    uint32_t slot;

    if (!ops_begin(c))
        return;
    i = ops_inode(c);
    if (!i || second_time(c)) {
        if (!i)
            ops_end(c, ENOENT);
        return;
    }
    slot = view_find(&c->b->view, c->slot, c->name);
    if (c->b->ending)
        ops_end(c, ESTALE);
    else if (name_is_control(c->name) || !c->b->serial)
        ops_end(c, EPERM);
    else if (i->kind == INODE_TOP)
        ops_end(c, slot ? EISDIR : ENOENT);
    else if (!slot)
        ops_end(c, ENOENT);
    else
        unlink_entry(c, slot);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct call c = {0};

    ops_start(req, parent, name, &c, do_unlink);
}

/* ---- rmdir -------------------------------------------------------------------------------- */

/* With commit_delay a pool may be empty to its user and not yet on the balancer: a removal to wait
 * for. NULL: there is something in the pool, or nothing. */
static struct work *last_removal(const struct fs_balancer *b, const struct dir *pool)
{
    struct work *w = NULL;

    for (uint32_t i = 0; i < pool->n; i++) {
        w = work_deleting(b, pool->by_name[i]);
        if (!w || !w->accepted)
            return NULL;
    }
    return w;
}

static void remove_pool(struct call *c, uint32_t slot)
{
    struct fs_balancer *b = c->b;
    const struct inode *pool = inode_at(b->view.inodes, slot);
    struct error err;
    struct work *w;

    w = last_removal(b, pool->entries);
    if (w) {
        b->hurry = true;
        call_wait_work(c, w);
        return;
    }
    if (pool->entries->n) {
        ops_end(c, ENOTEMPTY);
        return;
    }
    if (!pool->entries->exists && !pool->entries->pending) {
        view_remove(&b->view, slot, now_ns());
        ops_end(c, 0);
        return;
    }
    if (work_allowed(b, c->name, &err) != 0) {
        ops_refuse(c, "rmdir", &err);
        return;
    }
    w = work_new(b, c, WORK_RMDIR, "rmdir", slot, 0);
    if (!w) {
        ops_end(c, ENOMEM);
        return;
    }
    w->one[0] = (struct change){.kind = DELETE_POOL, .pool = w->pool};
    w->n = 1;
    ops_submit(c, w);
}

static void remove_scratch_dir(struct call *c, uint32_t slot)
{
    const struct inode *i = slot ? inode_at(c->b->view.inodes, slot) : NULL;

    if (!i) {
        ops_end(c, ENOENT);
    } else if (i->kind != INODE_SCRATCH_DIR) {
        ops_end(c, ENOTDIR);
    } else if (i->entries->n) {
        ops_end(c, ENOTEMPTY);
    } else {
        view_remove(&c->b->view, slot, now_ns());
        ops_end(c, 0);
    }
}

static void do_rmdir(struct call *c)
{
    const struct inode *i;
    uint32_t slot;

    if (!ops_begin(c))
        return;
    i = ops_inode(c);
    slot = i ? view_find(&c->b->view, c->slot, c->name) : 0;
    if (!c->b->serial)
        ops_end(c, EPERM);
    else if (c->b->ending)
        ops_end(c, ESTALE);
    else if (i && i->kind != INODE_TOP)
        remove_scratch_dir(c, slot);
    else if (!slot)
        ops_end(c, ENOENT);
    else
        remove_pool(c, slot);
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct call c = {0};

    ops_start(req, parent, name, &c, do_rmdir);
}
