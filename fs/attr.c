/* Attributes: what a balancer's settings say, and over it what was remembered. */
#include "fs/attr.h"
#include "fs/control.h"
#include "fs/scratch.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define NOTE_SIZE_MAX 4096

size_t attr_size_max(enum inode_kind kind)
{
    if (kind == INODE_SCRATCH)
        return SCRATCH_SIZE_MAX;
    return kind == INODE_NODE ? NOTE_SIZE_MAX : 0;
}

static struct timespec from_ns(int64_t ns)
{
    return (struct timespec){ns / 1000000000, ns % 1000000000};
}

static off_t size_of(const struct fs_balancer *b, uint32_t slot, const struct inode *i)
{
    const struct note *note = inode_note(b->view.inodes, slot);

    if (i->kind == INODE_NODES)
        return (off_t)control_nodes_size(b, i->dir);
    return note ? (off_t)note->text.len : 0;
}

/* changed: when what the times are of has changed. */
static void fill_note(const struct note *note, int64_t changed, struct stat *st)
{
    if (note->has_mode)
        st->st_mode = (st->st_mode & S_IFMT) | note->mode;
    if (note->has_uid)
        st->st_uid = note->uid;
    if (note->has_gid)
        st->st_gid = note->gid;
    if (!note->has_times || changed > note->at)
        return;
    st->st_atim = note->atime;
    st->st_mtim = note->mtime;
}

/* Who may change the pool may write its list. */
static void fill_from_pool(const struct fs_balancer *b, uint32_t pool, struct stat *st)
{
    const struct note *given = inode_note(b->view.inodes, pool);

    if (given && given->has_mode)
        st->st_mode = S_IFREG | (given->mode & 0666);
    if (given && given->has_uid)
        st->st_uid = given->uid;
    if (given && given->has_gid)
        st->st_gid = given->gid;
}

/* Subdirectories are counted, as everywhere: find(1) relies on it. */
static nlink_t links(const struct fs_balancer *b, const struct inode *i)
{
    if (!i->entries)
        return 1;
    if (i->kind == INODE_TOP)
        return (nlink_t)(2 + (b->serial ? b->view.pools : atomic_load(&b->fs->shown)));
    return 2;
}

static int64_t changed_at(const struct fs_balancer *b, const struct inode *i)
{
    if (i->kind == INODE_NODES)
        return inode_at(b->view.inodes, i->dir)->entries->nodes_changed;
    return i->entries ? i->entries->changed : i->seen;
}

void attr_fill(const struct fs_balancer *b, uint32_t slot, struct stat *st)
{
    const struct inode *i = inode_at(b->view.inodes, slot);
    const struct note *note = inode_note(b->view.inodes, slot);
    bool control = i->kind == INODE_STATUS || i->kind == INODE_LOG;
    int64_t changed;

    *st = (struct stat){
        .st_ino = fs_number(b->serial, slot),
        .st_uid = b->set.uid,
        .st_gid = b->set.gid,
        .st_nlink = links(b, i),
        .st_blksize = 4096,
    };
    st->st_mode = inode_is_dir(i) ? S_IFDIR | b->set.dir_mode
                                  : S_IFREG | (b->set.file_mode & (control ? 0444 : 07777));
    if (i->kind == INODE_NODES)
        fill_from_pool(b, i->dir, st);
    changed = changed_at(b, i);
    st->st_mtim = st->st_atim = from_ns(changed);
    if (note)
        fill_note(note, changed, st);
    st->st_ctim = from_ns(note && note->set_at > changed ? note->set_at : changed);
    if (!inode_is_dir(i))
        st->st_size = size_of(b, slot, i);
    st->st_blocks = (st->st_size + 511) / 512;
}

/* As long as what it was read from is fresh: then the kernel asks again, without any lock. */
static double entry_timeout(const struct fs_balancer *b, uint32_t dir, double most)
{
    double fresh = (double)balancer_fresh_ms(b, dir == SLOT_TOP ? 0 : dir) / 1000;

    return fresh < most ? fresh : most;
}

double attr_timeout(const struct fs_balancer *b, uint32_t slot)
{
    const struct inode *i = inode_at(b->view.inodes, slot);
    double most = fs_settings(b->fs)->attr_timeout;

    if (i->kind == INODE_STATUS || i->kind == INODE_LOG || i->kind == INODE_NODES)
        return 0;
    if (i->flags & (INODE_ADDING | INODE_DELETING))
        return 0;
    if (i->kind == INODE_TOP || i->kind == INODE_POOL)
        return b->serial ? entry_timeout(b, slot, most) : most;
    return most;
}

