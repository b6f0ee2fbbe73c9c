/* Inodes of one balancer: small slots in chunks that never move, and what was remembered of few.
 *
 * An inode number is the balancer's serial (from 1, never used again while mounted) above a slot;
 * serial 0 is the mount's own root. A slot is used again only when the kernel has forgotten it.
 * All under the balancer's lock. */
#ifndef BALANCERFS_INODE_H
#define BALANCERFS_INODE_H

#include "drivers/buf.h"
#include <sys/stat.h>

enum inode_kind {
    INODE_FREE,
    INODE_TOP,    /* a balancer's directory */
    INODE_STATUS, /* .status */
    INODE_LOG,    /* .log */
    INODE_POOL,
    INODE_NODES, /* .nodes; several may stand for one pool: each was renamed onto the one before */
    INODE_NODE,
    INODE_SCRATCH,
    INODE_SCRATCH_DIR
};

/* Slots that every balancer has; 0 is none. */
enum { SLOT_TOP = 1, SLOT_STATUS = 2, SLOT_LOG = 3, SLOT_FIRST = 4 };

enum inode_flags {
    INODE_ADDING = 1,     /* not on the balancer yet: positive to lookup, hidden from readdir */
    INODE_DELETING = 2,   /* on the balancer still */
    INODE_ACCEPTED = 4,   /* the two above, with commit_delay: shown as if it had happened */
    INODE_GONE = 8,       /* in no directory any more; kept while somebody knows the number */
    INODE_NOTED = 16,     /* there is a struct note */
    INODE_LONG_NAME = 32, /* name.far is set, not name.near */
    INODE_LOST = 64       /* of DELETING: the last listing had it not; it goes with its change */
};

#define INODE_NEAR 24

struct dir;

struct inode {
    uint8_t kind, flags;
    uint16_t hosts; /* of the view's host sets; 0: every host */
    uint32_t pins;  /* records that name the slot */
    uint32_t lookups;
    uint32_t dir; /* slot of the directory that it is in, or was */
    uint64_t seq; /* its place in readdir: grows with every entry of a directory */
    int64_t seen; /* when it was first seen, ns */
    union {
        char near[INODE_NEAR];
        char *far;
    } name;
    struct dir *entries; /* of directories; owned */
};

/* What was set by utimens, chmod, chown, and the text: kept until unmount, sent nowhere. */
struct note {
    struct timespec atime, mtime;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    bool has_times, has_mode, has_uid, has_gid;
    int64_t at;     /* when the times were set, ns: a directory that changed later shows that */
    int64_t set_at; /* when any of these was set last, ns: the ctime */
    struct buf text;
    int refused; /* errno of its adding: the answer to the open that comes after it */
};

struct inodes;

struct inodes *inodes_new(void);
void inodes_free(struct inodes *t);

/* A new slot of that kind and name, in no directory yet. 0: no memory. */
uint32_t inode_new(struct inodes *t, enum inode_kind kind, const char *name, int64_t now);
/* NULL: no such slot. */
struct inode *inode_at(const struct inodes *t, uint32_t slot);
const char *inode_name(const struct inode *i);
/* false: no memory; nothing is changed. */
bool inode_rename(struct inode *i, const char *name);
bool inode_is_dir(const struct inode *i);
/* Frees the slot if it is gone and nobody knows of it: no lookups, pins, entries. Likewise the
 * directory that it was the last of. */
void inode_reap(struct inodes *t, uint32_t slot);

/* The note, or NULL. */
struct note *inode_note(const struct inodes *t, uint32_t slot);
/* The note, made when there is none. NULL: no memory. */
struct note *inode_note_need(struct inodes *t, uint32_t slot);
void inode_note_drop(struct inodes *t, uint32_t slot);

#endif
