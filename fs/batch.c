/* All changes that wait, as one transaction; one by one when that is refused. On the worker. */
#include "drivers/clock.h"
#include "fs/balancer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct batch {
    struct fs_balancer *b;
    struct work *first, **end; /* RUNNING, with the worker's reference */
    struct call_list out;
};

static bool touches(const struct work *w, uint32_t dir)
{
    return w->dir == dir || w->to_dir == dir;
}

/* A list is compared with what is there, so it begins a transaction of its own where the one before
 * would change its pool. */
static bool is_too_early(const struct work *first, const struct work *w)
{
    if (w->kind != WORK_NODES)
        return false;
    while (first != w && !touches(first, w->dir))
        first = first->next;
    return first != w;
}

/* What is queued, up to a list that has to wait, is RUNNING now. */
static void take_queue(struct batch *t)
{
    struct fs_balancer *b = t->b;

    t->first = b->queue;
    t->end = &t->first;
    b->running = 0;
    while (*t->end && !is_too_early(t->first, *t->end)) {
        (*t->end)->state = WORK_RUNNING;
        b->running++;
        t->end = &(*t->end)->next;
    }
    b->queue = *t->end;
    *t->end = NULL;
    if (!b->queue)
        b->queue_end = &b->queue;
    b->queued -= b->running;
    b->hurry = b->queue != NULL;
}

/* rm -f takes some errors for "it was not there": none of them may say that a balancer refused. */
static const struct error *loud(const struct work *w, const struct error *err, struct error *out)
{
    if (!err || (w->kind != WORK_DELETE && w->kind != WORK_RMDIR) ||
        (err->num != EINVAL && err->num != ENOENT && err->num != ENOTDIR))
        return err;
    *out = *err;
    out->num = EREMOTEIO;
    return out;
}

static void finish(struct batch *t, struct work *w, const struct error *refused)
{
    struct fs_balancer *b = t->b;
    struct error changed;
    const struct error *err = loud(w, refused, &changed);

    b->running--;
    work_end(b, w, err, &t->out);
    if (!w->silent) {
        (void)pthread_mutex_unlock(&b->lock);
        work_audit(b, w, b->view.all_hosts ? b->view.all_hosts : "");
        (void)pthread_mutex_lock(&b->lock);
    }
    work_unref(b, w);
}

/* Those whose change has ended. With the lock, which is released meanwhile. */
static void answer(struct batch *t)
{
    (void)pthread_mutex_unlock(&t->b->lock);
    call_resume_all(&t->out);
    (void)pthread_mutex_lock(&t->b->lock);
}

/* ---- .nodes: from a list to changes ------------------------------------------------------- */

/* The name, if the balancer has the node as far as is known. */
static const char *shown_name(const struct fs_balancer *b, const struct dir *d, uint32_t i)
{
    const struct inode *node = inode_at(b->view.inodes, d->by_name[i]);

    if (node->kind != INODE_NODE || node->flags & (INODE_ADDING | INODE_LOST))
        return NULL;
    return inode_name(node);
}

static void change_add(struct work *w, enum change_kind kind, const char *node)
{
    struct error ignored;

    w->changes[w->n] = (struct change){.kind = kind, .pool = w->pool};
    if (node_parse(&w->changes[w->n].node, node, &ignored) == 0)
        w->n++;
}

/* Those wanted that are not there; then those there that are not wanted. Both lists are sorted. */
static void difference(const struct fs_balancer *b, struct work *w, const struct dir *d,
                       enum change_kind kind)
{
    size_t j = 0;

    for (uint32_t i = 0; i < d->n; i++) {
        const char *name = shown_name(b, d, i);
        int order = 1;

        if (!name)
            continue;
        while (j < w->wanted.n && (order = strcmp(w->wanted.at[j].name, name)) < 0) {
            if (kind == ADD_NODE)
                change_add(w, ADD_NODE, w->wanted.at[j].name);
            j++;
        }
        if (j < w->wanted.n && order == 0)
            j++;
        else if (kind == DELETE_NODE)
            change_add(w, DELETE_NODE, name);
    }
    for (; kind == ADD_NODE && j < w->wanted.n; j++)
        change_add(w, ADD_NODE, w->wanted.at[j].name);
}

/* -1: refused. w->n 0: the pool is as wanted. */
static int plan_nodes(struct fs_balancer *b, struct work *w, struct error *err)
{
    const struct inode *pool = inode_at(b->view.inodes, w->dir);
    size_t added;

    if (pool->flags & INODE_GONE)
        return error_set(err, ENOENT, "pool %s is gone", w->pool.name);
    w->changes = calloc(w->wanted.n + pool->entries->n + 1, sizeof *w->changes);
    if (!w->changes) {
        w->changes = w->one;
        return error_set(err, ENOMEM, "out of memory for %zu nodes", w->wanted.n);
    }
    difference(b, w, pool->entries, ADD_NODE);
    added = w->n;
    difference(b, w, pool->entries, DELETE_NODE);
    if (w->n == added)
        return 0;
    return work_guard(b, w, w->dir, w->n - added, added, err);
}

