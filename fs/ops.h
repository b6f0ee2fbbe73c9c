/* The kernel's questions, by file: each op runs on the reader's thread and never blocks. */
#ifndef BALANCERFS_OPS_H
#define BALANCERFS_OPS_H

#include "fs/attr.h"
#include "fs/call.h"
#include "fs/fs_impl.h"

/* Fills c for an inode number and runs op; answers ESTALE if there is no such inode (any more), and
 * ENAMETOOLONG for a name that is. name: NULL, or copied. */
void ops_start(fuse_req_t req, fuse_ino_t ino, const char *name, struct call *c,
               void (*op)(struct call *));
/* The inode of c, which is there. With the lock. */
struct inode *ops_inode(const struct call *c);
/* Refuses a change before it became a work: a line in .log, the last error, the answer *err.
 * Releases the lock. */
void ops_refuse(struct call *c, const char *operation, const struct error *err);
void ops_refuse_for(struct call *c, const char *operation, const struct who *who,
                    const struct error *err);
/* For a change that waits for its own work: keeps the call and takes the lock. false: it was
 * answered, with what became of the work, or goes on later: return at once. */
bool ops_begin(struct call *c);
/* Releases the lock and answers. */
void ops_end(struct call *c, int num);
/* An entry of slot, or that there is none (slot 0, in directory dir). Releases the lock. */
void ops_entry(struct call *c, uint32_t slot, uint32_t dir);
/* Queues the call's own change and waits for it. c lasts. Releases the lock. */
void ops_submit(struct call *c, struct work *w);
/* A change is in the way of this one: waits for it and starts again. false: none is. */
bool ops_wait_pending(struct call *c, uint32_t slot);

bool name_is_control(const char *name);

/* ops_lookup.c */
void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n);
void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
                struct fuse_file_info *fi);
/* ops_dir.c */
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                    struct fuse_file_info *fi);
/* ops_file.c */
void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
              struct fuse_file_info *fi);
/* ops_sync.c */
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
/* A work that makes the pool what the text says. NULL with *err. With the lock. */
struct work *sync_nodes_work(struct call *c, uint32_t pool, const char *text, size_t len,
                             struct error *err);
/* ops_create.c */
void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
/* ops_remove.c */
void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
/* ops_rename.c */
void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to_parent,
               const char *to_name, unsigned int flags);
/* ops_xattr.c */
void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);

/* bounce.c: rm waits outside of the directory's lock. With the balancer's lock. */
/* The record of this thread, or NULL. */
struct bounce *bounce_find(struct fs_balancer *b, pid_t tid);
/* false: no memory. Replaces an older record of the thread. */
bool bounce_new(struct fs_balancer *b, pid_t tid, uint32_t dir, uint32_t slot, struct work *w);
void bounce_drop(struct fs_balancer *b, struct bounce *bounce);
/* Those whose thread did not come again. */
void bounce_reap(struct fs_balancer *b);
/* An open finds its node gone. true: for the second time at once, though its thread found it there
 * in between. false: the kernel is to look again. */
bool bounce_open(struct fs_balancer *b, pid_t tid, uint32_t slot);
void bounce_found(struct fs_balancer *b, pid_t tid, uint32_t slot);

#endif
