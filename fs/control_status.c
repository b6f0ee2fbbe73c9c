/* What .status says, gathered: the balancer's own numbers, its driver's words, differing hosts. */
#include "fs/control.h"
#include "fs/status_text.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIFFERENCES_MAX 100
#define HIDDEN_MAX 100

/* All copied, so that the text is made without a lock. */
struct gathered {
    struct balancer_status s;
    char name[64], driver[64];
    struct error last;
    struct buf last_change;
    struct status_difference differences[DIFFERENCES_MAX];
    struct status_pool hidden[HIDDEN_MAX];
};

static void gathered_free(struct gathered *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->s.n_differences; i++) {
        free((void *)(uintptr_t)g->differences[i].pool);
        free((void *)(uintptr_t)g->differences[i].node);
        free((void *)(uintptr_t)g->differences[i].hosts);
    }
    for (size_t i = 0; i < g->s.n_hidden; i++)
        free((void *)(uintptr_t)g->hidden[i].name);
    status_free((struct status *)(uintptr_t)g->s.of);
    buf_free(&g->last_change);
    free(g);
}

static void put_difference(struct gathered *g, const struct fs_balancer *b, const char *pool,
                           const struct inode *i)
{
    struct status_difference *d;

    g->s.all_differences++;
    if (g->s.n_differences == DIFFERENCES_MAX)
        return;
    d = &g->differences[g->s.n_differences++];
    d->pool = strdup(pool);
    d->node = i->kind == INODE_NODE ? strdup(inode_name(i)) : NULL;
    d->hosts = strdup(view_hosts(&b->view, i));
}

static void gather_pool(struct gathered *g, const struct fs_balancer *b, const struct inode *pool)
{
    const char *name = inode_name(pool);

    if (pool->hosts)
        put_difference(g, b, name, pool);
    for (uint32_t i = 0; i < pool->entries->n; i++) {
        const struct inode *node = inode_at(b->view.inodes, pool->entries->by_name[i]);

        if (node->kind == INODE_NODE && node->hosts && node->hosts != pool->hosts)
            put_difference(g, b, name, node);
    }
    if (!pool->entries->hidden || g->s.n_hidden == HIDDEN_MAX)
        return;
    g->hidden[g->s.n_hidden++] = (struct status_pool){strdup(name), pool->entries->hidden};
}

/* With the lock. */
static void gather_view(struct gathered *g, const struct fs_balancer *b)
{
    const struct dir *top = inode_at(b->view.inodes, SLOT_TOP)->entries;

    g->s.listed_ms = b->view.listed_ms;
    g->s.pools = b->view.pools;
    g->s.nodes = b->view.nodes;
    g->s.refused_names = b->view.refused;
    for (uint32_t i = 0; i < top->n; i++)
        gather_pool(g, b, inode_at(b->view.inodes, top->by_name[i]));
    g->s.differences = g->differences;
    g->s.hidden = g->hidden;
}

static void gather_state(struct gathered *g, struct fs_balancer *b)
{
    (void)snprintf(g->name, sizeof g->name, "%s", b->name);
    (void)snprintf(g->driver, sizeof g->driver, "%s", b->driver->name);
    g->s.name = g->name;
    g->s.driver = g->driver;
    g->s.state = b->was_up ? "up" : b->was_down ? "down" : "unknown";
    g->s.read_only = options_bool(b->options, "read_only") || fs_settings(b->fs)->read_only;
    g->s.stale = b->stale;
    g->s.queued = b->queued;
    g->s.running = b->running;
    g->s.last_change_ms = b->last_change_ms;
    if (b->last_change)
        buf_str(&g->last_change, b->last_change);
    g->s.last_change = g->last_change.len ? buf_text(&g->last_change) : NULL;
    g->last = b->last_error;
    if (!g->last.num)
        return;
    g->s.last_error_ms = b->last_error_ms;
    g->s.last_error = g->last.text;
    g->s.last_errno = strerrorname_np(g->last.num);
}

static struct gathered *gather(struct fs_balancer *b)
{
    struct gathered *g = calloc(1, sizeof *g);
    struct status *of = status_new();

    if (!g || !of) {
        status_free(of);
        free(g);
        return NULL;
    }
    g->s.of = of;
    (void)pthread_mutex_lock(&b->lock);
    gather_state(g, b);
    gather_view(g, b);
    if (b->driver->status && !b->closed)
        b->driver->status(b->lb, of);
    (void)pthread_mutex_unlock(&b->lock);
    return g;
}

int control_status(struct fs_balancer *b, struct buf *out, struct error *err)
{
    struct gathered *g = gather(b);
    int result = g ? status_text_balancer(&g->s, out, err)
                   : error_set(err, ENOMEM, "out of memory for .status");

    gathered_free(g);
    return result;
}

static size_t gather_all(struct fs *fs, struct gathered **all, struct balancer_status *status,
                         size_t size)
{
    struct fs_balancer *b;
    uint32_t serial = 0;
    size_t n = 0;

    while (n < size && (b = fs_after(fs, serial))) {
        serial = b->serial;
        all[n] = gather(b);
        if (!all[n])
            break;
        status[n] = all[n]->s;
        n++;
    }
    return n;
}

int control_status_all(struct fs *fs, struct buf *out, struct error *err)
{
    size_t size = (size_t)atomic_load(&fs->shown) + 1, n = 0;
    struct gathered **all = calloc(size, sizeof *all);
    struct balancer_status *status = calloc(size, sizeof *status);
    int result;

    if (all && status)
        n = gather_all(fs, all, status, size);
    result = all && status ? status_text_all(BALANCERFS_VERSION, status, n, out, err)
                           : error_set(err, ENOMEM, "out of memory for .status");
    for (size_t i = 0; i < n; i++)
        gathered_free(all[i]);
    free(all);
    free(status);
    return result;
}
