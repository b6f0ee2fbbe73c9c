/* A balancer as it was last seen: its pools and nodes as inodes, and until when that holds.
 *
 * A listing is merged into it; a change that succeeded is put into it at once. A node on its way
 * in or out has flags (inode.h) that a listing does not touch: its change decides.
 * All under the balancer's lock. */
#ifndef BALANCERFS_VIEW_H
#define BALANCERFS_VIEW_H

#include "drivers/listing.h"
#include "fs/dir.h"

struct view {
    struct inodes *inodes;
    int64_t pools_until; /* monotonic ms; which pools there are */
    int64_t whole_until; /* and which nodes are in each */
    bool whole;          /* the last listing of the pools had the nodes too */
    int64_t listed_ms;   /* real; of the last listing of the pools; 0: none yet */
    size_t nodes, pools; /* shown */
    size_t staying;      /* nodes shown that nobody is deleting */
    size_t scratch;      /* scratch files and directories */
    char **host_sets;    /* 0 is every host */
    uint16_t n_host_sets;
    char *all_hosts;
    size_t refused; /* names that cannot be shown */
};

/* Told of every entry that a listing no longer has and that the kernel may know. */
typedef void view_gone(void *arg, uint32_t dir, const char *name);

bool view_init(struct view *v, int64_t now); /* false: no memory */
void view_free(struct view *v);

/* What a merge did not have: all of it, or one pool's nodes (pool: its slot). false: no memory; the
 * view is then as good as it was, or in part newer. */
bool view_merge_all(struct view *v, const struct listing *l, int64_t now, view_gone *gone,
                    void *arg);
bool view_merge_pool(struct view *v, uint32_t pool, const struct listing *l, int64_t now,
                     view_gone *gone, void *arg);

/* The slot of the pool, or 0; and of a name in it. */
uint32_t view_pool(const struct view *v, const char *name);
uint32_t view_find(const struct view *v, uint32_t dir, const char *name);

/* Does a listing show the entry? */
bool view_shows(const struct inode *i);

/* Puts a new entry into a directory. 0: no memory. */
uint32_t view_add(struct view *v, uint32_t dir, enum inode_kind kind, const char *name,
                  uint8_t flags, int64_t now);
/* Takes an entry out; a directory with all that is in it. */
void view_remove(struct view *v, uint32_t slot, int64_t now);
/* Sets and clears flags, and counts. */
void view_flag(struct view *v, uint32_t slot, uint8_t set, uint8_t clear);
/* Another name, directory, kind: as dir_move. */
bool view_move(struct view *v, uint32_t slot, uint32_t to_dir, const char *name,
               enum inode_kind kind, int64_t now);

/* The kernel has forgotten n of its lookups. Frees what is gone, or was only entered (auto_pools),
 * once nobody knows of it any more. */
void view_forget(struct view *v, uint32_t slot, uint64_t n);

/* The hosts that have the entry. */
const char *view_hosts(const struct view *v, const struct inode *i);

#endif
