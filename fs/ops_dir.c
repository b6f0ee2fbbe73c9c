/* Directories: opening waits for a fresh listing, reading never waits. An entry's offset is its
 * sequence number and two more; what came after the opening is not shown. */
#include "fs/ops.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READ_MAX ((size_t)128 * 1024)
#define ENTRIES_MAX 2048

/* ---- opening ------------------------------------------------------------------------------ */

static uint64_t last_seq(struct fs *fs, const struct inode *i, uint32_t serial)
{
    uint64_t seq;

    if (serial)
        return i->entries->last_seq;
    (void)pthread_rwlock_rdlock(&fs->table);
    seq = fs->n;
    (void)pthread_rwlock_unlock(&fs->table);
    return seq;
}

static void do_opendir(struct call *c)
{
    const struct inode *i;
    bool ready = true;

    (void)pthread_mutex_lock(&c->b->lock);
    i = ops_inode(c);
    if (!i || !i->entries) {
        ops_end(c, i ? ENOTDIR : ESTALE);
        return;
    }
    if (c->b->serial && i->kind == INODE_TOP)
        ready = balancer_fresh(c->b, c, 0);
    else if (i->kind == INODE_POOL)
        ready = balancer_fresh(c->b, c, c->slot);
    if (!ready)
        return;
    i = ops_inode(c);
    if (!i || i->flags & INODE_GONE) {
        ops_end(c, ENOENT);
        return;
    }
    c->fi.fh = last_seq(c->b->fs, i, c->b->serial);
    (void)pthread_mutex_unlock(&c->b->lock);
    reply_open(c);
}

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct call c = {.fi = *fi};

    ops_start(req, ino, NULL, &c, do_opendir);
}

/* ---- reading ------------------------------------------------------------------------------ */

struct reading {
    fuse_req_t req;
    struct fs_balancer *b;
    char *data;
    size_t len, size;
    bool plus;
    struct fuse_entry_param plain; /* all of it 0 but the number and the mode */
    size_t n;
    fuse_ino_t *looked_up; /* with plus, each is a lookup */
};

/* false: no room. */
static bool put_plain(struct reading *r, const char *name, fuse_ino_t ino, mode_t mode, off_t off)
{
    const struct fuse_entry_param *e = &r->plain;
    size_t left = r->size - r->len, need;

    r->plain.attr.st_ino = ino;
    r->plain.attr.st_mode = mode;
    need = r->plus ? fuse_add_direntry_plus(r->req, r->data + r->len, left, name, e, off)
                   : fuse_add_direntry(r->req, r->data + r->len, left, name, &e->attr, off);
    if (need > left)
        return false;
    r->len += need;
    return true;
}

static bool put_plus(struct reading *r, struct fs_balancer *b, uint32_t slot, const char *name,
                     off_t off)
{
    struct fuse_entry_param e;
    size_t left = r->size - r->len, need;

    if (r->n == ENTRIES_MAX)
        return false;
    attr_entry(b, slot, &e);
    need = fuse_add_direntry_plus(r->req, r->data + r->len, left, name, &e, off);
    if (need > left) {
        inode_at(b->view.inodes, slot)->lookups--;
        return false;
    }
    r->len += need;
    r->looked_up[r->n++] = e.ino;
    return true;
}

static bool put_dots(struct reading *r, fuse_ino_t self, off_t off)
{
    if (off < 1 && !put_plain(r, ".", self, S_IFDIR, 1))
        return false;
    return off >= 2 || put_plain(r, "..", FUSE_ROOT_ID, S_IFDIR, 2);
}

/* With the lock of r->b, whose directory it is. */
static void read_entries(struct reading *r, const struct dir *d, off_t off, uint64_t last)
{
    const struct inodes *t = r->b->view.inodes;

    for (uint32_t at = dir_after(t, d, off > 2 ? (uint64_t)off - 2 : 0); at < d->n; at++) {
        uint32_t slot = d->by_seq[at];
        const struct inode *i = inode_at(t, slot);
        bool fits;

        if (i->seq > last)
            return;
        if (!view_shows(i))
            continue;
        fits = r->plus ? put_plus(r, r->b, slot, inode_name(i), (off_t)i->seq + 2)
                       : put_plain(r, inode_name(i), fs_number(r->b->serial, slot),
                                   inode_is_dir(i) ? S_IFDIR : S_IFREG, (off_t)i->seq + 2);
        if (!fits)
            return;
    }
}

static void read_root(struct reading *r, struct fs *fs, off_t off, uint64_t last)
{
    uint32_t serial = off > 2 ? (uint32_t)off - 2 : 0;
    struct fs_balancer *b;
    bool fits = true;

    while (fits && (b = fs_after(fs, serial)) && b->serial < last) {
        serial = b->serial;
        (void)pthread_mutex_lock(&b->lock);
        fits = r->plus
                   ? put_plus(r, b, SLOT_TOP, b->name, (off_t)serial + 2)
                   : put_plain(r, b->name, fs_number(serial, SLOT_TOP), S_IFDIR, (off_t)serial + 2);
        (void)pthread_mutex_unlock(&b->lock);
    }
}

/* The answer did not arrive, so nothing was looked up. */
static void take_back(struct fs *fs, const struct reading *r)
{
    for (size_t i = 0; i < r->n; i++) {
        struct fs_balancer *b = fs_of(fs, r->looked_up[i]);
        uint32_t slot = (uint32_t)r->looked_up[i];

        (void)pthread_mutex_lock(&b->lock);
        view_forget(&b->view, slot, 1);
        (void)pthread_mutex_unlock(&b->lock);
    }
}

static void read_dir(struct reading *r, fuse_ino_t ino, off_t off, uint64_t last)
{
    struct fs *fs = fuse_req_userdata(r->req);
    const struct inode *i;

    if (!put_dots(r, ino, off))
        return;
    if (!r->b->serial) {
        read_root(r, fs, off, last);
        return;
    }
    (void)pthread_mutex_lock(&r->b->lock);
    i = inode_at(r->b->view.inodes, (uint32_t)ino);
    if (i && i->entries && !(i->flags & INODE_GONE))
        read_entries(r, i->entries, off, last);
    (void)pthread_mutex_unlock(&r->b->lock);
}

static void do_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                    const struct fuse_file_info *fi, bool plus)
{
    struct fs *fs = fuse_req_userdata(req);
    fuse_ino_t looked_up[ENTRIES_MAX];
    struct reading r = {.req = req, .b = fs_of(fs, ino), .plus = plus, .looked_up = looked_up};

    r.size = size < READ_MAX ? size : READ_MAX;
    r.data = r.b ? malloc(r.size) : NULL;
    if (!r.data) {
        (void)fuse_reply_err(req, r.b ? ENOMEM : ESTALE);
        return;
    }
    read_dir(&r, ino, off, fi->fh);
    if (fuse_reply_buf(req, r.data, r.len) != 0)
        take_back(fs, &r);
    free(r.data);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    do_read(req, ino, size, off, fi, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                    struct fuse_file_info *fi)
{
    do_read(req, ino, size, off, fi, true);
}
