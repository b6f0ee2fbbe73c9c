/* The table of operations, and what all of them do first and last. */
#include "fs/ops.h"
#include "drivers/clock.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

bool name_is_control(const char *name)
{
    return strcmp(name, ".nodes") == 0 || strcmp(name, ".status") == 0 || strcmp(name, ".log") == 0;
}

void ops_start(fuse_req_t req, fuse_ino_t ino, const char *name, struct call *c,
               void (*op)(struct call *))
{
    bool there = false;

    c->req = req;
    c->op = op;
    c->b = fs_of(fuse_req_userdata(req), ino);
    c->slot = (uint32_t)ino;
    if (name && strlen(name) >= sizeof c->name) {
        (void)fuse_reply_err(req, ENAMETOOLONG);
        return;
    }
    if (name)
        memcpy(c->name, name, strlen(name) + 1);
    if (c->b) {
        (void)pthread_mutex_lock(&c->b->lock);
        there = inode_at(c->b->view.inodes, c->slot) != NULL;
        (void)pthread_mutex_unlock(&c->b->lock);
    }
    if (there)
        call_run(c);
    else
        (void)fuse_reply_err(req, ESTALE);
}

struct inode *ops_inode(const struct call *c)
{
    return inode_at(c->b->view.inodes, c->slot);
}

bool ops_begin(struct call *c)
{
    if (!call_keep(c))
        return false;
    (void)pthread_mutex_lock(&c->b->lock);
    if (!c->own)
        return true;
    ops_end(c, c->work->err.num);
    return false;
}

void ops_end(struct call *c, int num)
{
    (void)pthread_mutex_unlock(&c->b->lock);
    reply_err(c, num);
}

static size_t put_node(struct change *out, size_t n, enum change_kind kind, const struct pool *pool,
                       const char *name)
{
    struct error ignored;

    out[n] = (struct change){.kind = kind, .pool = *pool};
    return node_parse(&out[n].node, name, &ignored) == 0 ? n + 1 : n;
}

/* What the call would have changed, as far as its names are names. At most two. */
static size_t refused_changes(const struct call *c, const char *operation, const struct pool *pool,
                              struct change out[2])
{
    bool makes = strcmp(operation, "mkdir") == 0;
    struct error ignored;

    if (strcmp(operation, "touch") == 0)
        return put_node(out, 0, ADD_NODE, pool, c->name);
    if (strcmp(operation, "rm") == 0)
        return put_node(out, 0, DELETE_NODE, pool, c->name);
    if (strcmp(operation, "mv") == 0)
        return put_node(out, put_node(out, 0, ADD_NODE, pool, c->to_name), DELETE_NODE, pool,
                        c->name);
    out[0] = (struct change){.kind = makes ? CREATE_POOL : DELETE_POOL};
    if (!makes && strcmp(operation, "rmdir") != 0)
        return 0;
    return pool_parse(&out[0].pool, c->name, &ignored) == 0 ? 1 : 0;
}

void ops_refuse_for(struct call *c, const char *operation, const struct who *who,
                    const struct error *err)
{
    const struct inode *i = ops_inode(c);
    struct audit_entry entry = {
        .when_ms = clock_real_ms(), .operation = operation, .who = *who, .err = *err};
    struct change changes[2];
    struct pool pool = {""};

    if (i && i->kind == INODE_NODES)
        i = inode_at(c->b->view.inodes, i->dir);
    if (i && i->kind == INODE_POOL)
        (void)snprintf(pool.name, sizeof pool.name, "%s", inode_name(i));
    entry.pool = pool.name;
    entry.hosts = "";
    entry.changes = changes;
    entry.n = refused_changes(c, operation, &pool, changes);
    balancer_note_error(c->b, err);
    (void)pthread_mutex_unlock(&c->b->lock);
    audit_add(c->b->audit, &entry);
    reply_err(c, err->num);
}

