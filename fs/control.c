/* Handles of control files, and the text of .nodes. */
#include "fs/control.h"
#include "fs/nodes_text.h"
#include "fs/writer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct handle {
    struct buf text;
    bool dirty;
    struct who who;
    pid_t opener; /* a process; 0: unknown */
};

struct handle *handle_of(const struct fuse_file_info *fi)
{
    return fi ? (struct handle *)(uintptr_t)fi->fh : NULL;
}

struct handle *handle_new(void)
{
    return calloc(1, sizeof(struct handle));
}

void handle_free(struct handle *h)
{
    if (!h)
        return;
    buf_free(&h->text);
    free(h);
}

struct buf *handle_text(struct handle *h)
{
    return &h->text;
}

size_t handle_size(const struct handle *h)
{
    return h->text.len;
}

int handle_resize(struct handle *h, off_t size)
{
    size_t len = h->text.len;

    if (size < 0 || (size_t)size > NODES_TEXT_MAX)
        return EFBIG;
    if ((size_t)size > len) {
        if (!buf_reserve(&h->text, (size_t)size - len))
            return ENOMEM;
        memset(h->text.data + len, 0, (size_t)size - len);
    }
    h->text.len = (size_t)size;
    if (h->text.data)
        h->text.data[size] = '\0';
    return 0;
}

int handle_write(struct handle *h, const char *data, size_t size, off_t off, bool append)
{
    size_t at = append ? h->text.len : (size_t)off, end = at + size;
    int failed = end > h->text.len ? handle_resize(h, (off_t)end) : 0;

    if (failed)
        return failed;
    memcpy(h->text.data + at, data, size);
    h->dirty = true;
    return 0;
}

void handle_clean(struct handle *h)
{
    h->dirty = false;
}

bool handle_is_dirty(const struct handle *h)
{
    return h->dirty;
}

void handle_set_opener(struct handle *h, const struct fuse_ctx *ctx)
{
    h->who = who_get(ctx->uid, ctx->gid, ctx->pid);
    h->opener = writer_process(ctx->pid);
}

struct who handle_who(const struct handle *h)
{
    return h->who;
}

pid_t handle_opener(const struct handle *h)
{
    return h->opener;
}

/* ---- .nodes ------------------------------------------------------------------------------- */

uint32_t control_nodes_slot(struct fs_balancer *b, uint32_t pool)
{
    struct dir *d = inode_at(b->view.inodes, pool)->entries;
    struct inode *i = d->nodes_slot ? inode_at(b->view.inodes, d->nodes_slot) : NULL;

    if (i && i->kind == INODE_NODES && i->dir == pool)
        return d->nodes_slot;
    d->nodes_slot = inode_new(b->view.inodes, INODE_NODES, ".nodes", now_ns());
    if (!d->nodes_slot)
        return 0;
    /* In no listing, so it goes as soon as the kernel forgets it. */
    i = inode_at(b->view.inodes, d->nodes_slot);
    i->dir = pool;
    i->flags |= INODE_GONE;
    d->inodes++;
    return d->nodes_slot;
}

struct shown {
    const struct inodes *inodes;
    const struct inode **at;
    size_t n;
};

static const char *shown_name(const void *arg, size_t i)
{
    return inode_name(((const struct shown *)arg)->at[i]);
}

/* The pool's nodes, sorted. false: no memory. */
static bool shown_get(const struct fs_balancer *b, const struct dir *d, struct shown *out)
{
    *out = (struct shown){b->view.inodes, calloc((size_t)d->n + 1, sizeof *out->at), 0};
    if (!out->at)
        return false;
    for (uint32_t i = 0; i < d->n; i++) {
        const struct inode *node = inode_at(b->view.inodes, d->by_name[i]);

        if (node->kind == INODE_NODE && view_shows(node))
            out->at[out->n++] = node;
    }
    return true;
}

/* Does the text that was written still say what there is? */
static bool still_holds(const struct dir *d, const struct shown *s)
{
    struct node_set set = {NULL, 0};
    struct error ignored;
    bool same;

    if (!d->has_written || nodes_text_parse(buf_text(&d->written), d->written.len, &set, &ignored))
        return false;
    same = node_set_equals(&set, s->n, shown_name, s);
    node_set_free(&set);
    return same;
}

/* How long the text is, and whether it is the one that was written: looked at once, until the nodes
 * change, since every look at .nodes asks for it, on the reader's thread. false: no memory. */
static bool text_look(const struct fs_balancer *b, struct dir *d)
{
    struct shown s;

    if (d->has_text_size)
        return true;
    if (!shown_get(b, d, &s))
        return false;
    d->text_is_written = still_holds(d, &s);
    d->text_size = d->text_is_written ? d->written.len : 0;
    for (size_t i = 0; i < s.n && !d->text_is_written; i++)
        d->text_size += strlen(inode_name(s.at[i])) + 1;
    free(s.at);
    d->has_text_size = true;
    return true;
}

void control_nodes_text(const struct fs_balancer *b, uint32_t pool, struct buf *out)
{
    struct dir *d = inode_at(b->view.inodes, pool)->entries;

    if (!text_look(b, d)) {
        out->failed = true;
        return;
    }
    if (d->text_size)
        (void)buf_reserve(out, d->text_size);
    if (d->text_is_written && d->text_size)
        buf_add(out, d->written.data, d->written.len);
    for (uint32_t i = 0; i < d->n && !d->text_is_written; i++) {
        const struct inode *node = inode_at(b->view.inodes, d->by_name[i]);

        if (node->kind != INODE_NODE || !view_shows(node))
            continue;
        buf_str(out, inode_name(node));
        buf_str(out, "\n");
    }
}

size_t control_nodes_size(const struct fs_balancer *b, uint32_t pool)
{
    struct dir *d = inode_at(b->view.inodes, pool)->entries;

    return text_look(b, d) ? d->text_size : 0;
}
