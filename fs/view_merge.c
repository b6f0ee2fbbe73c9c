/* Makes a view what a listing says: two sorted lists side by side, and nothing written where they
 * agree. */
#include "fs/view.h"
#include <stdlib.h>
#include <string.h>

#define HOST_SETS_MAX 4096

struct merge {
    struct view *v;
    const struct listing *l;
    int64_t now;
    view_gone *gone;
    void *arg;
    const char *last_hosts; /* and the set it is: listings give equal sets the same pointer */
    uint16_t last_set;
};

static uint16_t host_set(struct merge *m, const char *hosts)
{
    struct view *v = m->v;
    char **bigger;

    if (!hosts)
        return 0;
    if (hosts == m->last_hosts)
        return m->last_set;
    m->last_hosts = hosts;
    for (uint16_t i = 0; i < v->n_host_sets; i++)
        if (strcmp(v->host_sets[i], hosts) == 0)
            return m->last_set = (uint16_t)(i + 1);
    bigger = v->n_host_sets < HOST_SETS_MAX
                 ? reallocarray(v->host_sets, v->n_host_sets + 1, sizeof *bigger)
                 : NULL;
    if (!bigger)
        return m->last_set = 0;
    v->host_sets = bigger;
    bigger[v->n_host_sets] = strdup(hosts);
    if (bigger[v->n_host_sets])
        v->n_host_sets++;
    return m->last_set = v->n_host_sets;
}

/* What only its change, or nobody, may take away. */
static bool stays(const struct inode *i)
{
    if (i->kind == INODE_NODE)
        return i->flags & (INODE_ADDING | INODE_DELETING);
    if (i->kind != INODE_POOL)
        return true;
    return i->entries->pending > 0 || (i->entries->entered && !i->entries->exists);
}

static void tell_gone(struct merge *m, const struct inode *i)
{
    if (i->lookups && m->gone)
        m->gone(m->arg, i->dir, inode_name(i));
}

/* ---- the nodes of a pool ------------------------------------------------------------------ */

struct arrays {
    uint32_t *by_name;
    uint32_t n;
};

/* A node that somebody is adding here may have come in another way. */
static void is_there(struct merge *m, uint32_t slot)
{
    struct inode *i = inode_at(m->v->inodes, slot);

    i->flags &= (uint8_t)~INODE_LOST;
    if (i->flags & INODE_ADDING)
        view_flag(m->v, slot, 0, INODE_ADDING | INODE_ACCEPTED);
}

/* What is being deleted is hidden or leaves soon; whoever takes that back must not find it. */
static void is_lost(struct inode *i)
{
    if (i->flags & INODE_DELETING)
        i->flags |= INODE_LOST;
}

static bool is_same(struct merge *m, const struct dir *d, size_t pool)
{
    size_t j = 0, n = listing_node_count(m->l, pool);

    for (uint32_t i = 0; i < d->n; i++) {
        struct inode *have = inode_at(m->v->inodes, d->by_name[i]);
        int order = j < n ? strcmp(inode_name(have), listing_node_name(m->l, pool, j)) : -1;

        if (order > 0 || (order < 0 && !stays(have)))
            return false;
        if (order < 0)
            is_lost(have);
        if (order == 0) {
            is_there(m, d->by_name[i]);
            have->hosts = host_set(m, listing_node_hosts(m->l, pool, j));
            j++;
        }
    }
    return j == n;
}

static bool put_new(struct merge *m, uint32_t dir, size_t pool, size_t node, struct arrays *out)
{
    uint32_t slot =
        inode_new(m->v->inodes, INODE_NODE, listing_node_name(m->l, pool, node), m->now);
    struct dir *d = inode_at(m->v->inodes, dir)->entries;
    struct inode *i;

    if (!slot)
        return false;
    i = inode_at(m->v->inodes, slot);
    i->dir = dir;
    i->seq = ++d->last_seq;
    i->hosts = host_set(m, listing_node_hosts(m->l, pool, node));
    d->inodes++;
    d->shown++;
    d->staying++;
    m->v->nodes++;
    m->v->staying++;
    out->by_name[out->n++] = slot;
    return true;
}

/* An entry of the view that the listing has not. */
static void keep_or_drop(struct merge *m, struct dir *d, uint32_t slot, struct arrays *out)
{
    struct inode *i = inode_at(m->v->inodes, slot);

    if (stays(i)) {
        is_lost(i);
        out->by_name[out->n++] = slot;
        return;
    }
    tell_gone(m, i);
    d->shown--;
    d->staying--;
    m->v->nodes--;
    m->v->staying--;
    i->flags |= INODE_GONE;
    inode_reap(m->v->inodes, slot);
}