void ops_refuse(struct call *c, const char *operation, const struct error *err)
{
    const struct fuse_ctx *ctx = fuse_req_ctx(c->req);
    const struct who who = who_get(ctx->uid, ctx->gid, ctx->pid);

    ops_refuse_for(c, operation, &who, err);
}

void ops_entry(struct call *c, uint32_t slot, uint32_t dir)
{
    struct fuse_entry_param e;

    if (slot && c->b->retries)
        bounce_found(c->b, fuse_req_ctx(c->req)->pid, slot);
    if (slot)
        attr_entry(c->b, slot, &e);
    else
        attr_no_entry(c->b, dir, &e);
    (void)pthread_mutex_unlock(&c->b->lock);
    if (slot || e.entry_timeout > 0)
        reply_entry(c, &e);
    else
        reply_err(c, ENOENT);
}

void ops_submit(struct call *c, struct work *w)
{
    work_queue(c->b, w);
    c->own = true;
    call_wait_work(c, w);
}

bool ops_wait_pending(struct call *c, uint32_t slot)
{
    struct work *w = work_adding(c->b, slot);

    if (!w)
        w = work_deleting(c->b, slot);
    if (!w)
        return false;
    c->b->hurry = true;
    call_wait_work(c, w);
    return true;
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
    struct fs *fs = fuse_req_userdata(req);
    struct statvfs st = {.f_bsize = 4096, .f_frsize = 4096, .f_namemax = CALL_NAME_MAX - 5};
    fsfilcnt_t files = 0;

    (void)ino;
    (void)pthread_rwlock_rdlock(&fs->table);
    for (uint32_t i = 1; i < fs->n; i++) {
        struct fs_balancer *b = fs->at[i];

        (void)pthread_mutex_lock(&b->lock);
        files += b->ending ? 0 : b->view.nodes;
        (void)pthread_mutex_unlock(&b->lock);
    }
    (void)pthread_rwlock_unlock(&fs->table);
    st.f_ffree = st.f_favail = 1 << 30;
    st.f_files = files + st.f_ffree;
    (void)fuse_reply_statfs(req, &st);
}

static void op_symlink(fuse_req_t req, const char *to, fuse_ino_t parent, const char *name)
{
    (void)to, (void)parent, (void)name;
    (void)fuse_reply_err(req, EPERM);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
    (void)ino, (void)parent, (void)name;
    (void)fuse_reply_err(req, EPERM);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
                         struct fuse_file_info *fi)
{
    (void)ino, (void)mode, (void)off, (void)len, (void)fi;
    (void)fuse_reply_err(req, EPERM);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
                        size_t size, int flags)
{
    (void)ino, (void)name, (void)value, (void)size, (void)flags;
    (void)fuse_reply_err(req, EOPNOTSUPP);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    (void)ino, (void)name;
    (void)fuse_reply_err(req, EOPNOTSUPP);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino, (void)fi;
    (void)fuse_reply_err(req, 0);
}

/* There is no create: the kernel then does mknod, lets go of the directory, and opens. */
const struct fuse_lowlevel_ops fs_ops = {
    .lookup = op_lookup,
    .forget = op_forget,
    .forget_multi = op_forget_multi,
    .getattr = op_getattr,
    .setattr = op_setattr,
    .mknod = op_mknod,
    .mkdir = op_mkdir,
    .unlink = op_unlink,
    .rmdir = op_rmdir,
    .symlink = op_symlink,
    .rename = op_rename,
    .link = op_link,
    .open = op_open,
    .read = op_read,
    .write = op_write,
    .flush = op_flush,
    .release = op_release,
    .fsync = op_fsync,
    .opendir = op_opendir,
    .readdir = op_readdir,
    .readdirplus = op_readdirplus,
    .releasedir = op_releasedir,
    .fsyncdir = op_fsyncdir,
    .statfs = op_statfs,
    .setxattr = op_setxattr,
    .getxattr = op_getxattr,
    .listxattr = op_listxattr,
    .removexattr = op_removexattr,
    .fallocate = op_fallocate,
};
