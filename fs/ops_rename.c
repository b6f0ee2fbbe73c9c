/* mv: of a node, one transaction; of a scratch file onto a node's name, an add; onto .nodes, a
 * write of .nodes; among scratch names nothing but a name. Waits under the directories' locks. */
#include "fs/attr.h"
#include "fs/ops.h"
#include "fs/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct move {
    struct call *c;
    uint32_t from, there; /* the entry, and what has the new name: 0: nothing */
    const struct inode *to_dir;
    struct node node; /* of the new name, if is_node */
    bool is_node;
};

static void locally(const struct move *m, enum inode_kind kind)
{
    struct call *c = m->c;
    bool done = view_move(&c->b->view, m->from, c->to_slot, c->to_name, kind, now_ns());

    ops_end(c, done ? 0 : ENOMEM);
}

static void put_change(struct work *w, enum change_kind kind, const char *pool, const char *node)
{
    struct error ignored;

    w->one[w->n] = (struct change){.kind = kind};
    if (pool_parse(&w->one[w->n].pool, pool, &ignored) == 0 &&
        node_parse(&w->one[w->n].node, node, &ignored) == 0)
        w->n++;
}

static void pin_target(struct work *w, const struct move *m)
{
    struct call *c = m->c;

    w->to_dir = c->to_slot;
    inode_at(c->b->view.inodes, c->to_slot)->pins++;
    (void)snprintf(w->to_name, sizeof w->to_name, "%s", c->to_name);
}

static struct work *rename_work(const struct move *m, struct error *err)
{
    struct call *c = m->c;
    struct work *w;
    const char *from_pool = inode_name(ops_inode(c)), *to_pool = inode_name(m->to_dir);

    if (ops_inode(c)->kind == INODE_POOL && work_allowed(c->b, from_pool, err) != 0)
        return NULL;
    if (m->to_dir->kind == INODE_POOL && work_allowed(c->b, to_pool, err) != 0)
        return NULL;
    w = work_new(c->b, c, WORK_RENAME, "mv", c->slot, m->from);
    if (!w) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    pin_target(w, m);
    /* Also where it is there: a list that is being made may be about to delete it. */
    if (m->is_node && m->to_dir->kind == INODE_POOL)
        put_change(w, ADD_NODE, to_pool, c->to_name);
    return w;
}

/* A scratch file takes the name of a node that is not there yet. */
static void scratch_to_node(const struct move *m)
{
    struct call *c = m->c;
    const struct note *note = inode_note(c->b->view.inodes, m->from);
    struct error err;
    struct work *w;

    if (note && note->text.len > attr_size_max(INODE_NODE)) {
        ops_end(c, EFBIG);
        return;
    }
    if (m->there) {
        locally(m, INODE_NODE);
        return;
    }
    w = rename_work(m, &err);
    if (!w) {
        ops_refuse(c, "mv", &err);
        return;
    }
    w->pool = w->one[0].pool;
    ops_submit(c, w);
}

static void scratch_to_nodes(const struct move *m)
{
    struct call *c = m->c;
    const struct note *note = inode_note(c->b->view.inodes, m->from);
    struct error err;
    struct work *w = sync_nodes_work(c, c->to_slot, note ? buf_text(&note->text) : "",
                                     note ? note->text.len : 0, &err);

    if (!w) {
        ops_refuse(c, "nodes", &err);
        return;
    }
    w->replacing = m->from;
    (void)snprintf(w->to_name, sizeof w->to_name, "%s", c->name);
    inode_at(c->b->view.inodes, m->from)->pins++;
    ops_submit(c, w);
}

static void move_scratch(const struct move *m)
{
    struct call *c = m->c;

    if (m->to_dir->kind == INODE_SCRATCH_DIR)
        locally(m, INODE_SCRATCH);
    else if (strcmp(c->to_name, ".nodes") == 0)
        scratch_to_nodes(m);
    else if (m->is_node)
        scratch_to_node(m);
    else if (scratch_is_name(c->to_name))
        locally(m, INODE_SCRATCH);
    else
        ops_end(c, EINVAL);
}

