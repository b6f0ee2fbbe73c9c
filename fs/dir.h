/* The entries of one directory: slots sorted by name to find them, and in the order in which they
 * came, to list them with offsets that never change. Under the balancer's lock.
 *
 * Finding is a binary search; adding and removing move the rest of an array of 4 bytes an entry. */
#ifndef BALANCERFS_DIR_H
#define BALANCERFS_DIR_H

#include "fs/inode.h"

struct dir {
    uint32_t *by_name, *by_seq;
    uint32_t n, size;
    uint32_t inodes;  /* entries, and those gone that the kernel still knows */
    uint32_t shown;   /* nodes that a listing shows (of a pool) */
    uint32_t staying; /* those of them that nobody is deleting: what guard rails count */
    uint64_t last_seq;
    int64_t changed; /* ns */

    /* Of a pool. */
    bool exists;         /* on the balancer; else it is pending, or auto_pools lets it be entered */
    bool entered;        /* by auto_pools */
    int64_t fresh_until; /* monotonic ms; its nodes, when get_nodes was asked for it alone */
    uint32_t nodes_slot; /* of .nodes; 0: nobody has looked yet */
    int64_t nodes_changed; /* ns: its nodes, or what was written to .nodes; not scratch */
    uint32_t hidden;       /* members that no name can show */
    uint32_t pending;      /* changes under way that concern it */
    int failed_later;      /* errno of a change that was accepted and then refused; for fsync */
    struct buf written;    /* the text last written to .nodes; has_written */
    bool has_written;
    size_t text_size; /* of .nodes, if has_text_size: it has not changed since */
    bool has_text_size, text_is_written;
};

struct dir *dir_new(int64_t now);
void dir_free(struct dir *d);

/* The slot of that name, or 0. */
uint32_t dir_find(const struct inodes *t, const struct dir *d, const char *name);
/* Puts an inode that is in none into the directory at slot dir, at the end of its listing.
 * false: no memory. */
bool dir_add(struct inodes *t, uint32_t dir, uint32_t slot, int64_t now);
/* Takes it out and marks it as gone; it may be freed. */
void dir_remove(struct inodes *t, uint32_t slot, int64_t now);
/* Another name or directory for the same inode: it keeps its number. What has the name there goes.
 * false: no memory; nothing is changed. */
bool dir_move(struct inodes *t, uint32_t slot, uint32_t to_dir, const char *name, int64_t now);

/* The first position in by_seq whose entry comes after seq. */
uint32_t dir_after(const struct inodes *t, const struct dir *d, uint64_t seq);

/* Replaces both arrays (bulk merging): by_name is given, by_seq is made of it. Takes it over. */
bool dir_replace(struct inodes *t, struct dir *d, uint32_t *by_name, uint32_t n);

#endif