/* The list is judged by what is there now. false: the work has ended. */
static bool plan(struct batch *t, struct work *w)
{
    struct fs_balancer *b = t->b;
    struct error err;
    int result = 0;

    if (w->kind != WORK_NODES)
        return true;
    if (balancer_fresh_ms(b, 0) == 0)
        result = balancer_list(b, 0, &err);
    if (result == 0 && balancer_fresh_ms(b, w->dir) == 0 &&
        !(inode_at(b->view.inodes, w->dir)->flags & INODE_GONE))
        result = balancer_list(b, w->dir, &err);
    if (result == 0)
        result = plan_nodes(b, w, &err);
    if (result == 0 && w->n > 0)
        return true;
    w->silent = result == 0;
    finish(t, w, result == 0 ? NULL : &err);
    return false;
}

static void plan_all(struct batch *t)
{
    struct work *next, **at = &t->first;

    for (struct work *w = t->first; w; w = next) {
        next = w->next;
        if (plan(t, w)) {
            at = &w->next;
        } else {
            *at = next;
            answer(t);
        }
    }
    t->end = at;
}

/* ---- one transaction ---------------------------------------------------------------------- */

static struct change *gather(const struct work *first, const struct work *beyond, size_t *n)
{
    struct change *all;

    *n = 0;
    for (const struct work *w = first; w != beyond; w = w->next)
        *n += w->n;
    all = calloc(*n ? *n : 1, sizeof *all);
    *n = 0;
    for (const struct work *w = first; all && w != beyond; w = w->next) {
        memcpy(all + *n, w->changes, w->n * sizeof *all);
        *n += w->n;
    }
    return all;
}

/* With the lock, which is released meanwhile. */
static int apply(struct fs_balancer *b, const struct work *first, const struct work *beyond,
                 struct error *err)
{
    struct change *all;
    size_t n;
    int result;

    *err = (struct error){0};
    if (clock_now_ms() < b->change_fails_until) {
        *err = b->change_failure;
        return -1;
    }
    b->calling_ms = clock_now_ms();
    (void)pthread_mutex_unlock(&b->lock);
    all = gather(first, beyond, &n);
    result = all ? b->driver->apply(b->lb, all, n, err)
                 : error_set(err, ENOMEM, "out of memory for %zu changes", n);
    free(all);
    (void)pthread_mutex_lock(&b->lock);
    b->calling_ms = 0;
    if (result != 0 && balancer_is_away(err)) {
        b->change_failure = *err;
        b->change_fails_until = clock_now_ms() + FAIL_FAST_MS;
    }
    return result;
}

static void finish_all(struct batch *t, const struct error *err)
{
    struct work *next;

    for (struct work *w = t->first; w; w = next) {
        next = w->next;
        finish(t, w, err);
    }
    t->first = NULL;
}

/* Nodes that its pool has now and keeps when the work is done. */
static size_t left_by(const struct fs_balancer *b, const struct work *w)
{
    const struct dir *d = inode_at(b->view.inodes, w->dir)->entries;
    size_t n = 0;

    for (uint32_t i = 0; i < d->n; i++)
        n += d->by_name[i] != w->slot && shown_name(b, d, i);
    return n;
}

/* With commit_delay a removal was judged with the additions before it: they may have failed. */
static bool is_still_allowed(const struct fs_balancer *b, const struct work *w, struct error *err)
{
    bool leaves = w->kind == WORK_RENAME && w->guarded && w->to_dir != w->dir;

    if (!leaves && !(w->kind == WORK_DELETE && w->accepted))
        return true;
    return guard_left(b->guard, w->guarded_pool.name, left_by(b, w), err) == 0;
}

/* Only the guilty one fails. What is unknown of all of them is not tried again. */
static void one_by_one(struct batch *t)
{
    struct work *next;
    struct error err;

    for (struct work *w = t->first; w; w = next) {
        next = w->next;
        finish(t, w,
               is_still_allowed(t->b, w, &err) && apply(t->b, w, next, &err) == 0 ? NULL : &err);
        answer(t);
    }
    t->first = NULL;
}

/* What was queued meanwhile would fail in the same way: it gets the answer now. */
static void fail_queue(struct batch *t)
{
    const struct error err = t->b->change_failure;

    while (clock_now_ms() < t->b->change_fails_until && t->b->queue) {
        take_queue(t);
        finish_all(t, &err);
    }
}

void batch_run(struct fs_balancer *b)
{
    struct batch t = {.b = b, .out = {NULL, NULL, 0}};
    struct error err;

    take_queue(&t);
    plan_all(&t);
    if (t.first) {
        if (apply(b, t.first, NULL, &err) == 0)
            finish_all(&t, NULL);
        else if (!t.first->next || balancer_is_away(&err) || err.num == EIO)
            finish_all(&t, &err);
        else
            one_by_one(&t);
    }
    fail_queue(&t);
    answer(&t);
}
