/* Open files: a node's is parked until the node is in force; control files are texts of a handle.
 */
#include "fs/control.h"
#include "fs/nodes_text.h"
#include "fs/ops.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* ---- open --------------------------------------------------------------------------------- */

static bool wants_to_write(const struct call *c)
{
    return (c->fi.flags & O_ACCMODE) != O_RDONLY;
}

/* With the lock. */
static void open_file(struct call *c)
{
    const struct stat empty = {.st_size = 0};

    /* The kernel leaves it to open, and sends no SETATTR. */
    if (c->fi.flags & O_TRUNC)
        (void)attr_set(c->b, c->slot, &empty, FUSE_SET_ATTR_SIZE);
    (void)pthread_mutex_unlock(&c->b->lock);
    c->fi.fh = 0;
    c->fi.keep_cache = 1;
    c->fi.noflush = 1;
    reply_open(c);
}

/* Its adding was refused: this is the answer to touch. Else the kernel looks again, but only once:
 * what it found then and what is gone now was there when it was opened. With the lock. */
static void open_gone(struct call *c)
{
    const struct note *note = inode_note(c->b->view.inodes, c->slot);

    if (note && note->refused == work_cancelled.num) /* made, and removed at once */
        open_file(c);
    else if (note && note->refused)
        ops_end(c, note->refused);
    else if (bounce_open(c->b, fuse_req_ctx(c->req)->pid, c->slot))
        open_file(c);
    else
        ops_end(c, ESTALE);
}

/* With the lock. */
static void open_node(struct call *c, const struct inode *i)
{
    if (i->flags & INODE_ADDING && !(i->flags & INODE_ACCEPTED)) {
        if (!ops_wait_pending(c, c->slot))
            ops_end(c, ESTALE);
        return;
    }
    if (i->flags & INODE_GONE) {
        open_gone(c);
        return;
    }
    if (!(i->flags & INODE_ACCEPTED) && !c->work && !balancer_fresh(c->b, c, i->dir))
        return;
    i = ops_inode(c);
    if (!i || i->flags & INODE_GONE)
        open_gone(c);
    else
        open_file(c);
}

static void give_handle(struct call *c, struct handle *h)
{
    c->fi.fh = (uint64_t)(uintptr_t)h;
    c->fi.direct_io = 1;
    reply_open(c);
}

/* With the lock. */
static void open_nodes(struct call *c, uint32_t pool)
{
    struct handle *h;

    if (!balancer_fresh(c->b, c, pool))
        return;
    h = handle_new();
    if (!h) {
        ops_end(c, ENOMEM);
        return;
    }
    if (wants_to_write(c))
        handle_set_opener(h, fuse_req_ctx(c->req));
    if (!(c->fi.flags & O_TRUNC))
        control_nodes_text(c->b, pool, handle_text(h));
    (void)pthread_mutex_unlock(&c->b->lock);
    give_handle(c, h);
}

/* Without the lock: a driver's status takes its own. */
static void open_text(struct call *c, enum inode_kind kind)
{
    struct handle *h = handle_new();
    struct error err;
    int result = 0;

    if (!h) {
        reply_err(c, ENOMEM);
        return;
    }
    if (kind == INODE_LOG)
        audit_text(c->b->audit, handle_text(h));
    else if (c->b->serial)
        result = control_status(c->b, handle_text(h), &err);
    else
        result = control_status_all(c->b->fs, handle_text(h), &err);
    if (result == 0)
        result = buf_check(handle_text(h), &err);
    if (result == 0) {
        give_handle(c, h);
        return;
    }
    handle_free(h);
    reply_err(c, err.num);
}

