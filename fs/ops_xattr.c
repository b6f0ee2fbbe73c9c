/* Two attributes to read: which hosts have a node, and what went wrong last. */
#include "fs/ops.h"
#include <errno.h>
#include <string.h>

#define HOSTS "user.balancerfs.hosts"
#define ERROR "user.balancerfs.error"

/* The value, or NULL. With the lock. */
static const char *value(const struct fs_balancer *b, const struct inode *i, const char *name)
{
    bool entry = i->kind == INODE_NODE || i->kind == INODE_POOL;
    const char *hosts = entry ? view_hosts(&b->view, i) : "";

    if (strcmp(name, HOSTS) == 0)
        return *hosts ? hosts : NULL;
    if (strcmp(name, ERROR) == 0 && i->entries && i->kind != INODE_SCRATCH_DIR)
        return b->last_error.num ? b->last_error.text : NULL;
    return NULL;
}

static void reply_value(struct call *c, const char *data, size_t len)
{
    if (c->size == 0)
        reply_xattr(c, len);
    else if (c->size < len)
        reply_err(c, ERANGE);
    else
        reply_buf(c, data, len);
}

static void do_getxattr(struct call *c)
{
    struct buf copy = BUF_INIT;
    const struct inode *i;
    const char *text;

    (void)pthread_mutex_lock(&c->b->lock);
    i = ops_inode(c);
    text = i ? value(c->b, i, c->name) : NULL;
    if (!text) {
        ops_end(c, i ? ENODATA : ESTALE);
        return;
    }
    buf_str(&copy, text);
    (void)pthread_mutex_unlock(&c->b->lock);
    if (copy.failed)
        reply_err(c, ENOMEM);
    else
        reply_value(c, copy.data, copy.len);
    buf_free(&copy);
}

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    struct call c = {.size = size};

    /* ls -l asks each file for its security context and ACL until it hears that there are none. */
    if (strncmp(name, "user.", 5) != 0)
        (void)fuse_reply_err(req, EOPNOTSUPP);
    else if (strlen(name) >= sizeof c.name)
        (void)fuse_reply_err(req, ENODATA);
    else
        ops_start(req, ino, name, &c, do_getxattr);
}

static void do_listxattr(struct call *c)
{
    struct buf names = BUF_INIT;
    const struct inode *i;

    (void)pthread_mutex_lock(&c->b->lock);
    i = ops_inode(c);
    if (i && value(c->b, i, HOSTS))
        buf_add(&names, HOSTS, sizeof HOSTS);
    if (i && value(c->b, i, ERROR))
        buf_add(&names, ERROR, sizeof ERROR);
    (void)pthread_mutex_unlock(&c->b->lock);
    if (!i || names.failed)
        reply_err(c, i ? ENOMEM : ESTALE);
    else
        reply_value(c, names.data, names.len);
    buf_free(&names);
}

void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    struct call c = {.size = size};

    ops_start(req, ino, NULL, &c, do_listxattr);
}