/* A node gets another name or pool, or becomes a scratch file: then it is deleted. */
static void move_node(const struct move *m)
{
    struct call *c = m->c;
    struct fs_balancer *b = c->b;
    bool to_pool = m->to_dir->kind == INODE_POOL;
    bool replaces = to_pool && m->is_node && !m->there && c->slot == c->to_slot;
    struct error err;
    struct work *w;

    if (to_pool && !m->is_node && !scratch_is_name(c->to_name)) {
        ops_end(c, EINVAL);
        return;
    }
    if (!(to_pool && m->is_node) && !m->there && b->view.scratch >= SCRATCH_MAX) {
        ops_end(c, ENOSPC);
        return;
    }
    w = rename_work(m, &err);
    if (w && work_guard(b, w, c->slot, 1, replaces, &err) != 0) {
        work_unref(b, w);
        w = NULL;
    }
    if (!w) {
        ops_refuse(c, "mv", &err);
        return;
    }
    put_change(w, DELETE_NODE, inode_name(ops_inode(c)), c->name);
    view_flag(&b->view, m->from, INODE_DELETING, 0);
    ops_submit(c, w);
}

static void move_scratch_dir(const struct move *m)
{
    struct call *c = m->c;

    if (m->there || m->to_dir->kind != INODE_POOL)
        ops_end(c, m->there ? ENOTEMPTY : EPERM);
    else if (scratch_is_name(c->to_name))
        locally(m, INODE_SCRATCH_DIR);
    else
        ops_end(c, EINVAL);
}

/* What is in the way is waited for, then all is looked at again. true: it waits. */
static bool is_busy(const struct move *m)
{
    if (ops_wait_pending(m->c, m->from))
        return true;
    return m->there && ops_wait_pending(m->c, m->there);
}

static void move(struct move *m)
{
    struct call *c = m->c;
    const struct inode *there = m->there ? inode_at(c->b->view.inodes, m->there) : NULL;
    struct error ignored;

    if (is_busy(m))
        return;
    m->is_node = node_parse(&m->node, c->to_name, &ignored) == 0;
    if (there && there->entries && inode_at(c->b->view.inodes, m->from)->kind != INODE_SCRATCH_DIR)
        ops_end(c, EISDIR);
    else if (m->there && c->flags & RENAME_NOREPLACE)
        ops_end(c, EEXIST);
    else if (m->from == m->there)
        ops_end(c, 0);
    else if (name_is_control(c->name) || strcmp(c->to_name, ".status") == 0 ||
             strcmp(c->to_name, ".log") == 0)
        ops_end(c, EPERM);
    else if (inode_at(c->b->view.inodes, m->from)->kind == INODE_SCRATCH)
        move_scratch(m);
    else if (inode_at(c->b->view.inodes, m->from)->kind == INODE_NODE)
        move_node(m);
    else
        move_scratch_dir(m);
}

static void do_rename(struct call *c)
{
    struct move m = {.c = c};
    const struct inode *dir;

    if (!ops_begin(c))
        return;
    dir = ops_inode(c);
    m.to_dir = inode_at(c->b->view.inodes, c->to_slot);
    if (!dir || !m.to_dir || dir->flags & INODE_GONE || m.to_dir->flags & INODE_GONE) {
        ops_end(c, ENOENT);
    } else if (dir->kind == INODE_TOP || m.to_dir->kind == INODE_TOP) {
        ops_end(c, EPERM);
    } else if (c->b->ending) {
        ops_end(c, ESTALE);
    } else {
        m.from = view_find(&c->b->view, c->slot, c->name);
        m.there = view_find(&c->b->view, c->to_slot, c->to_name);
        if (m.from)
            move(&m);
        else
            ops_end(c, name_is_control(c->name) ? EPERM : ENOENT);
    }
}

/* Between balancers mv copies and removes; a pool would be rebuilt without what its balancer
 * knows of it. */
static int across(struct fs *fs, fuse_ino_t parent, fuse_ino_t to_parent)
{
    const struct fs_balancer *from = fs_of(fs, parent), *to = fs_of(fs, to_parent);

    if (!from || !to)
        return ESTALE;
    if (!from->serial || !to->serial || (uint32_t)parent == SLOT_TOP)
        return EPERM;
    return from == to ? 0 : EXDEV;
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to_parent,
               const char *to_name, unsigned int flags)
{
    struct call c = {.to_slot = (uint32_t)to_parent, .flags = flags};
    int failed = across(fuse_req_userdata(req), parent, to_parent);

    if (!failed && flags & ~(unsigned int)RENAME_NOREPLACE)
        failed = EINVAL;
    if (!failed && strlen(to_name) >= sizeof c.to_name)
        failed = ENAMETOOLONG;
    if (failed) {
        (void)fuse_reply_err(req, failed);
        return;
    }
    memcpy(c.to_name, to_name, strlen(to_name) + 1);
    ops_start(req, parent, name, &c, do_rename);
}
