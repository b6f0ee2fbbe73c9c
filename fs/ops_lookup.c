/* From names to inodes, their attributes, and forgetting them. */
#include "fs/control.h"
#include "fs/ops.h"
#include <errno.h>
#include <string.h>

/* ---- the root ----------------------------------------------------------------------------- */

static void root_lookup(struct call *c)
{
    struct fs_balancer *named;
    struct fuse_entry_param e;
    int why;

    if (strcmp(c->name, ".status") == 0) {
        (void)pthread_mutex_lock(&c->b->lock);
        ops_entry(c, SLOT_STATUS, SLOT_TOP);
        return;
    }
    named = fs_named(c->b->fs, c->name, &why);
    if (!named) {
        reply_err(c, why);
        return;
    }
    c->to = named;
    (void)pthread_mutex_lock(&named->lock);
    attr_entry(named, SLOT_TOP, &e);
    (void)pthread_mutex_unlock(&named->lock);
    reply_entry(c, &e);
}

/* ---- a balancer --------------------------------------------------------------------------- */

/* rm's thread walks its path again while its change is under way: here it waits, with no lock. Then
 * it goes on whatever the balancer says by now: its answer is known. */
static bool wait_for_bounce(struct call *c)
{
    const struct bounce *bounce = bounce_find(c->b, fuse_req_ctx(c->req)->pid);
    const struct inode *pool = bounce ? inode_at(c->b->view.inodes, bounce->dir) : NULL;

    if (!pool || strcmp(inode_name(pool), c->name) != 0)
        return false;
    if (bounce->work->state != WORK_DONE && !bounce->overdue)
        call_wait_work(c, bounce->work);
    else if (!(pool->flags & INODE_GONE))
        ops_entry(c, bounce->dir, SLOT_TOP);
    else
        return false;
    return true;
}

static uint32_t enter(struct fs_balancer *b, const char *name)
{
    uint32_t slot = view_add(&b->view, SLOT_TOP, INODE_POOL, name, 0, now_ns());

    if (slot)
        inode_at(b->view.inodes, slot)->entries->entered = true;
    return slot;
}

/* With the lock. */
static void top_lookup(struct call *c)
{
    struct error ignored;
    struct pool pool;
    uint32_t slot;

    if (strcmp(c->name, ".status") == 0 || strcmp(c->name, ".log") == 0) {
        ops_entry(c, c->name[1] == 's' ? SLOT_STATUS : SLOT_LOG, SLOT_TOP);
        return;
    }
    if (wait_for_bounce(c))
        return;
    if (pool_parse(&pool, c->name, &ignored) != 0) {
        ops_end(c, ENOENT);
        return;
    }
    if (!balancer_fresh(c->b, c, 0))
        return;
    slot = view_pool(&c->b->view, c->name);
    if (slot && !view_shows(inode_at(c->b->view.inodes, slot)) &&
        !inode_at(c->b->view.inodes, slot)->entries->entered)
        slot = 0;
    if (!slot && c->b->set.auto_pools)
        slot = enter(c->b, c->name);
    ops_entry(c, slot, SLOT_TOP);
}

/* ---- a pool ------------------------------------------------------------------------------- */

/* The second walk of rm has to find what is gone already. */
static uint32_t bounced(const struct call *c)
{
    struct bounce *bounce = bounce_find(c->b, fuse_req_ctx(c->req)->pid);

    if (!bounce || bounce->dir != c->slot ||
        strcmp(inode_name(inode_at(c->b->view.inodes, bounce->slot)), c->name) != 0)
        return 0;
    bounce->walked = true;
    return bounce->slot;
}

static void pool_lookup(struct call *c)
{
    uint32_t slot = bounced(c);
    struct error ignored;
    struct node node;

    if (slot) {
        ops_entry(c, slot, c->slot);
        return;
    }
    slot = view_find(&c->b->view, c->slot, c->name);
    if (slot && inode_at(c->b->view.inodes, slot)->kind != INODE_NODE) {
        ops_entry(c, slot, c->slot);
        return;
    }
    if (strcmp(c->name, ".nodes") != 0 && node_parse(&node, c->name, &ignored) != 0) {
        ops_end(c, ENOENT);
        return;
    }
    if (!balancer_fresh(c->b, c, c->slot))
        return;
    if (c->name[0] == '.') {
        slot = control_nodes_slot(c->b, c->slot);
    } else {
        slot = view_find(&c->b->view, c->slot, c->name);
        if (slot && inode_at(c->b->view.inodes, slot)->flags & INODE_DELETING &&
            inode_at(c->b->view.inodes, slot)->flags & INODE_ACCEPTED)
            slot = 0;
    }
    ops_entry(c, slot, c->slot);
}