void attr_entry(struct fs_balancer *b, uint32_t slot, struct fuse_entry_param *e)
{
    struct inode *i = inode_at(b->view.inodes, slot);

    *e = (struct fuse_entry_param){.ino = fs_number(b->serial, slot)};
    i->lookups++;
    attr_fill(b, slot, &e->attr);
    e->attr_timeout = attr_timeout(b, slot);
    if (i->kind == INODE_TOP || i->kind == INODE_STATUS || i->kind == INODE_LOG)
        e->entry_timeout = fs_settings(b->fs)->entry_timeout;
    else if (i->flags & (INODE_ADDING | INODE_DELETING | INODE_GONE) && i->kind != INODE_NODES)
        e->entry_timeout = 0;
    else
        e->entry_timeout = entry_timeout(b, i->dir, fs_settings(b->fs)->entry_timeout);
}

void attr_no_entry(const struct fs_balancer *b, uint32_t dir, struct fuse_entry_param *e)
{
    *e = (struct fuse_entry_param){0};
    e->entry_timeout = entry_timeout(b, dir, fs_settings(b->fs)->negative_timeout);
}

void attr_made_by(struct fs_balancer *b, uint32_t slot, uid_t uid)
{
    const struct inode *i = inode_at(b->view.inodes, slot);
    const struct note *given = inode_note(b->view.inodes, i->dir);
    bool is_scratch = i->kind == INODE_SCRATCH || i->kind == INODE_SCRATCH_DIR;
    struct note *note;

    if (given && !given->has_uid && !given->has_gid && !given->has_mode)
        given = NULL;
    if (!given && (!is_scratch || uid == 0))
        return;
    note = inode_note_need(b->view.inodes, slot);
    if (!note)
        return;
    note->has_uid = uid != 0 || given->has_uid;
    note->uid = uid ? uid : given->uid;
    note->has_gid = given && given->has_gid;
    note->gid = note->has_gid ? given->gid : 0;
}

/* ---- setting ------------------------------------------------------------------------------ */

static void set_times(int64_t changed, struct note *note, const struct stat *attr, int to_set)
{
    struct timespec now = from_ns(now_ns());

    if (!note->has_times)
        note->atime = note->mtime = from_ns(changed);
    note->has_times = true;
    note->at = now_ns();
    if (to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW))
        note->atime = to_set & FUSE_SET_ATTR_ATIME_NOW ? now : attr->st_atim;
    if (to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW))
        note->mtime = to_set & FUSE_SET_ATTR_MTIME_NOW ? now : attr->st_mtim;
}

static int set_size(struct fs_balancer *b, uint32_t slot, struct inode *i, off_t size)
{
    struct note *note;
    size_t len;

    if (i->kind == INODE_NODES)
        return 0; /* of the handle, if there is one: a truncation alone is no change */
    if (i->kind == INODE_STATUS || i->kind == INODE_LOG)
        return EPERM;
    if (size < 0 || (size_t)size > attr_size_max((enum inode_kind)i->kind))
        return EFBIG;
    if (size == 0 && !inode_note(b->view.inodes, slot))
        return 0;
    note = inode_note_need(b->view.inodes, slot);
    if (!note)
        return ENOMEM;
    len = note->text.len;
    if ((size_t)size > len && !buf_reserve(&note->text, (size_t)size - len))
        return ENOMEM;
    if ((size_t)size > len)
        memset(note->text.data + len, 0, (size_t)size - len);
    note->text.len = (size_t)size;
    if (note->text.data)
        note->text.data[size] = '\0';
    if ((size_t)size == len)
        return 0;
    i->seen = now_ns();
    note->has_times = false;
    return 0;
}

int attr_set(struct fs_balancer *b, uint32_t slot, const struct stat *attr, int to_set)
{
    const int times = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
                      FUSE_SET_ATTR_MTIME_NOW;
    const int now = FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW;
    struct inode *i = inode_at(b->view.inodes, slot);
    struct note *note = inode_note(b->view.inodes, slot);

    if (to_set & FUSE_SET_ATTR_SIZE) {
        int failed = set_size(b, slot, i, attr->st_size);

        if (failed)
            return failed;
        note = inode_note(b->view.inodes, slot);
    }
    /* What touch does to a new node need not be remembered beside it. */
    if ((to_set & now) == now && !note && !i->entries)
        i->seen = now_ns();
    else if (to_set & (times | FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
        note = inode_note_need(b->view.inodes, slot);
    else
        return 0;
    if (!note)
        return (to_set & now) == now ? 0 : ENOMEM;
    note->set_at = now_ns();
    if (to_set & times)
        set_times(changed_at(b, i), note, attr, to_set);
    if (to_set & FUSE_SET_ATTR_MODE)
        note->mode = attr->st_mode & 07777, note->has_mode = true;
    if (to_set & FUSE_SET_ATTR_UID)
        note->uid = attr->st_uid, note->has_uid = true;
    if (to_set & FUSE_SET_ATTR_GID)
        note->gid = attr->st_gid, note->has_gid = true;
    return 0;
}
