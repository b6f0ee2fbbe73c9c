/* Slots in chunks, a list of free ones, and a table of notes beside them. */
#include "fs/inode.h"
#include "fs/dir.h"
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define CHUNK 1024

struct noted {
    uint32_t slot;
    struct note note;
    UT_hash_handle hh;
};

struct inodes {
    struct inode **chunks;
    uint32_t n_chunks, used; /* slots below used were given out at some time */
    uint32_t *unused;
    uint32_t n_unused, size_unused;
    struct noted *notes;
};

struct inodes *inodes_new(void)
{
    struct inodes *t = calloc(1, sizeof *t);

    if (t)
        t->used = SLOT_TOP;
    return t;
}

static void name_free(struct inode *i)
{
    if (i->flags & INODE_LONG_NAME)
        free(i->name.far);
    i->flags &= (uint8_t)~INODE_LONG_NAME;
}

void inodes_free(struct inodes *t)
{
    struct noted *note, *next;

    if (!t)
        return;
    HASH_ITER(hh, t->notes, note, next)
    {
        HASH_DEL(t->notes, note);
        buf_free(&note->note.text);
        free(note);
    }
    for (uint32_t slot = SLOT_TOP; slot < t->used; slot++) {
        struct inode *i = inode_at(t, slot);

        if (!i)
            continue;
        name_free(i);
        dir_free(i->entries);
    }
    for (uint32_t c = 0; c < t->n_chunks; c++)
        free(t->chunks[c]);
    free(t->chunks);
    free(t->unused);
    free(t);
}

static struct inode *raw(const struct inodes *t, uint32_t slot)
{
    return &t->chunks[slot / CHUNK][slot % CHUNK];
}

struct inode *inode_at(const struct inodes *t, uint32_t slot)
{
    struct inode *i;

    if (slot < SLOT_TOP || slot >= t->used)
        return NULL;
    i = raw(t, slot);
    return i->kind == INODE_FREE ? NULL : i;
}

static uint32_t slot_take(struct inodes *t)
{
    if (t->n_unused)
        return t->unused[--t->n_unused];
    if (t->used / CHUNK >= t->n_chunks) {
        struct inode **bigger = reallocarray(t->chunks, t->n_chunks + 1, sizeof *bigger);

        if (!bigger)
            return 0;
        t->chunks = bigger;
        bigger[t->n_chunks] = calloc(CHUNK, sizeof **bigger);
        if (!bigger[t->n_chunks])
            return 0;
        t->n_chunks++;
    }
    return t->used++;
}

/* A slot that cannot be remembered as unused is lost, not a failure. */
static void slot_give(struct inodes *t, uint32_t slot)
{
    if (t->n_unused == t->size_unused) {
        uint32_t size = t->size_unused ? t->size_unused * 2 : 64;
        uint32_t *bigger = reallocarray(t->unused, size, sizeof *bigger);

        if (!bigger)
            return;
        t->unused = bigger;
        t->size_unused = size;
    }
    t->unused[t->n_unused++] = slot;
}

static bool name_set(struct inode *i, const char *name)
{
    size_t len = strlen(name);
    char *far;

    if (len < INODE_NEAR) {
        name_free(i);
        memcpy(i->name.near, name, len + 1);
        return true;
    }
    far = strdup(name);
    if (!far)
        return false;
    name_free(i);
    i->flags |= INODE_LONG_NAME;
    i->name.far = far;
    return true;
}

uint32_t inode_new(struct inodes *t, enum inode_kind kind, const char *name, int64_t now)
{
    uint32_t slot = slot_take(t);
    struct inode *i;

    if (!slot)
        return 0;
    i = raw(t, slot);
    *i = (struct inode){.kind = (uint8_t)kind, .seen = now};
    if (name_set(i, name) && (!inode_is_dir(i) || (i->entries = dir_new(now))))
        return slot;
    name_free(i);
    i->kind = INODE_FREE;
    slot_give(t, slot);
    return 0;
}

const char *inode_name(const struct inode *i)
{
    return i->flags & INODE_LONG_NAME ? i->name.far : i->name.near;
}

bool inode_rename(struct inode *i, const char *name)
{
    return name_set(i, name);
}

bool inode_is_dir(const struct inode *i)
{
    return i->kind == INODE_TOP || i->kind == INODE_POOL || i->kind == INODE_SCRATCH_DIR;
}

void inode_reap(struct inodes *t, uint32_t slot)
{
    struct inode *i = inode_at(t, slot), *parent;
    uint32_t dir;

    if (!i || !(i->flags & INODE_GONE) || i->lookups || i->pins ||
        (i->entries && i->entries->inodes))
        return;
    dir = i->dir;
    inode_note_drop(t, slot);
    name_free(i);
    dir_free(i->entries);
    *i = (struct inode){.kind = INODE_FREE};
    slot_give(t, slot);
    parent = inode_at(t, dir);
    if (!parent || !parent->entries)
        return;
    parent->entries->inodes--;
    inode_reap(t, dir);
}

/* ---- notes -------------------------------------------------------------------------------- */

static struct noted *noted_find(const struct inodes *t, uint32_t slot)
{
    struct noted *n = NULL;

    HASH_FIND(hh, t->notes, &slot, sizeof slot, n);
    return n;
}

struct note *inode_note(const struct inodes *t, uint32_t slot)
{
    const struct inode *i = inode_at(t, slot);
    struct noted *n = i && (i->flags & INODE_NOTED) ? noted_find(t, slot) : NULL;

    return n ? &n->note : NULL;
}

struct note *inode_note_need(struct inodes *t, uint32_t slot)
{
    struct note *note = inode_note(t, slot);
    struct noted *n;

    if (note)
        return note;
    n = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    n->slot = slot;
    HASH_ADD(hh, t->notes, slot, sizeof n->slot, n);
    inode_at(t, slot)->flags |= INODE_NOTED;
    return &n->note;
}

void inode_note_drop(struct inodes *t, uint32_t slot)
{
    struct inode *i = inode_at(t, slot);
    struct noted *n;

    if (!i || !(i->flags & INODE_NOTED))
        return;
    n = noted_find(t, slot);
    i->flags &= (uint8_t)~INODE_NOTED;
    if (!n)
        return;
    HASH_DEL(t->notes, n);
    buf_free(&n->note.text);
    free(n);
}
