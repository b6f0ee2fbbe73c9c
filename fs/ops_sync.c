/* The end of writing: a .nodes that is closed is a change; fsync waits for what was accepted. */
#include "fs/control.h"
#include "fs/nodes_text.h"
#include "fs/ops.h"
#include "fs/writer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- .nodes ------------------------------------------------------------------------------- */

/* A work that makes the pool what the text says. NULL with *err. With the lock. */
struct work *sync_nodes_work(struct call *c, uint32_t pool, const char *text, size_t len,
                             struct error *err)
{
    struct work *w;
    struct error why;

    if (work_allowed(c->b, inode_name(inode_at(c->b->view.inodes, pool)), err) != 0)
        return NULL;
    w = work_new(c->b, c, WORK_NODES, "nodes", pool, 0);
    if (!w) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    buf_add(&w->text, text, len);
    if (buf_check(&w->text, err) == 0 && nodes_text_parse(text, len, &w->wanted, &why) == 0)
        return w;
    if (!w->text.failed)
        (void)error_set(err, why.num, "%s/.nodes: %s", w->pool.name, why.text);
    work_unref(c->b, w);
    return NULL;
}

/* With the lock, which is released. Dirty no more. */
static void commit(struct call *c)
{
    struct inode *i = ops_inode(c);
    struct buf *text = handle_text(c->handle);
    struct error err;
    struct work *w;

    if (c->own) {
        ops_end(c, c->work->err.num);
        return;
    }
    if (!i || inode_at(c->b->view.inodes, i->dir)->flags & INODE_GONE) {
        ops_end(c, ENOENT);
        return;
    }
    if (c->b->ending) {
        ops_end(c, ESTALE);
        return;
    }
    handle_clean(c->handle);
    w = sync_nodes_work(c, i->dir, buf_text(text), text->len, &err);
    if (!w) {
        ops_refuse(c, "nodes", &err);
        return;
    }
    ops_submit(c, w);
}

/* ---- what was accepted -------------------------------------------------------------------- */

static struct work *pending_of(struct work *index, uint32_t dir)
{
    struct work *w, *next;

    HASH_ITER(hh, index, w, next)
    {
        if ((w->dir == dir || w->to_dir == dir) && w->state != WORK_DONE)
            return w;
    }
    return NULL;
}

/* All changes of the pool have ended; then the error of any that was accepted and refused. */
static void barrier(struct call *c, uint32_t pool)
{
    struct inode *i = inode_at(c->b->view.inodes, pool);
    struct work *w = pending_of(c->b->adding, pool);
    int failed;

    if (!w)
        w = pending_of(c->b->deleting, pool);
    if (w) {
        c->b->hurry = true;
        call_wait_work(c, w);
        return;
    }
    failed = i && i->entries ? i->entries->failed_later : 0;
    if (failed)
        i->entries->failed_later = 0;
    ops_end(c, failed);
}

/* ---- the questions ------------------------------------------------------------------------ */

static bool is_to_commit(const struct call *c, const struct inode *i)
{
    return c->own || (i && i->kind == INODE_NODES && c->handle && handle_is_dirty(c->handle));
}

/* What the close is to the list. Takes the lock: /proc is read without it. */
static enum writer closes(const struct call *c)
{
    const struct inode *i, *pool;
    char tail[160] = "";

    (void)pthread_mutex_lock(&c->b->lock);
    i = ops_inode(c);
    pool = i ? inode_at(c->b->view.inodes, i->dir) : NULL;
    if (pool)
        (void)snprintf(tail, sizeof tail, "/%s/%s/.nodes", c->b->name, inode_name(pool));
    (void)pthread_mutex_unlock(&c->b->lock);
    return writer_closes(handle_opener(c->handle), fuse_req_ctx(c->req)->pid, tail);
}

/* With the lock, which is released: half a list is none. */
static void refuse_half(struct call *c)
{
    struct inode *i = ops_inode(c);
    struct error err;

    handle_clean(c->handle);
    (void)error_set(&err, EINTR, "%s/.nodes: its writer was killed before the list was complete",
                    i ? inode_name(inode_at(c->b->view.inodes, i->dir)) : "");
    ops_refuse(c, "nodes", &err);
}

static void do_flush(struct call *c)
{
    enum writer writer;

    if (!call_keep(c))
        return;
    writer = c->own ? WRITER_DONE : closes(c);
    (void)pthread_mutex_lock(&c->b->lock);
    if (!is_to_commit(c, ops_inode(c)) || writer == WRITER_GOES_ON)
        ops_end(c, 0);
    else if (writer == WRITER_KILLED)
        refuse_half(c);
    else
        commit(c);
}

void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct call c = {.handle = handle_of(fi)};

    if (c.handle && handle_is_dirty(c.handle))
        ops_start(req, ino, NULL, &c, do_flush);
    else
        (void)fuse_reply_err(req, 0);
}

static void do_fsync(struct call *c)
{
    const struct inode *i;

    if (!call_keep(c))
        return;
    (void)pthread_mutex_lock(&c->b->lock);
    i = ops_inode(c);
    if (!i)
        ops_end(c, ESTALE);
    else if (is_to_commit(c, i))
        commit(c);
    else if (i->kind == INODE_POOL)
        barrier(c, c->slot);
    else if (i->kind == INODE_NODES || i->kind == INODE_NODE)
        barrier(c, i->dir);
    else
        ops_end(c, 0);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    struct call c = {.handle = handle_of(fi)};

    (void)datasync;
    ops_start(req, ino, NULL, &c, do_fsync);
}

void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    struct call c = {0};

    (void)datasync, (void)fi;
    ops_start(req, ino, NULL, &c, do_fsync);
}

/* The kernel does not say who it is that closes last: it is put down to who opened. */
static void commit_last(struct call *c, uint32_t pool)
{
    struct buf *text = handle_text(c->handle);
    const struct who who = handle_who(c->handle);
    struct error err;
    struct work *w = sync_nodes_work(c, pool, buf_text(text), text->len, &err);

    if (!w) {
        ops_refuse_for(c, "nodes", &who, &err);
        return;
    }
    w->who = who;
    work_queue(c->b, w);
    ops_end(c, 0);
}

static void do_release(struct call *c)
{
    struct handle *h = c->handle;
    const struct inode *i;

    (void)pthread_mutex_lock(&c->b->lock);
    i = ops_inode(c);
    if (i && handle_is_dirty(h) && !c->b->ending &&
        !(inode_at(c->b->view.inodes, i->dir)->flags & INODE_GONE))
        commit_last(c, i->dir);
    else
        ops_end(c, 0);
    handle_free(h);
}

/* The last close. Whoever wrote without being the one who opened has nobody to tell an error to
 * but the log: the kernel does not wait for the answer. */
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct call c = {.handle = handle_of(fi)};

    if (c.handle && handle_is_dirty(c.handle)) {
        ops_start(req, ino, NULL, &c, do_release);
        return;
    }
    handle_free(c.handle);
    (void)fuse_reply_err(req, 0);
}
