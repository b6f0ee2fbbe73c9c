/* Two arrays of slots: by name and by age. */
#include "fs/dir.h"
#include <stdlib.h>
#include <string.h>

struct dir *dir_new(int64_t now)
{
    struct dir *d = calloc(1, sizeof *d);

    if (d)
        d->changed = d->nodes_changed = now;
    return d;
}

void dir_free(struct dir *d)
{
    if (!d)
        return;
    buf_free(&d->written);
    free(d->by_name);
    free(d->by_seq);
    free(d);
}

/* Where the name is, or would be. */
static uint32_t position(const struct inodes *t, const struct dir *d, const char *name, bool *found)
{
    uint32_t low = 0, high = d->n;

    *found = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(inode_name(inode_at(t, d->by_name[middle])), name);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t dir_find(const struct inodes *t, const struct dir *d, const char *name)
{
    bool found;
    uint32_t at = position(t, d, name, &found);

    return found ? d->by_name[at] : 0;
}

uint32_t dir_after(const struct inodes *t, const struct dir *d, uint64_t seq)
{
    uint32_t low = 0, high = d->n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (inode_at(t, d->by_seq[middle])->seq <= seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool room(struct dir *d, uint32_t n)
{
    uint32_t size = d->size;
    uint32_t *names, *seqs;

    if (n <= d->size)
        return true;
    while (size < n)
        size += size / 2 + 8;
    names = reallocarray(d->by_name, size, sizeof *names);
    if (!names)
        return false;
    d->by_name = names;
    seqs = reallocarray(d->by_seq, size, sizeof *seqs);
    if (!seqs)
        return false;
    d->by_seq = seqs;
    d->size = size;
    return true;
}

static void put_in(struct inodes *t, struct dir *d, uint32_t slot)
{
    bool found;
    uint32_t at = position(t, d, inode_name(inode_at(t, slot)), &found);

    memmove(d->by_name + at + 1, d->by_name + at, (d->n - at) * sizeof *d->by_name);
    d->by_name[at] = slot;
    d->by_seq[d->n++] = slot;
    inode_at(t, slot)->seq = ++d->last_seq;
}

static void take_out(struct inodes *t, struct dir *d, uint32_t slot)
{
    const struct inode *i = inode_at(t, slot);
    bool found;
    uint32_t at = position(t, d, inode_name(i), &found);
    uint32_t seq = dir_after(t, d, i->seq) - 1;

    memmove(d->by_name + at, d->by_name + at + 1, (d->n - at - 1) * sizeof *d->by_name);
    memmove(d->by_seq + seq, d->by_seq + seq + 1, (d->n - seq - 1) * sizeof *d->by_seq);
    d->n--;
}

bool dir_add(struct inodes *t, uint32_t dir, uint32_t slot, int64_t now)
{
    struct dir *d = inode_at(t, dir)->entries;

    if (!room(d, d->n + 1))
        return false;
    put_in(t, d, slot);
    inode_at(t, slot)->dir = dir;
    d->inodes++;
    d->changed = now;
    return true;
}

void dir_remove(struct inodes *t, uint32_t slot, int64_t now)
{
    struct inode *i = inode_at(t, slot);
    struct dir *d = inode_at(t, i->dir)->entries;

    take_out(t, d, slot);
    d->changed = now;
    i->flags =
        (uint8_t)((i->flags & ~(INODE_ADDING | INODE_DELETING | INODE_ACCEPTED)) | INODE_GONE);
    inode_reap(t, slot);
}

bool dir_move(struct inodes *t, uint32_t slot, uint32_t to_dir, const char *name, int64_t now)
{
    struct inode *i = inode_at(t, slot);
    struct dir *from = inode_at(t, i->dir)->entries, *to = inode_at(t, to_dir)->entries;
    uint32_t old_dir = i->dir, there = dir_find(t, to, name);
    char *old_name = strdup(inode_name(i));

    if (!old_name || !room(to, to->n + 1)) {
        free(old_name);
        return false;
    }
    take_out(t, from, slot);
    if (!inode_rename(i, name)) {
        put_in(t, from, slot);
        free(old_name);
        return false;
    }
    free(old_name);
    if (there && there != slot)
        dir_remove(t, there, now);
    put_in(t, to, slot);
    i->dir = to_dir;
    if (from != to) {
        from->inodes--;
        to->inodes++;
    }
    from->changed = to->changed = now;
    inode_reap(t, old_dir);
    return true;
}

static int by_age(const void *a, const void *b, void *table)
{
    uint64_t x = inode_at(table, *(const uint32_t *)a)->seq;
    uint64_t y = inode_at(table, *(const uint32_t *)b)->seq;

    return x < y ? -1 : x > y;
}

bool dir_replace(struct inodes *t, struct dir *d, uint32_t *by_name, uint32_t n)
{
    uint32_t *by_seq = malloc((n ? n : 1) * sizeof *by_seq);

    if (!by_seq)
        return false;
    if (n)
        memcpy(by_seq, by_name, n * sizeof *by_seq);
    qsort_r(by_seq, n, sizeof *by_seq, by_age, t);
    free(d->by_name);
    free(d->by_seq);
    d->by_name = by_name;
    d->by_seq = by_seq;
    d->n = d->size = n;
    return true;
}