static void do_lookup(struct call *c)
{
    const struct inode *i;

    if (!c->b->serial) {
        root_lookup(c);
        return;
    }
    (void)pthread_mutex_lock(&c->b->lock);
    i = ops_inode(c);
    if (!i || !i->entries)
        ops_end(c, i ? ENOTDIR : ESTALE);
    else if (i->kind == INODE_TOP)
        top_lookup(c);
    else if (i->kind == INODE_POOL)
        pool_lookup(c);
    else
        ops_entry(c, view_find(&c->b->view, c->slot, c->name), c->slot);
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct call c = {0};

    ops_start(req, parent, name, &c, do_lookup);
}

/* ---- forgetting --------------------------------------------------------------------------- */

static void forget(struct fs *fs, fuse_ino_t ino, uint64_t n)
{
    struct fs_balancer *b = fs_of(fs, ino);

    if (!b)
        return;
    (void)pthread_mutex_lock(&b->lock);
    view_forget(&b->view, (uint32_t)ino, n);
    (void)pthread_mutex_unlock(&b->lock);
}

void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
    forget(fuse_req_userdata(req), ino, n);
    fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    for (size_t i = 0; i < count; i++)
        forget(fuse_req_userdata(req), forgets[i].ino, forgets[i].nlookup);
    fuse_reply_none(req);
}

/* ---- attributes --------------------------------------------------------------------------- */

static void do_getattr(struct call *c)
{
    const struct inode *i;
    struct stat st;
    double timeout;

    (void)pthread_mutex_lock(&c->b->lock);
    i = ops_inode(c);
    if (!i) {
        ops_end(c, ESTALE);
        return;
    }
    attr_fill(c->b, c->slot, &st);
    timeout = attr_timeout(c->b, c->slot);
    if (i->flags & INODE_GONE && i->kind != INODE_NODES)
        st.st_nlink = 0;
    if (c->handle && i->kind == INODE_NODES)
        st.st_size = (off_t)handle_size(c->handle);
    (void)pthread_mutex_unlock(&c->b->lock);
    reply_attr(c, &st, timeout);
}

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct call c = {.handle = handle_of(fi)};

    ops_start(req, ino, NULL, &c, do_getattr);
}

static void set_attr(struct call *c, const struct stat *attr, int to_set)
{
    const struct inode *i;
    struct stat st;
    double timeout;
    int failed = 0;

    (void)pthread_mutex_lock(&c->b->lock);
    i = ops_inode(c);
    if (!i)
        failed = ESTALE;
    else if (i->flags & INODE_ADDING && !(i->flags & INODE_ACCEPTED))
        failed = EBUSY; /* or touch would say that all is well after its open has failed */
    else if (to_set & FUSE_SET_ATTR_SIZE && c->handle && i->kind == INODE_NODES)
        failed = handle_resize(c->handle, attr->st_size);
    if (!failed)
        failed = attr_set(c->b, c->slot, attr, to_set);
    if (failed) {
        ops_end(c, failed);
        return;
    }
    attr_fill(c->b, c->slot, &st);
    if (c->handle && i->kind == INODE_NODES)
        st.st_size = (off_t)handle_size(c->handle);
    timeout = attr_timeout(c->b, c->slot);
    (void)pthread_mutex_unlock(&c->b->lock);
    reply_attr(c, &st, timeout);
}

void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
                struct fuse_file_info *fi)
{
    struct call c = {.req = req,
                     .b = fs_of(fuse_req_userdata(req), ino),
                     .slot = (uint32_t)ino,
                     .handle = handle_of(fi)};

    if (c.b)
        set_attr(&c, attr, to_set);
    else
        (void)fuse_reply_err(req, ESTALE);
}
