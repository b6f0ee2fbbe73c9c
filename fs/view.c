/* Entries of a view one by one, and the counts that go with them. view_merge.c has listings. */
#include "fs/view.h"
#include <stdlib.h>
#include <string.h>

bool view_init(struct view *v, int64_t now)
{
    uint32_t top, status, log;

    *v = (struct view){.inodes = inodes_new()};
    if (!v->inodes)
        return false;
    top = inode_new(v->inodes, INODE_TOP, "", now);
    status = inode_new(v->inodes, INODE_STATUS, ".status", now);
    log = inode_new(v->inodes, INODE_LOG, ".log", now);
    return top == SLOT_TOP && status == SLOT_STATUS && log == SLOT_LOG;
}

void view_free(struct view *v)
{
    for (uint32_t i = 0; i < v->n_host_sets; i++)
        free(v->host_sets[i]);
    free(v->host_sets);
    free(v->all_hosts);
    inodes_free(v->inodes);
}

uint32_t view_find(const struct view *v, uint32_t dir, const char *name)
{
    const struct inode *i = inode_at(v->inodes, dir);

    return i && i->entries ? dir_find(v->inodes, i->entries, name) : 0;
}

uint32_t view_pool(const struct view *v, const char *name)
{
    return view_find(v, SLOT_TOP, name);
}

bool view_shows(const struct inode *i)
{
    if (i->flags & INODE_GONE)
        return false;
    if (i->kind == INODE_POOL)
        return i->entries->exists;
    if (i->kind == INODE_NODES)
        return false;
    if (i->flags & INODE_ADDING)
        return (i->flags & INODE_ACCEPTED) != 0;
    return !(i->flags & INODE_DELETING) || !(i->flags & INODE_ACCEPTED);
}

/* Before and after every alteration of an entry. */
static void count(struct view *v, const struct inode *i, bool more)
{
    struct dir *d;

    if (!view_shows(i))
        return;
    if (i->kind == INODE_POOL)
        v->pools += more ? 1 : (size_t)-1;
    if (i->kind == INODE_SCRATCH || i->kind == INODE_SCRATCH_DIR)
        v->scratch += more ? 1 : (size_t)-1;
    if (i->kind != INODE_NODE)
        return;
    v->nodes += more ? 1 : (size_t)-1;
    d = inode_at(v->inodes, i->dir)->entries;
    d->has_text_size = false;
    d->shown += more ? 1 : UINT32_MAX;
    if (i->flags & INODE_DELETING)
        return;
    v->staying += more ? 1 : (size_t)-1;
    d->staying += more ? 1 : UINT32_MAX;
}

/* Where a node comes or goes, .nodes changes: editors look at its time. */
static void stamp(struct view *v, const struct inode *i, int64_t now)
{
    if (i->kind == INODE_NODE)
        inode_at(v->inodes, i->dir)->entries->nodes_changed = now;
}

uint32_t view_add(struct view *v, uint32_t dir, enum inode_kind kind, const char *name,
                  uint8_t flags, int64_t now)
{
    uint32_t slot = inode_new(v->inodes, kind, name, now);
    struct inode *i;

    if (!slot)
        return 0;
    i = inode_at(v->inodes, slot);
    i->flags |= flags;
    if (!dir_add(v->inodes, dir, slot, now)) {
        i->flags |= INODE_GONE;
        inode_reap(v->inodes, slot);
        return 0;
    }
    count(v, i, true);
    stamp(v, i, now);
    return slot;
}

void view_remove(struct view *v, uint32_t slot, int64_t now)
{
    struct inode *i = inode_at(v->inodes, slot);

    /* Held, since its last entry may be all that keeps it. */
    i->pins++;
    while (i->entries && i->entries->n)
        view_remove(v, i->entries->by_name[i->entries->n - 1], now);
    count(v, i, false);
    stamp(v, i, now);
    dir_remove(v->inodes, slot, now);
    i->pins--;
    inode_reap(v->inodes, slot);
}

void view_flag(struct view *v, uint32_t slot, uint8_t set, uint8_t clear)
{
    struct inode *i = inode_at(v->inodes, slot);

    count(v, i, false);
    i->flags = (uint8_t)((i->flags & ~clear) | set);
    count(v, i, true);
}

bool view_move(struct view *v, uint32_t slot, uint32_t to_dir, const char *name,
               enum inode_kind kind, int64_t now)
{
    struct inode *i = inode_at(v->inodes, slot);
    uint32_t there = view_find(v, to_dir, name);
    bool moved;

    if (there && there != slot)
        view_remove(v, there, now);
    count(v, i, false);
    stamp(v, i, now);
    moved = dir_move(v->inodes, slot, to_dir, name, now);
    if (moved)
        i->kind = (uint8_t)kind;
    count(v, i, true);
    stamp(v, i, now);
    return moved;
}

/* A pool that was looked up, and never came to be. */
static bool is_only_a_name(const struct inode *i)
{
    const struct dir *d = i->kind == INODE_POOL && !(i->flags & INODE_GONE) ? i->entries : NULL;

    return d && d->entered && !d->exists && !d->n && !d->pending && !i->pins &&
           !(i->flags & INODE_NOTED);
}

void view_forget(struct view *v, uint32_t slot, uint64_t n)
{
    struct inode *i = inode_at(v->inodes, slot);

    if (!i)
        return;
    i->lookups -= i->lookups > n ? (uint32_t)n : i->lookups;
    /* As if it had never been there: the directory has not changed. */
    if (!i->lookups && is_only_a_name(i))
        view_remove(v, slot, inode_at(v->inodes, i->dir)->entries->changed);
    else
        inode_reap(v->inodes, slot);
}

const char *view_hosts(const struct view *v, const struct inode *i)
{
    if (i->hosts && i->hosts <= v->n_host_sets)
        return v->host_sets[i->hosts - 1];
    return v->all_hosts ? v->all_hosts : "";
}
