/* Open control files, and the texts that they show. */
#ifndef BALANCERFS_CONTROL_H
#define BALANCERFS_CONTROL_H

#include "fs/fs_impl.h"

/* An open .nodes, .status or .log: a text of its own, as it was when it was opened, and what was
 * written since. One thread at a time: the reader's. */
struct handle;

struct handle *handle_of(const struct fuse_file_info *fi); /* NULL: none */
struct handle *handle_new(void);
void handle_free(struct handle *h);
struct buf *handle_text(struct handle *h);
size_t handle_size(const struct handle *h);
/* 0 or EFBIG, ENOMEM. Resizing is no change by itself; writing is. */
int handle_resize(struct handle *h, off_t size);
int handle_write(struct handle *h, const char *data, size_t size, off_t off, bool append);
/* What was written so far is committed, or refused. */
void handle_clean(struct handle *h);
bool handle_is_dirty(const struct handle *h);
/* Who opened it: the last close of that process commits (writer.h). */
void handle_set_opener(struct handle *h, const struct fuse_ctx *ctx);
struct who handle_who(const struct handle *h);
pid_t handle_opener(const struct handle *h); /* a process; 0: unknown */

/* ---- texts; with the balancer's lock ------------------------------------------------------ */

/* The inode of the pool's .nodes. 0: no memory. */
uint32_t control_nodes_slot(struct fs_balancer *b, uint32_t pool);
/* What was last written while it is still so, else the nodes, one a line, sorted. */
void control_nodes_text(const struct fs_balancer *b, uint32_t pool, struct buf *out);
size_t control_nodes_size(const struct fs_balancer *b, uint32_t pool);

/* ---- without a lock ----------------------------------------------------------------------- */

int control_status(struct fs_balancer *b, struct buf *out, struct error *err);
int control_status_all(struct fs *fs, struct buf *out, struct error *err);

#endif