/* false: no memory; what was not come to yet stays as it was. */
static bool walk(struct merge *m, uint32_t dir, size_t pool, struct arrays *out)
{
    struct dir *d = inode_at(m->v->inodes, dir)->entries;
    size_t j = 0, n = listing_node_count(m->l, pool);
    bool complete = true;

    for (uint32_t i = 0; i < d->n || (complete && j < n);) {
        const struct inode *have = i < d->n ? inode_at(m->v->inodes, d->by_name[i]) : NULL;
        int order = !have ? 1
                    : !complete || j >= n
                        ? -1
                        : strcmp(inode_name(have), listing_node_name(m->l, pool, j));

        if (order == 0) {
            is_there(m, d->by_name[i]);
            inode_at(m->v->inodes, d->by_name[i])->hosts =
                host_set(m, listing_node_hosts(m->l, pool, j));
            out->by_name[out->n++] = d->by_name[i++];
            j++;
        } else if (order < 0) {
            if (complete)
                keep_or_drop(m, d, d->by_name[i], out);
            else
                out->by_name[out->n++] = d->by_name[i];
            i++;
        } else {
            complete = put_new(m, dir, pool, j, out);
            j++;
        }
    }
    return complete;
}

static bool merge_nodes(struct merge *m, uint32_t dir, size_t pool)
{
    struct inode *p = inode_at(m->v->inodes, dir);
    struct arrays out = {NULL, 0};
    bool complete;

    p->hosts = host_set(m, listing_pool_hosts(m->l, pool));
    p->entries->hidden = (uint32_t)listing_pool_hidden(m->l, pool);
    if (is_same(m, p->entries, pool))
        return true;
    out.by_name =
        calloc((size_t)p->entries->n + listing_node_count(m->l, pool) + 1, sizeof *out.by_name);
    if (!out.by_name)
        return false;
    /* Held, since its last entry may be all that keeps it. */
    p->pins++;
    complete = walk(m, dir, pool, &out);
    p->pins--;
    p->entries->has_text_size = false;
    p->entries->changed = p->entries->nodes_changed = m->now;
    return dir_replace(m->v->inodes, p->entries, out.by_name, out.n) && complete;
}

/* ---- pools -------------------------------------------------------------------------------- */

static void pool_exists(struct view *v, uint32_t slot, bool exists)
{
    struct dir *d = inode_at(v->inodes, slot)->entries;

    if (d->exists == exists)
        return;
    d->exists = exists;
    v->pools += exists ? 1 : (size_t)-1;
}

static bool merge_pools(struct merge *m)
{
    for (size_t p = 0; p < listing_pool_count(m->l); p++) {
        const char *name = listing_pool_name(m->l, p);
        uint32_t slot = view_pool(m->v, name);

        if (!slot)
            slot = view_add(m->v, SLOT_TOP, INODE_POOL, name, 0, m->now);
        if (!slot)
            return false;
        pool_exists(m->v, slot, true);
        if (listing_whole(m->l) && !merge_nodes(m, slot, p))
            return false;
    }
    return true;
}

/* The pool is held by a change that may make it again, and then holds nothing else. */
static void lose_nodes(struct merge *m, const struct dir *pool)
{
    for (uint32_t n = pool->n; n-- > 0;) {
        uint32_t slot = pool->by_name[n];
        struct inode *i = inode_at(m->v->inodes, slot);

        if (stays(i)) {
            is_lost(i);
            continue;
        }
        tell_gone(m, i);
        view_remove(m->v, slot, m->now);
    }
}

static void drop_pools(struct merge *m)
{
    const struct dir *top = inode_at(m->v->inodes, SLOT_TOP)->entries;
    size_t p = listing_pool_count(m->l);

    for (uint32_t i = top->n; i-- > 0;) {
        uint32_t slot = top->by_name[i];
        struct inode *have = inode_at(m->v->inodes, slot);
        int order = -1;

        while (p > 0 && (order = strcmp(listing_pool_name(m->l, p - 1), inode_name(have))) > 0)
            p--;
        if (p > 0 && order == 0)
            continue;
        if (stays(have)) {
            if (have->kind == INODE_POOL)
                lose_nodes(m, have->entries);
            continue;
        }
        for (uint32_t n = 0; n < have->entries->n; n++)
            tell_gone(m, inode_at(m->v->inodes, have->entries->by_name[n]));
        tell_gone(m, have);
        view_remove(m->v, slot, m->now);
    }
}

bool view_merge_all(struct view *v, const struct listing *l, int64_t now, view_gone *gone,
                    void *arg)
{
    struct merge m = {.v = v, .l = l, .now = now, .gone = gone, .arg = arg};

    if (!merge_pools(&m))
        return false;
    drop_pools(&m);
    free(v->all_hosts);
    v->all_hosts = strdup(listing_all_hosts(l));
    v->refused = listing_refused(l);
    return true;
}

bool view_merge_pool(struct view *v, uint32_t pool, const struct listing *l, int64_t now,
                     view_gone *gone, void *arg)
{
    struct merge m = {.v = v, .l = l, .now = now, .gone = gone, .arg = arg};
    const char *name = inode_name(inode_at(v->inodes, pool));

    for (size_t p = 0; p < listing_pool_count(l); p++)
        if (strcmp(listing_pool_name(l, p), name) == 0)
            return merge_nodes(&m, pool, p);
    return true;
}