static void do_open(struct call *c)
{
    const struct inode *i;

    (void)pthread_mutex_lock(&c->b->lock);
    i = ops_inode(c);
    if (!i) {
        ops_end(c, ESTALE);
    } else if (i->kind == INODE_NODE) {
        open_node(c, i);
    } else if (i->kind == INODE_NODES) {
        open_nodes(c, i->dir);
    } else if (i->kind == INODE_SCRATCH) {
        open_file(c);
    } else if (inode_is_dir(i)) {
        ops_end(c, EISDIR);
    } else if (wants_to_write(c)) {
        ops_end(c, EPERM);
    } else {
        enum inode_kind kind = (enum inode_kind)i->kind;

        (void)pthread_mutex_unlock(&c->b->lock);
        open_text(c, kind);
    }
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct call c = {.fi = *fi};

    ops_start(req, ino, NULL, &c, do_open);
}

/* ---- read and write ----------------------------------------------------------------------- */

static void reply_part(struct call *c, const struct buf *text)
{
    size_t off = (size_t)c->offset, n = off < text->len ? text->len - off : 0;

    if (n > c->size)
        n = c->size;
    reply_buf(c, n ? text->data + off : NULL, n);
}

static void do_read(struct call *c)
{
    const struct note *note;
    struct buf part = BUF_INIT;

    if (c->handle) {
        reply_part(c, handle_text(c->handle));
        return;
    }
    (void)pthread_mutex_lock(&c->b->lock);
    note = inode_note(c->b->view.inodes, c->slot);
    if (note && note->text.len)
        buf_add(&part, note->text.data, note->text.len);
    (void)pthread_mutex_unlock(&c->b->lock);
    if (part.failed)
        reply_err(c, ENOMEM);
    else
        reply_part(c, &part);
    buf_free(&part);
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    struct call c = {.handle = handle_of(fi), .size = size, .offset = off};

    ops_start(req, ino, NULL, &c, do_read);
}

/* Of .nodes: times that were set before do not hold for what is written now. */
static int list_write(struct fs_balancer *b, uint32_t slot, struct handle *h,
                      const struct fuse_file_info *fi, const char *data, size_t size, off_t off)
{
    struct note *note;

    (void)pthread_mutex_lock(&b->lock);
    note = inode_note(b->view.inodes, slot);
    if (note)
        note->has_times = false;
    (void)pthread_mutex_unlock(&b->lock);
    return handle_write(h, data, size, off, fi->flags & O_APPEND);
}

/* What is written into a node or a scratch file is kept beside it. 0 or an errno. */
static int note_write(struct fs_balancer *b, uint32_t slot, const char *data, size_t size,
                      off_t off)
{
    struct inode *i = inode_at(b->view.inodes, slot);
    struct note *note;
    size_t end = (size_t)off + size;

    if (!i)
        return ESTALE;
    if (off < 0 || end > attr_size_max((enum inode_kind)i->kind))
        return EFBIG;
    note = inode_note_need(b->view.inodes, slot);
    if (!note || (end > note->text.len && !buf_reserve(&note->text, end - note->text.len)))
        return ENOMEM;
    if ((size_t)off > note->text.len)
        memset(note->text.data + note->text.len, 0, (size_t)off - note->text.len);
    memcpy(note->text.data + off, data, size);
    if (end > note->text.len) {
        note->text.len = end;
        note->text.data[end] = '\0';
    }
    i->seen = now_ns();
    note->has_times = false;
    return 0;
}

void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
              struct fuse_file_info *fi)
{
    struct fs_balancer *b = fs_of(fuse_req_userdata(req), ino);
    struct handle *h = handle_of(fi);
    int failed;

    if (!b) {
        (void)fuse_reply_err(req, ESTALE);
        return;
    }
    if (h) {
        failed = list_write(b, (uint32_t)ino, h, fi, data, size, off);
    } else {
        (void)pthread_mutex_lock(&b->lock);
        failed = note_write(b, (uint32_t)ino, data, size, off);
        (void)pthread_mutex_unlock(&b->lock);
    }
    if (failed)
        (void)fuse_reply_err(req, failed);
    else
        (void)fuse_reply_write(req, size);
}
