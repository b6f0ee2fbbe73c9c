/* New names: a node's change begins here and is waited for in open; a pool's is waited for here. */
#include "fs/ops.h"
#include "fs/scratch.h"
#include <errno.h>
#include <string.h>

/* ---- scratch ------------------------------------------------------------------------------ */

static void make_scratch(struct call *c, enum inode_kind kind)
{
    struct fs_balancer *b = c->b;
    uint32_t slot = view_find(&b->view, c->slot, c->name);
    struct note *note;

    if (slot) {
        ops_end(c, EEXIST);
        return;
    }
    if (b->view.scratch >= SCRATCH_MAX) {
        ops_end(c, ENOSPC);
        return;
    }
    slot = view_add(&b->view, c->slot, kind, c->name, 0, now_ns());
    note = slot ? inode_note_need(b->view.inodes, slot) : NULL;
    if (!note) {
        if (slot)
            view_remove(&b->view, slot, now_ns());
        ops_end(c, ENOMEM);
        return;
    }
    note->mode = c->mode & 07777;
    note->has_mode = true;
    attr_made_by(b, slot, fuse_req_ctx(c->req)->uid);
    ops_entry(c, slot, c->slot);
}

/* ---- a node ------------------------------------------------------------------------------- */

/* The kernel found no such node, but a listing has brought it since: it has to look again, for only
 * it knows whether the name may be there (O_EXCL). With commit_delay a node that was removed may be
 * wanted again before that was done. true: the name is dealt with. */
static bool node_is_there(struct call *c)
{
    uint32_t slot = view_find(&c->b->view, c->slot, c->name);
    const struct inode *i = slot ? inode_at(c->b->view.inodes, slot) : NULL;
    struct work *w = slot ? work_deleting(c->b, slot) : NULL;

    if (!i)
        return false;
    if (!(i->flags & INODE_DELETING) || !(i->flags & INODE_ACCEPTED) || !w) {
        ops_end(c, ESTALE);
        return true;
    }
    if (work_may_withdraw(w)) {
        bool lost = i->flags & INODE_LOST;

        work_withdraw(c->b, w, &work_cancelled);
        if (!lost)
            ops_entry(c, slot, c->slot);
        return !lost; /* somebody else has deleted it: it has to be added again */
    }
    c->b->hurry = true;
    call_wait_work(c, w);
    return true;
}

static void make_node(struct call *c, const struct node *node)
{
    struct fs_balancer *b = c->b;
    bool accepted = b->set.delay_ms > 0;
    uint8_t flags = INODE_ADDING | (accepted ? INODE_ACCEPTED : 0);
    struct work *w;
    struct error err;
    uint32_t slot;

    if (node_is_there(c))
        return;
    if (work_allowed(b, inode_name(ops_inode(c)), &err) != 0) {
        ops_refuse(c, "touch", &err);
        return;
    }
    slot = view_add(&b->view, c->slot, INODE_NODE, c->name, flags, now_ns());
    w = slot ? work_new(b, c, WORK_ADD, "touch", c->slot, slot) : NULL;
    if (!w) {
        if (slot)
            view_remove(&b->view, slot, now_ns());
        ops_end(c, ENOMEM);
        return;
    }
    w->one[0] = (struct change){ADD_NODE, w->pool, *node};
    w->n = 1;
    w->accepted = accepted;
    attr_made_by(b, slot, w->who.uid);
    work_queue(b, w);
    ops_entry(c, slot, c->slot);
}

static void mknod_in_pool(struct call *c)
{
    struct error err;
    struct node node;

    if (name_is_control(c->name)) {
        ops_end(c, strcmp(c->name, ".nodes") == 0 ? EEXIST : EPERM);
    } else if (node_parse(&node, c->name, &err) == 0) {
        make_node(c, &node);
    } else if (scratch_is_name(c->name)) {
        make_scratch(c, INODE_SCRATCH);
    } else {
        ops_refuse(c, "touch", &err);
    }
}

static void do_mknod(struct call *c)
{
    const struct inode *i;

    if (!call_keep(c))
        return;
    (void)pthread_mutex_lock(&c->b->lock);
    i = ops_inode(c);
    if (!i || i->flags & INODE_GONE)
        ops_end(c, ENOENT);
    else if (c->b->ending)
        ops_end(c, ESTALE);
    else if (!S_ISREG(c->mode) || i->kind == INODE_TOP)
        ops_end(c, EPERM);
    else if (i->kind == INODE_SCRATCH_DIR)
        make_scratch(c, INODE_SCRATCH);
    else
        mknod_in_pool(c);
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
    struct call c = {.mode = mode};

    (void)rdev;
    ops_start(req, parent, name, &c, do_mknod);
}

/* ---- a pool ------------------------------------------------------------------------------- */

static void pool_made(struct call *c)
{
    uint32_t slot = view_pool(&c->b->view, c->name);

    if (c->work->err.num || !slot)
        ops_end(c, c->work->err.num ? c->work->err.num : ENOENT);
    else
        ops_entry(c, slot, SLOT_TOP);
}

static void make_pool(struct call *c)
{
    struct fs_balancer *b = c->b;
    uint32_t slot = view_pool(&b->view, c->name);
    struct error err;
    struct pool pool;
    struct work *w;

    if (c->own) {
        pool_made(c);
        return;
    }
    if (name_is_control(c->name) || (slot && view_shows(inode_at(b->view.inodes, slot)))) {
        ops_end(c, EEXIST);
        return;
    }
    if (pool_parse(&pool, c->name, &err) != 0 || work_allowed(b, c->name, &err) != 0) {
        ops_refuse(c, "mkdir", &err);
        return;
    }
    w = work_new(b, c, WORK_MKDIR, "mkdir", SLOT_TOP, 0);
    if (!w) {
        ops_end(c, ENOMEM);
        return;
    }
    w->pool = pool;
    w->one[0] = (struct change){.kind = CREATE_POOL, .pool = pool};
    w->n = 1;
    ops_submit(c, w);
}

static void do_mkdir(struct call *c)
{
    const struct inode *i;

    if (!call_keep(c))
        return;
    (void)pthread_mutex_lock(&c->b->lock);
    i = ops_inode(c);
    if (!i || i->flags & INODE_GONE)
        ops_end(c, ENOENT);
    else if (!c->b->serial || i->kind == INODE_SCRATCH_DIR)
        ops_end(c, EPERM);
    else if (c->b->ending && !c->own)
        ops_end(c, ESTALE);
    else if (i->kind == INODE_TOP)
        make_pool(c);
    else if (scratch_is_name(c->name))
        make_scratch(c, INODE_SCRATCH_DIR);
    else
        ops_end(c, EPERM);
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct call c = {.mode = mode};

    ops_start(req, parent, name, &c, do_mkdir);
}
