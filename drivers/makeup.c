/* Hosts that are not as the others: what they missed while they were down, and what differs. */
#include "drivers/clock.h"
#include "drivers/hosts.h"
#include "drivers/listing.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BEHIND_MS 15000 /* a host that cannot make up for what it missed is tried so often */

/* ---- the record --------------------------------------------------------------------------- */

/* It is the first of the sorted files: no pool's name begins with a dot. */
static const struct file *record_of(const struct host *h)
{
    return h->files.n && strcmp(h->files.at[0].name, MISSED_FILE) == 0 ? &h->files.at[0] : NULL;
}

struct files host_pools(const struct host *h)
{
    size_t skip = record_of(h) ? 1 : 0;

    return (struct files){h->files.at + skip, h->files.n - skip, 0, false};
}

void record_collect(struct hosts *hs, struct missed *m)
{
    for (size_t i = 0; i < hs->n; i++) {
        const struct host *h = &hs->at[i];
        const struct file *f = h->up ? record_of(h) : NULL;

        if (f)
            missed_read(m, f->text, f->len);
    }
    missed_settle(m);
    (void)pthread_mutex_lock(&hs->lock);
    for (size_t i = 0; i < hs->n; i++)
        hs->at[i].status.missed = missed_count(m, hs->at[i].name);
    (void)pthread_mutex_unlock(&hs->lock);
}

static bool has_text(const struct file *f, const struct buf *text)
{
    if (!f)
        return text->len == 0;
    return f->len == text->len && memcmp(f->text, buf_text(text), text->len) == 0;
}

int record_put(struct hosts *hs, const struct missed *m, struct error *err)
{
    struct buf text = BUF_INIT;

    missed_text(m, &text);
    for (size_t i = 0; i < hs->n; i++) {
        struct host *h = &hs->at[i];

        if (h->up && !has_text(record_of(h), &text))
            files_add(&h->change, MISSED_FILE, text.len ? buf_text(&text) : NULL, text.len, "");
    }
    if (m->failed || text.failed) {
        buf_free(&text);
        return error_set(err, ENOMEM, "out of memory");
    }
    buf_free(&text);
    return 0;
}

/* ---- making up ---------------------------------------------------------------------------- */

static struct host *first_behind(struct hosts *hs, const struct missed *m)
{
    for (size_t i = 0; i < hs->n; i++)
        if (hs->at[i].up && missed_count(m, hs->at[i].name))
            return &hs->at[i];
    return NULL;
}

static int edit(const struct host *h, const struct change *changes, size_t n, struct files *out,
                struct error *err)
{
    const struct hosts_dialect *d = &h->hosts->dialect;
    const struct files pools = host_pools(h);

    files_clear(out);
    return d->edit(d->arg, &pools, changes, n, out, err);
}

/* As much of it as can still be done: a pool that got nodes by hand stays, and .status tells. */
static void make_up_edit(struct host *h, const struct missed *m)
{
    struct change *changes = NULL;
    size_t n = missed_changes(m, h->name, &changes), kept = 0;
    struct error why;

    if (edit(h, changes, n, &h->change, &why) != 0) {
        for (size_t i = 0; i < n; i++) {
            changes[kept] = changes[i];
            if (edit(h, changes, kept + 1, &h->change, &why) == 0)
                kept++;
            else
                host_error_note(h, why.text);
        }
        if (edit(h, changes, kept, &h->change, &why) != 0)
            files_clear(&h->change);
    }
    free(changes);
}

static void set_aside(struct host *h, const struct error *why)
{
    h->up = h->is_read = false;
    h->err = h->why = *why;
    h->behind_until = clock_now_ms() + BEHIND_MS;
    host_error_note(h, why->text);
}

static enum outcome make_up_one(struct host *h, struct missed *m, int64_t deadline)
{
    struct hosts *hs = h->hosts;
    struct error why = {0};
    enum outcome outcome = FAILED;

    for (size_t i = 0; i < hs->n; i++)
        files_clear(&hs->at[i].change);
    make_up_edit(h, m);
    missed_drop(m, h->name);
    if (record_put(hs, m, &why) == 0)
        outcome = phases(hs, deadline, &why);
    for (size_t i = 0; i < hs->n; i++)
        hs->at[i].given_up = false;
    if (outcome == FAILED)
        set_aside(h, &why);
    return outcome;
}

enum outcome make_up(struct hosts *hs, int64_t deadline, struct error *err)
{
    struct missed m = MISSED_INIT;
    enum outcome outcome = DONE;
    struct host *h;

    record_collect(hs, &m);
    h = first_behind(hs, &m);
    if (h && make_up_one(h, &m, deadline) != FAILED)
        outcome = AGAIN;
    else if (h)
        outcome = quorum_check(hs, err) == 0 ? AGAIN : FAILED;
    missed_clear(&m);
    return outcome;
}

/* ---- differences -------------------------------------------------------------------------- */

static struct listing *list_all(struct hosts *hs, struct error *err)
{
    struct listing *l = listing_new(NULL);

    for (size_t i = 0; l && i < hs->n; i++) {
        const struct files pools = host_pools(&hs->at[i]);

        if (!hs->at[i].up)
            continue;
        listing_host(l, hs->at[i].name);
        hs->dialect.list(hs->dialect.arg, &pools, l);
    }
    if (!l || listing_finish(l, err) != 0) {
        listing_free(l);
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    return l;
}

/* Does one of the changes go on with that pool? One that removes it needs no more nodes in it. */
static const struct pool *wanted_pool(const char *name, const struct change *changes, size_t n)
{
    const struct pool *pool = NULL;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(changes[i].pool.name, name) != 0)
            continue;
        if (changes[i].kind == DELETE_POOL)
            return NULL;
        pool = &changes[i].pool;
    }
    return pool;
}

struct mending {
    struct change *at;
    size_t n, size;
    bool failed;
};

static void mending_add(struct mending *m, enum change_kind kind, const struct pool *pool,
                        const char *node)
{
    struct error ignored;
    struct change c = {.kind = kind, .pool = *pool};

    if (node && node_parse(&c.node, node, &ignored) != 0)
        return;
    if (m->n == m->size) {
        size_t size = m->size ? 2 * m->size : 16;
        struct change *at = reallocarray(m->at, size, sizeof *at);

        m->failed |= !at;
        if (!at)
            return;
        m->at = at;
        m->size = size;
    }
    m->at[m->n++] = c;
}

int mend_changes(struct hosts *hs, const struct change *changes, size_t n, struct change **out,
                 size_t *n_out, struct error *err)
{
    struct listing *l = list_all(hs, err);
    struct mending m = {0};

    *out = NULL;
    *n_out = 0;
    if (!l)
        return -1;
    for (size_t p = 0; p < listing_pool_count(l); p++) {
        const struct pool *pool = wanted_pool(listing_pool_name(l, p), changes, n);

        if (pool && listing_pool_hosts(l, p))
            mending_add(&m, CREATE_POOL, pool, NULL);
        for (size_t i = 0; pool && i < listing_node_count(l, p); i++)
            if (listing_node_hosts(l, p, i))
                mending_add(&m, ADD_NODE, pool, listing_node_name(l, p, i));
    }
    listing_free(l);
    if (m.failed) {
        free(m.at);
        return error_set(err, ENOMEM, "out of memory");
    }
    *out = m.at;
    *n_out = m.n;
    return 0;
}
